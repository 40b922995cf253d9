//! Frames that belong to no request, as fast as the other side takes them (G-07). Used by the kernel's tests as well.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::wire::{END_HEADERS, frame, header_block, hello, kind};

/// What is said once, and then again and again.
#[derive(Debug, Clone)]
pub struct Flood {
    /// Its name.
    pub what: &'static str,
    first: Vec<u8>,
    again: Vec<u8>,
}

/// Every flood. Those that need a stream open one for this path and leave it so.
pub fn all(path: &str) -> Vec<Flood> {
    let stream = frame(kind::HEADERS, END_HEADERS, 1, &header_block(path));
    let half = frame(kind::HEADERS, 0, 1, &header_block(path));
    let window = |size: u32| frame(kind::SETTINGS, 0, 0, &[&[0, 4][..], &size.to_be_bytes()].concat());
    let flood = |what, first: &[u8], again: Vec<u8>| Flood {
        what,
        first: first.to_vec(),
        again,
    };
    vec![
        flood("PING", &[], frame(kind::PING, 0, 0, &[1; 8])),
        flood("PING answers", &[], frame(kind::PING, 1, 0, &[1; 8])),
        flood("SETTINGS", &[], window(65_535)),
        flood("empty SETTINGS", &[], frame(kind::SETTINGS, 0, 0, &[])),
        flood(
            "windows opened and shut",
            &stream,
            [window(0), window(0x7fff_0000)].concat(),
        ),
        flood("PRIORITY", &[], frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 9])),
        flood("an unknown type", &[], frame(0xfa, 0, 0, &[7; 64])),
        flood("an unknown type on a stream", &stream, frame(0xfa, 0, 1, &[7; 64])),
        flood("WINDOW_UPDATE", &[], frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        flood(
            "WINDOW_UPDATE of a stream",
            &stream,
            frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
        flood("empty DATA", &stream, frame(kind::DATA, 0, 1, &[])),
        flood(
            "CONTINUATION",
            &half,
            frame(kind::CONTINUATION, 0, 1, &[0x40, 1, b'a', 1, b'b']),
        ),
        flood("empty CONTINUATION", &half, frame(kind::CONTINUATION, 0, 1, &[])),
        flood(
            "RST_STREAM of nothing",
            &[],
            frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        ),
    ]
}

impl Flood {
    /// Floods a fresh connection for so long; after how long it was closed.
    pub async fn pour(&self, mut socket: TcpStream, limit: Duration) -> Option<Duration> {
        let _ = socket.write_all(&[hello(), self.first.clone()].concat()).await;
        let (mut reading, mut writing) = socket.into_split();
        let sink = tokio::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while reading.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
        });
        let many = self.again.repeat(1_000);
        let started = Instant::now();
        let closed = timeout(limit, async { while writing.write_all(&many).await.is_ok() {} }).await;
        sink.abort();
        closed.ok().map(|()| started.elapsed())
    }
}
