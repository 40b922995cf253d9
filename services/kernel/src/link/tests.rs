use std::time::Duration;

use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;

use super::*;

/// A role that knows no relay, and answers each call with its body and a trailer.
async fn role(listener: TcpListener, most: usize) {
    for _ in 0..most {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                tokio::spawn(async move {
                    if request.uri().path() == relay::PATH {
                        let status = Status::unimplemented("").into_http::<()>();
                        respond.send_response(status, true).unwrap();
                        return;
                    }
                    assert_eq!(request.uri().path(), "/a.B/C");
                    assert!(!request.headers().contains_key("keep-alive"));
                    let mut body = request.into_body();
                    let mut all = Vec::new();
                    while let Some(Ok(data)) = body.data().await {
                        body.flow_control().release_capacity(data.len()).unwrap();
                        all.extend_from_slice(&data);
                    }
                    let mut stream = respond.send_response(Response::new(()), false).unwrap();
                    stream.send_data(all.into(), false).unwrap();
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("grpc-status", 0.into());
                    stream.send_trailers(trailers).unwrap();
                });
            }
        });
    }
}

async fn call(link: &Link, body: Vec<u8>) -> Result<(Vec<u8>, bool), Status> {
    let request = Request::post("/a.B/C")
        .header("keep-alive", "5")
        .header("connection", "keep-alive");
    let request = request.body(Body::new(Full::from(body))).unwrap();
    let collected = link.call(request).await?.into_body().collect().await?;
    let ended = collected
        .trailers()
        .is_some_and(|trailers| trailers.contains_key("grpc-status"));
    Ok((collected.to_bytes().to_vec(), ended))
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

#[tokio::test]
async fn bodies_of_any_length_go_up_and_come_back() {
    let (listener, address) = listener().await;
    let role = tokio::spawn(role(listener, usize::MAX));
    let link = Link::new(&address).unwrap();
    for length in [0, 1, 65_535, 65_536, 1 << 20] {
        let body: Vec<u8> = (0..length).map(|number: u32| number.to_le_bytes()[0]).collect();
        assert_eq!(call(&link, body.clone()).await.unwrap(), (body, true), "{length} bytes");
    }
    role.abort();
}

#[tokio::test]
async fn who_is_not_there_is_unavailable_and_who_comes_back_is_found() {
    let (first, address) = listener().await;
    let place = first.local_addr().unwrap();
    drop(first);
    let link = Link::new(&address).unwrap();
    for _ in 0..2 {
        assert_eq!(call(&link, vec![1]).await.unwrap_err().code(), tonic::Code::Unavailable);
    }
    let role = tokio::spawn(role(TcpListener::bind(place).await.unwrap(), usize::MAX));
    for _ in 0..4 {
        assert_eq!(call(&link, vec![1]).await.unwrap(), (vec![1], true));
    }
    role.abort();
}

#[tokio::test]
async fn who_says_nothing_is_given_up_within_two_seconds() {
    let (listener, address) = listener().await;
    let link = Link::new(&address).unwrap();
    let silent = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            // The handshake, and never a word more.
            let connection = h2::server::handshake(socket).await.unwrap();
            kept.push(connection);
        }
    });
    let started = tokio::time::Instant::now();
    let lost = tokio::time::timeout(Duration::from_secs(20), call(&link, vec![1])).await;
    assert!(lost.unwrap().is_err());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    silent.abort();
}

/// A role that no longer reads, and goes on talking: requests are lost where answers still pass.
#[tokio::test]
async fn who_talks_and_does_not_listen_is_given_up_too() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (listener, address) = listener().await;
    let link = Link::new(&address).unwrap();
    let deaf = tokio::spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            kept.push(tokio::spawn(async move {
                let mut preface = [0; 24];
                socket.read_exact(&mut preface).await.unwrap();
                // SETTINGS without any, and then nothing but window updates.
                socket.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
                while socket.write_all(&[0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1]).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }));
        }
    });
    let started = tokio::time::Instant::now();
    let lost = tokio::time::timeout(Duration::from_secs(20), call(&link, vec![1])).await;
    assert!(lost.unwrap().is_err());
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    deaf.abort();
}

#[test]
fn only_plain_addresses_are_taken() {
    for bad in ["https://orders:7002", "orders", "http://", ""] {
        assert!(Link::new(bad).is_err(), "{bad}");
    }
    Link::new("http://orders:7002").unwrap();
}
