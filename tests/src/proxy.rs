//! A wire that can lose answers: requests arrive and are acted on, what comes back is swallowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

/// HTTP/2: a frame has a head of nine bytes; type 1 are headers, with which every answer begins.
const HEAD: usize = 9;
const HEADERS: u8 = 1;

/// One connection through a wire that can be cut.
pub struct Wire {
    /// The connection.
    pub channel: Channel,
    swallowing: Arc<AtomicBool>,
    swallowed: watch::Receiver<bool>,
    cut: watch::Sender<bool>,
}

impl Wire {
    /// A wire to this address.
    pub async fn to(address: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let here = listener.local_addr().expect("an address");
        let swallowing = Arc::new(AtomicBool::new(false));
        let (seen, swallowed) = watch::channel(false);
        let (cut, is_cut) = watch::channel(false);
        let (to, swallows) = (address.to_owned(), Arc::clone(&swallowing));
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.expect("a client");
            let server = TcpStream::connect(to).await.expect("the server answers");
            pass(client, server, swallows, seen, is_cut).await;
        });
        let channel = Endpoint::from_shared(format!("http://{here}")).expect("an address");
        let channel = channel.connect().await.expect("the wire stands");
        Self {
            channel,
            swallowing,
            swallowed,
            cut,
        }
    }

    /// From now on nothing comes back.
    pub fn swallow(&self) {
        self.swallowing.store(true, Ordering::SeqCst);
    }

    /// Waits until an answer was swallowed, then cuts the wire.
    pub async fn cut_after_answer(mut self) {
        let answered = tokio::time::timeout(Duration::from_secs(10), self.swallowed.wait_for(|seen| *seen)).await;
        assert!(
            answered.is_ok_and(|seen| seen.is_ok()),
            "no answer came that could be lost"
        );
        let _ = self.cut.send(true);
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    swallowing: Arc<AtomicBool>,
    seen: watch::Sender<bool>,
    mut is_cut: watch::Receiver<bool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let there = async move { tokio::io::copy(&mut from_client, &mut to_server).await };
    let back = async move {
        let (mut buffer, mut frames) = (vec![0; 16 * 1024], Frames::default());
        while let Ok(count @ 1..) = from_server.read(&mut buffer).await {
            let bytes = buffer.get(..count).unwrap_or_default();
            let answers = frames.take(bytes);
            if !swallowing.load(Ordering::SeqCst) {
                if to_client.write_all(bytes).await.is_err() {
                    return;
                }
            } else if answers {
                let _ = seen.send(true);
            }
        }
    };
    tokio::select! {
        _ = there => {}
        () = back => {}
        _ = is_cut.wait_for(|cut| *cut) => {}
    }
}

/// Finds where frames begin in what flows by.
#[derive(Default)]
struct Frames {
    head: Vec<u8>,
    left: usize,
}

impl Frames {
    /// Takes bytes in; tells whether the head of an answer was among them.
    fn take(&mut self, mut bytes: &[u8]) -> bool {
        let mut found = false;
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = bytes.get(skipped..).unwrap_or_default();
                continue;
            }
            let wanted = HEAD - self.head.len();
            let (now, later) = bytes.split_at(wanted.min(bytes.len()));
            self.head.extend_from_slice(now);
            bytes = later;
            if let [a, b, c, kind, ..] = *self.head.as_slice()
                && self.head.len() == HEAD
            {
                self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                found |= kind == HEADERS;
                self.head.clear();
            }
        }
        found
    }
}
