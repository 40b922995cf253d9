//! G-07: frames that belong to no request.

use std::time::{Duration, Instant};

use bytes::Bytes;
use muster_kernel::edge::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::Server;
use crate::wire::{Client, END_HEADERS, frame, header_block, hello, kind, say};

fn open_stream() -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS, 1, &header_block("/hold"))
}

/// What is said once, and then again and again.
fn floods() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let settings = [0, 4, 0, 0, 0xff, 0xff];
    vec![
        ("PING", vec![], frame(kind::PING, 0, 0, &[1; 8])),
        ("PING answers", vec![], frame(kind::PING, 1, 0, &[1; 8])),
        ("SETTINGS", vec![], frame(kind::SETTINGS, 0, 0, &settings)),
        ("empty SETTINGS", vec![], frame(kind::SETTINGS, 0, 0, &[])),
        ("PRIORITY", vec![], frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 9])),
        ("an unknown type", vec![], frame(0xfa, 0, 0, &[7; 64])),
        (
            "an unknown type on a stream",
            open_stream(),
            frame(0xfa, 0, 1, &[7; 64]),
        ),
        ("WINDOW_UPDATE", vec![], frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        (
            "WINDOW_UPDATE of a stream",
            open_stream(),
            frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]),
        ),
        ("empty DATA", open_stream(), frame(kind::DATA, 0, 1, &[])),
        (
            "CONTINUATION",
            frame(kind::HEADERS, 0, 1, &header_block("/")),
            frame(kind::CONTINUATION, 0, 1, &[0x40, 1, b'a', 1, b'b']),
        ),
        (
            "empty CONTINUATION",
            frame(kind::HEADERS, 0, 1, &header_block("/")),
            frame(kind::CONTINUATION, 0, 1, &[]),
        ),
        (
            "RST_STREAM of nothing",
            vec![],
            frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]),
        ),
    ]
}

/// Floods for so long; answers after how long the connection was closed.
#[allow(clippy::disallowed_methods, reason = "it measures")]
async fn flood(address: &str, first: &[u8], again: &[u8], limit: Duration) -> Option<Duration> {
    let (mut reading, mut writing) = say(address, &[hello(), first.to_vec()].concat()).await.into_split();
    let sink = tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while reading.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    let many = again.repeat(1_000);
    let started = Instant::now();
    let floods = async { while writing.write_all(&many).await.is_ok() {} };
    let closed = tokio::time::timeout(limit, floods).await.is_ok();
    sink.abort();
    closed.then(|| started.elapsed())
}

/// Memory that this process has in use, the attacker's with it: MiB.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    (pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096) >> 20
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_floods_are_cut_and_the_others_go_on() {
    let server = Server::start(Limits::default()).await;
    let other = Client::connect(&server.address).await;
    for (what, first, again) in floods() {
        let (attack, well) = (flood(&server.address, &first, &again, Duration::from_secs(5)), async {
            let mut slowest = Duration::ZERO;
            for _ in 0..10 {
                let started = tokio::time::Instant::now();
                assert_eq!(
                    other.call(Client::request("/"), Bytes::new()).await.unwrap().status,
                    200
                );
                slowest = slowest.max(started.elapsed());
            }
            slowest
        });
        let before = resident();
        let (closed, slowest) = tokio::join!(attack, well);
        let grown = resident().saturating_sub(before);
        println!("G-07: {what}: cut after {closed:?}; slowest of the others {slowest:?}; {grown} MiB more");
        // Without nextest other tests share the process and its memory.
        let alone = std::env::var_os("NEXTEST").is_some();
        assert!(grown <= 16 || !alone, "{what}: {grown} MiB");
        assert!(closed.is_some(), "{what} goes on");
        assert!(slowest < Duration::from_secs(1), "{what}: {slowest:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_the_bare_stack_lets_them_flood() {
    let server = Server::start(Limits::bare()).await;
    for (what, first, again) in floods()
        .into_iter()
        .filter(|(what, ..)| ["PING", "PRIORITY", "an unknown type"].contains(what))
    {
        assert_eq!(
            flood(&server.address, &first, &again, Duration::from_millis(700)).await,
            None,
            "{what}"
        );
    }
}

/// Large requests are not a flood, whether they are read or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_requests_are_never_counted_as_a_flood() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(&server.address).await;
    for _ in 0..40 {
        let mut requests = client.requests.clone().ready().await.unwrap();
        let (response, mut stream) = requests.send_request(Client::request("/read"), false).unwrap();
        stream.reserve_capacity(200_000);
        let body = Bytes::from(vec![3; 200_000]);
        stream.send_data(body, true).unwrap();
        assert_eq!(
            crate::wire::read(response.await.unwrap()).await.unwrap().body,
            b"200000"
        );
    }
    for _ in 0..100 {
        // Refused before its body is read, as a request with an old token is.
        let _ = client.call(Client::request("/"), Bytes::from(vec![3; 60_000])).await;
    }
    assert_eq!(
        client.call(Client::request("/"), Bytes::new()).await.unwrap().status,
        200
    );
}
