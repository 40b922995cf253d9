//! G-05 and G-08: one byte too many, and many small messages.

use std::time::Duration;

use bytes::Bytes;
use muster_kernel::edge::Limits;

use crate::server::Server;
use crate::wire::{Client, ask, read};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_paths_and_headers_have_a_length() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(&server.address).await;
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    let status = async |length: usize| {
        client
            .call(Client::request(&path(length)), Bytes::new())
            .await
            .unwrap()
            .status
    };
    assert_eq!((status(4096).await, status(4097).await), (200, 414));
    // As HTTP/2 counts: names, values and 32 bytes for each. At 16 KiB it is too much.
    let head = async |size: usize| {
        let mut request = Client::request("/");
        let pseudo = ":methodPOST:schemehttp:authoritylocalhost:path/".len() + 4 * 32;
        let others = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32);
        let rest = size - pseudo - others.sum::<usize>() - "x-long".len() - 32;
        request
            .headers_mut()
            .insert("x-long", "a".repeat(rest).parse().unwrap());
        client.call(request, Bytes::new()).await.map(|answer| answer.status)
    };
    assert_eq!(head(16 * 1024 - 1).await.unwrap(), 200);
    assert_eq!(head(16 * 1024).await.unwrap(), 431);
    assert_eq!(head(500).await.unwrap(), 200, "the connection is still good");
    let line = async |path: String, header: String| {
        ask(
            &server.address,
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nx: {header}\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await
    };
    assert!(line(path(4096), String::new()).await.starts_with("HTTP/1.1 200"));
    assert!(line(path(4097), String::new()).await.starts_with("HTTP/1.1 414"));
    assert!(line(path(4), "a".repeat(20_000)).await.starts_with("HTTP/1.1 431"));
}

/// A client's stream of 3,000 tiny messages, so many in each frame, while the handler sleeps. Whether all of them arrive.
async fn burst(limits: Limits, in_each: usize) -> bool {
    let server = Server::start(limits).await;
    let client = Client::connect(&server.address).await;
    client.call(Client::request("/"), Bytes::new()).await.unwrap();
    let mut requests = client.requests.clone().ready().await.unwrap();
    let (response, mut stream) = requests.send_request(Client::request("/read/1500"), false).unwrap();
    let some: Bytes = crate::wire::message(b"tiny").repeat(in_each).into();
    let frames = 3_000 / in_each;
    for number in 1..=frames {
        if stream.send_data(some.clone(), number == frames).is_err() {
            return false;
        }
        tokio::task::yield_now().await;
    }
    let answer = async { read(response.await?).await };
    let answer = tokio::time::timeout(Duration::from_secs(5), answer).await.unwrap();
    answer.is_ok_and(|answer| answer.body == (3_000 * 9).to_string().as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_08_bursts_of_small_messages_survive() {
    assert!(burst(Limits::default(), 2).await);
}

/// Nine bytes in each frame, of which the HTTP/2 library keeps more than that: its budget follows the connection's window.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_08_a_message_in_each_frame_survives() {
    assert!(burst(Limits::default(), 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_08_a_window_as_small_as_a_streams_kills_them() {
    assert!(!burst(Limits::bare(), 2).await);
}
