//! G-07: frames that belong to no request.

use std::time::Duration;

use bytes::Bytes;
use muster_kernel::edge::Limits;
use tokio::io::AsyncWriteExt;

use crate::floods::{self, Flood};
use crate::server::Server;
use crate::wire::{Client, END_HEADERS, END_STREAM, frame, frames, header_block, hello, kind, say};

/// Memory that this process has in use, the attacker's with it: MiB.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    (pages.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096) >> 20
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_floods_are_cut_and_the_others_go_on() {
    for flood in floods::all("/hold") {
        // Of its own, since who was cut waits before he may come again.
        let server = Server::start(Limits::default()).await;
        let other = Client::connect(&server.address).await;
        let (what, socket) = (flood.what, say(&server.address, b"").await);
        let (attack, well) = (flood.pour(socket, Duration::from_secs(5)), async {
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
    let kept = |flood: &Flood| ["PING", "PRIORITY", "an unknown type"].contains(&flood.what);
    for flood in floods::all("/hold").into_iter().filter(kept) {
        let socket = say(&server.address, b"").await;
        assert_eq!(
            flood.pour(socket, Duration::from_millis(700)).await,
            None,
            "{}",
            flood.what
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

/// One long header that is written once and meant four thousand times: 16 KiB that become 16 MiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_07_headers_that_unfold_are_refused_and_not_kept() {
    let server = Server::start(Limits::default()).await;
    let other = Client::connect(&server.address).await;
    // A new entry, its name x, its value of 127 + 33 + 30 * 128 letters.
    let long = [&[0x40, 1, b'x', 0x7f, 0x80 | 33, 30][..], &[b'a'; 4_000]].concat();
    let before = resident();
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(say(&server.address, b"").await);
    }
    for socket in &mut sockets {
        let mut bytes = hello();
        for stream in 0..5 {
            let first = if stream == 0 { long.clone() } else { Vec::new() };
            // 62 is the first entry of the table that grows.
            let block = [header_block("/"), first, vec![0x80 | 62; 4_000]].concat();
            bytes.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, &block));
        }
        socket.write_all(&bytes).await.unwrap();
    }
    for socket in &mut sockets {
        let seen = frames(socket, Duration::from_millis(200)).await;
        let refused = seen
            .iter()
            .any(|(kind, ..)| [kind::GOAWAY, kind::RST_STREAM].contains(kind));
        assert!(refused, "{seen:?}");
    }
    let grown = resident().saturating_sub(before);
    println!("G-07: 100 requests whose headers unfold to 16 MiB each: {grown} MiB more");
    assert!(grown <= 16 || std::env::var_os("NEXTEST").is_none(), "{grown} MiB");
    assert_eq!(server.started(), 0);
    assert_eq!(
        other.call(Client::request("/"), Bytes::new()).await.unwrap().status,
        200
    );
}
