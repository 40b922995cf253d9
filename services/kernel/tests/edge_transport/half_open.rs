//! G-03 and G-04: half-open connections are closed, and there are only so many of them.

use std::time::Duration;

use bytes::Bytes;
use muster_kernel::edge::Limits;
use tokio::io::AsyncWriteExt;

use crate::server::Server;
use crate::wire::{Client, END_HEADERS, PREFACE, closed_within, frame, header_block, hello, kind, say};

/// The bounds of the default, ten times as strict.
fn short() -> Limits {
    Limits {
        first_bytes: Duration::from_millis(500),
        first_request: Duration::from_millis(800),
        body_wait: Duration::from_millis(1_000),
        body_rate: 10 * 1024,
        ..Limits::default()
    }
}

fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let slow_data = [hello(), frame(kind::HEADERS, END_HEADERS, 1, &header_block("/read"))].concat();
    vec![
        ("0 bytes", vec![]),
        ("half a preface", PREFACE[..12].to_vec()),
        ("the preface alone", PREFACE.to_vec()),
        ("preface and settings", hello()),
        ("half a frame", [hello(), vec![0, 0]].concat()),
        ("h1: half a request line", b"POST /rea".to_vec()),
        ("h1: half a header", b"POST /read HTTP/1.1\r\nhost: x\r\nx-".to_vec()),
        (
            "h1: no body",
            b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n".to_vec(),
        ),
        (
            "h1: half a chunk",
            b"POST /read HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab".to_vec(),
        ),
        ("h2: no DATA", slow_data.clone()),
        (
            "h2: half a message",
            [slow_data, frame(kind::DATA, 0, 1, &[0, 0])].concat(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_every_half_open_form_is_closed() {
    let server = Server::start(short()).await;
    let all = forms().into_iter().map(|(form, bytes)| {
        let address = server.address.clone();
        async move {
            (
                form,
                closed_within(&mut say(&address, &bytes).await, Duration::from_secs(3)).await,
            )
        }
    });
    for (form, closed) in futures::future::join_all(all).await {
        let took = closed.unwrap_or_else(|| panic!("{form} stays open"));
        println!("G-03: {form}: {took:?}, of 1 s (10 s with the default)");
        assert!(took < Duration::from_millis(2_100), "{form}: {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_the_bare_stack_keeps_them() {
    let server = Server::start(Limits::bare()).await;
    for (form, bytes) in forms() {
        let closed = closed_within(&mut say(&server.address, &bytes).await, Duration::from_millis(120)).await;
        assert_eq!(closed, None, "{form}");
    }
}

/// Half a handshake is no better than half a request, and who does not speak TLS is not spoken to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_half_a_handshake_is_closed() {
    let server = Server::start_tls(short()).await;
    // A record of 512 bytes is announced: a ClientHello of TLS 1.2 or 1.3, of which this much comes.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 64]].concat();
    for (form, bytes) in [
        ("half a ClientHello", hello),
        ("a record's head", vec![0x16, 3, 1]),
        ("HTTP/1.1 in plain text", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec()),
        ("HTTP/2 in plain text", crate::wire::hello()),
    ] {
        let closed = closed_within(&mut say(&server.address, &bytes).await, Duration::from_secs(2)).await;
        println!("G-03: {form}: {closed:?}, of 0.5 s (5 s with the default)");
        assert!(
            closed.is_some_and(|took| took < Duration::from_millis(900)),
            "{form}: {closed:?}"
        );
    }
    assert_eq!(server.started(), 0);
}

/// A byte now and then does not keep a connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_a_trickle_is_not_enough() {
    let server = Server::start(short()).await;
    let trickle = |start: Vec<u8>, drop: Vec<u8>| {
        let address = server.address.clone();
        async move {
            let (mut reading, mut writing) = say(&address, &start).await.into_split();
            let writes = tokio::spawn(async move {
                while writing.write_all(&drop).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(40)).await;
                }
            });
            let mut sink = Vec::new();
            let read = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut sink);
            let closed = tokio::time::timeout(Duration::from_secs(4), read).await.is_ok();
            writes.abort();
            closed
        }
    };
    let h1_body = b"POST /read HTTP/1.1\r\nhost: x\r\ncontent-length: 99999\r\n\r\n".to_vec();
    let h2_body = [hello(), frame(kind::HEADERS, END_HEADERS, 1, &header_block("/read"))].concat();
    let (header, body, data) = tokio::join!(
        trickle(b"POST /read HTTP/1.1\r\nx: ".to_vec(), b"a".to_vec()),
        trickle(h1_body, b"a".to_vec()),
        trickle(h2_body, frame(kind::DATA, 0, 1, &[1])),
    );
    assert!(
        header && body && data,
        "header {header}, h1 body {body}, h2 DATA {data}"
    );
}

/// Who sends at a decent pace may take longer than the patience for a body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_a_slow_but_steady_body_arrives() {
    let server = Server::start(Limits {
        body_wait: Duration::from_millis(300),
        body_rate: 1024,
        ..short()
    })
    .await;
    let client = Client::connect(&server.address).await;
    let (response, mut stream) = client
        .requests
        .clone()
        .ready()
        .await
        .unwrap()
        .send_request(Client::request("/read"), false)
        .unwrap();
    for _ in 0..12 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.send_data(Bytes::from(vec![0; 512]), false).unwrap();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    let answer = crate::wire::read(response.await.unwrap()).await.unwrap();
    assert_eq!(String::from_utf8(answer.body).unwrap(), (12 * 512).to_string());
}

/// A handler that does not look at a body yet is not the client's fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_only_waiting_counts() {
    let server = Server::start(Limits {
        body_wait: Duration::from_millis(100),
        ..short()
    })
    .await;
    let client = Client::connect(&server.address).await;
    let answer = client
        .call(Client::request("/read/600"), Bytes::from(vec![1; 5_000]))
        .await
        .unwrap();
    assert_eq!(answer.body, b"5000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_03_idle_sockets_do_not_stop_new_clients() {
    let server = Server::start(Limits {
        connections_per_address: 6_000,
        ..Limits::default()
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..5_000 {
        idle.push(say(&server.address, &[]).await);
    }
    let client = Client::connect(&server.address).await;
    let answer = tokio::time::timeout(Duration::from_secs(1), client.call(Client::request("/"), Bytes::new()));
    assert_eq!(answer.await.unwrap().unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_04_connections_are_counted_and_places_come_back() {
    let server = Server::start(Limits {
        connections_per_address: 20,
        ..Limits::default()
    })
    .await;
    let mut in_house = Vec::new();
    let mut refused = 0;
    for _ in 0..40 {
        let mut socket = say(&server.address, b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n").await;
        match closed_within(&mut socket, Duration::from_millis(20)).await {
            None => in_house.push(socket),
            Some(_) => refused += 1,
        }
    }
    assert_eq!((in_house.len(), refused), (20, 20));
    in_house.clear();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = crate::wire::ask(
        &server.address,
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
