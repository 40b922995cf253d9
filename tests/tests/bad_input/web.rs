//! B-03: grpc-web that is none, over HTTP/1.1 as browsers speak it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_tests::attack::wire::{ask, message, say};
use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const WHO_AM_I: &str = "/muster.auth.v1.SessionService/WhoAmI";

/// A request over HTTP/1.1 with these headers and this body.
fn request(token: &str, kind: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {WHO_AM_I} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\nx-grpc-web: 1\r\n{more}\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The status that the trailer frame of an answer tells, or the one of its headers; and whether a person came.
fn told(answer: &str) -> (Option<String>, bool) {
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.trim().to_owned())
        .unwrap_or_default();
    let plain: String = answer.to_owned()
        + &body
            .lines()
            .filter_map(|line| STANDARD.decode(line.trim()).ok())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .collect::<String>();
    let status = plain
        .split("grpc-status:")
        .nth(1)
        .map(|rest| rest.trim_start().chars().take_while(char::is_ascii_digit).collect());
    (status, plain.contains("Olive Okafor"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_03_grpc_web_that_is_none_is_refused_and_nothing_breaks() {
    let town = Town::with_demo(Shape::AllInOne).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let (binary, text) = ("application/grpc-web+proto", "application/grpc-web-text+proto");
    let good = message(b"");
    let coded = STANDARD.encode(&good);
    let trailer = [&[0x80][..], &8_u32.to_be_bytes(), b"a: b\r\n\r\n"].concat();
    // First that it works, in every form that browsers use.
    for (kind, body) in [
        (binary, good.to_vec()),
        ("application/grpc-web", good.to_vec()),
        (text, coded.clone().into_bytes()),
        ("application/grpc-web-text", coded.clone().into_bytes()),
    ] {
        let answer = ask(&town.gateway, &request(&token, kind, "", &body)).await;
        assert_eq!(told(&answer), (Some("0".to_owned()), true), "{kind}: {answer}");
    }
    // A parameter that no client of grpc-web sends: refused as a type, not taken for something else.
    let answer = ask(
        &town.gateway,
        &request(&token, "application/grpc-web+proto; charset=utf-8", "", &good),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
    let bad: Vec<(&str, &str, Vec<u8>)> = vec![
        ("no base64", text, b"!!!!".to_vec()),
        ("one letter", text, b"A".to_vec()),
        ("padding in the middle", text, b"AA=AAAA=".to_vec()),
        ("only padding", text, b"====".to_vec()),
        ("half of it", text, coded.as_bytes()[..5].to_vec()),
        ("url-safe letters", text, b"__--____".to_vec()),
        ("with blanks", text, b"AA AA AA A=".to_vec()),
        ("binary as text", text, good.to_vec()),
        ("text as binary", binary, coded.clone().into_bytes()),
        ("nothing", binary, vec![]),
        ("nothing as text", text, vec![]),
        ("half a prefix", binary, good[..3].to_vec()),
        ("more announced", binary, vec![0, 0, 0, 0, 9, 1]),
        ("4 GiB announced", binary, vec![0, 0xff, 0xff, 0xff, 0xff]),
        ("a trailer alone", binary, trailer.clone()),
        ("two messages", binary, [good.to_vec(), good.to_vec()].concat()),
        ("compressed", binary, vec![1, 0, 0, 0, 0]),
        ("a flag of both", binary, vec![0x81, 0, 0, 0, 0]),
        (
            "a megabyte and more",
            binary,
            [vec![0, 0, 0x11, 0, 0], vec![0; 0x11_0000]].concat(),
        ),
    ];
    for (what, kind, body) in bad {
        let answer = ask(&town.gateway, &request(&token, kind, "", &body)).await;
        let (status, person) = told(&answer);
        println!(
            "B-03: {what}: {} grpc-status {status:?}",
            answer.lines().next().unwrap_or("closed")
        );
        assert!(!person, "{what} was taken: {answer}");
        assert!(
            !["0", "2", "13", "15"].contains(&status.as_deref().unwrap_or("3")),
            "{what}: {answer}"
        );
        assert!(!answer.starts_with("HTTP/1.1 5"), "{what}: {answer}");
    }
    // What follows a good message as a trailer is not part of the request, or the request is refused.
    let answer = ask(
        &town.gateway,
        &request(&token, binary, "", &[good.to_vec(), trailer].concat()),
    )
    .await;
    assert!(
        !["2", "13"].contains(&told(&answer).0.unwrap_or_default().as_str()),
        "{answer}"
    );
    in_pieces(&town, &token, binary, &good).await;
    in_pieces(&town, &token, text, coded.as_bytes()).await;
    endless(&town, &token).await;
    assert!(!town.logs().contains("panicked"));
}

/// A body in chunks, split at every byte and with extensions, is one body.
async fn in_pieces(town: &Town, token: &str, kind: &str, body: &[u8]) {
    for at in 0..=body.len() {
        let mut bytes = format!(
            "POST {WHO_AM_I} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
             transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        .into_bytes();
        for piece in [&body[..at], &body[at..]].into_iter().filter(|piece| !piece.is_empty()) {
            bytes.extend(format!("{:x};name=\"value\"\r\n", piece.len()).into_bytes());
            bytes.extend([piece, b"\r\n"].concat());
        }
        bytes.extend(b"0\r\n\r\n");
        let answer = ask(&town.gateway, &bytes).await;
        assert_eq!(
            told(&answer),
            (Some("0".to_owned()), true),
            "{kind} split at {at}: {answer}"
        );
    }
}

/// A body of 100 MB is not read to its end.
async fn endless(town: &Town, token: &str) {
    let head = format!(
        "POST {WHO_AM_I} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/grpc-web\r\n\
         content-length: 104857600\r\n\r\n"
    );
    let (mut reading, mut writing) = say(&town.gateway, head.as_bytes()).await.into_split();
    let writes = tokio::spawn(async move {
        let (piece, mut sent) = (vec![0_u8; 64 << 10], 0_usize);
        while sent < 100 << 20 && writing.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
        sent
    });
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), reading.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection ends");
    let sent = tokio::time::timeout(Duration::from_secs(5), writes)
        .await
        .expect("it ends")
        .unwrap();
    println!("B-03: of 100 MiB {} KiB were taken", sent >> 10);
    assert!(sent < 16 << 20, "{sent} bytes were taken");
}
