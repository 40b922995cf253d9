//! G-09 and G-18: connections end in peace.

use std::time::Duration;

use bytes::Bytes;
use muster_kernel::edge::Limits;
use muster_kernel::testing::eventually;

use crate::server::Server;
use crate::wire::Client;

fn aged(grace: Duration) -> Limits {
    Limits {
        connection_age: Duration::from_millis(300),
        grace,
        ..Limits::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_09_what_is_in_flight_ends_well_when_its_connection_is_old() {
    let server = Server::start(aged(Duration::from_secs(5))).await;
    let client = Client::connect(&server.address).await;
    let long = client.call(Client::request("/wait/1000"), Bytes::new());
    let late = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        client.call(Client::request("/"), Bytes::new()).await
    };
    let (long, late) = tokio::join!(long, late);
    assert_eq!(long.unwrap().status, 200);
    assert!(late.is_err(), "an old connection takes nothing new");
    eventually(|| client.is_over()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_09_without_grace_it_would_be_killed() {
    let server = Server::start(aged(Duration::ZERO)).await;
    let client = Client::connect(&server.address).await;
    client
        .call(Client::request("/wait/1000"), Bytes::new())
        .await
        .unwrap_err();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_09_what_does_not_end_is_cut_after_the_grace() {
    let server = Server::start(aged(Duration::from_millis(1_500))).await;
    let client = Client::connect(&server.address).await;
    let held = tokio::time::timeout(
        Duration::from_secs(4),
        client.call(Client::request("/hold"), Bytes::new()),
    );
    held.await.expect("it is cut").unwrap_err();
    eventually(|| server.running() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_18_draining_lets_requests_end_and_lets_nobody_in() {
    let server = Server::start(Limits {
        drain: Duration::from_millis(1_500),
        ..Limits::default()
    })
    .await;
    let (client, stuck) = (
        Client::connect(&server.address).await,
        Client::connect(&server.address).await,
    );
    let held = stuck.call(Client::request("/hold"), Bytes::new());
    let long = client.call(Client::request("/wait/700"), Bytes::new());
    let stops = async {
        server.has_started(2).await;
        server.stop.cancel();
        tokio::time::sleep(Duration::from_millis(100)).await;
        tokio::net::TcpStream::connect(&server.address)
            .await
            .map(drop)
            .unwrap_err();
    };
    let (held, long, ()) = tokio::join!(held, long, stops);
    assert_eq!(long.unwrap().status, 200);
    held.unwrap_err();
    tokio::time::timeout(Duration::from_secs(2), server.task)
        .await
        .expect("it ends")
        .unwrap();
}
