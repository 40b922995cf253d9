//! G-05: one byte too many, everywhere a size is bounded; and that what is refused for its size was not kept first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell what they measured"
)]

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};
use futures::future::join_all;
use http::Request;
use muster_tests::attack::wire::{Answer, Client, message};
use muster_tests::bad::wire::{delimited, key};
use muster_tests::bench::process::{forget_peak_of, peak_of};
use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};
use tonic::Status;
use tonic_types::StatusExt;

const WHO_AM_I: &str = "/muster.auth.v1.SessionService/WhoAmI";
const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
const MESSAGE: usize = 1 << 20;
/// What may be kept of a request beyond the message that is allowed.
const SLACK: usize = 64 << 10;
const AT_ONCE: usize = 32;

/// A request that is as good as its body, over gRPC or grpc-web.
fn request(method: &str, token: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let mut request = Client::request(method);
    let map = request.headers_mut();
    map.insert("authorization", format!("Bearer {token}").parse().unwrap());
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    request
}

/// Code and reason of an answer. Of grpc-web they stand in its body.
fn told(answer: &Answer) -> (String, String) {
    let mut headers = answer.headers.clone();
    if !headers.contains_key("grpc-status") {
        let body = STANDARD.decode(&answer.body).unwrap_or_else(|_| answer.body.clone());
        let text = String::from_utf8_lossy(&body).into_owned();
        for name in ["grpc-status", "grpc-status-details-bin"] {
            let after = text
                .split_once(&format!("{name}:"))
                .map(|(_, after)| after.trim_start());
            let value = after.and_then(|after| after.split(['\r', '\n']).next());
            value.map(|value| headers.insert(name, value.parse().unwrap()));
        }
    }
    let Some(status) = Status::from_header_map(&headers) else {
        return (format!("HTTP {}", answer.status), String::new());
    };
    let info = status.get_details_error_info();
    (
        format!("{:?}", status.code()),
        info.map(|info| info.reason).unwrap_or_default(),
    )
}

/// A message of exactly this length, all of it in a field that the contract does not know.
fn of_length(length: usize) -> Bytes {
    let overhead = delimited(1999, &vec![0; length]).len() - length;
    let whole = delimited(1999, &vec![0; length - overhead]);
    assert_eq!(whole.len(), length);
    message(&whole)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_a_message_of_one_byte_more_is_refused_in_every_form() {
    let town = Town::with_demo(Shape::Split).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let doors = [("gateway", &town.gateway), ("auth", &town.services["auth"])];
    for (door, address) in doors {
        let client = Client::connect(address).await;
        let forms: &[&'static str] = match door {
            "gateway" => &[
                "application/grpc",
                "application/grpc-web+proto",
                "application/grpc-web-text+proto",
            ],
            _ => &["application/grpc"],
        };
        for form in forms {
            let ask = async |length: usize| {
                let body = of_length(length);
                let body = if form.contains("text") {
                    STANDARD.encode(&body).into()
                } else {
                    body
                };
                let answer = client.call(request(WHO_AM_I, &token, &[("content-type", form)]), body);
                told(&answer.await.unwrap())
            };
            assert_eq!(ask(MESSAGE).await.0, "Ok", "{door} {form}");
            let (code, reason) = ask(MESSAGE + 1).await;
            assert_eq!(
                (code.as_str(), reason.as_str()),
                ("ResourceExhausted", "MESSAGE_TOO_LARGE"),
                "{door} {form}"
            );
        }
    }
}

/// The whole list of headers, as HTTP/2 counts it: names, values and 32 bytes for each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_headers_of_one_byte_more_are_refused_and_what_the_gateway_takes_the_service_takes() {
    let town = Town::with_demo(Shape::Split).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let client = Client::connect(&town.gateway).await;
    let ask = async |size: usize| {
        let mut request = request(WHO_AM_I, &token, &[("x-long", "")]);
        let pseudo = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", WHO_AM_I),
        ];
        let pseudo: usize = pseudo.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        let others: usize = request
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        let long = "a".repeat(size - pseudo - others);
        request.headers_mut().insert("x-long", long.parse().unwrap());
        client.call(request, message(b"")).await.map(|answer| told(&answer).0)
    };
    assert_eq!(ask(16 * 1024 - 1).await.unwrap(), "Ok");
    let over = ask(16 * 1024 + 1).await.unwrap_or_else(|error| error.to_string());
    assert_eq!(over, "HTTP 431");
    assert_eq!(ask(2 * 1024).await.unwrap(), "Ok", "the connection is still good");
}

/// Groups that no message has are skipped, and counted: beyond a hundred in each other nobody follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_nothing_is_nested_deeper_than_a_hundred() {
    let town = Town::with_demo(Shape::AllInOne).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let client = Client::connect(&town.gateway).await;
    let ask = async |depth: usize| {
        let groups = [key(1998, 3).repeat(depth), key(1998, 4).repeat(depth)].concat();
        let answer = client.call(request(WHO_AM_I, &token, &[]), message(&groups)).await;
        told(&answer.unwrap()).0
    };
    assert_eq!(ask(99).await, "Ok");
    for depth in [101, 5_000] {
        assert_eq!(ask(depth).await, "InvalidArgument", "{depth}");
    }
}

/// gzip of so many MiB of zeros, each MiB a part of its own: a thousandth of what it becomes.
fn bomb(mebibytes: u32) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    let mut deflate = Compress::new(Compression::best(), false);
    let mut part = Vec::with_capacity(8 << 10);
    deflate.compress_vec(&zeros, &mut part, FlushCompress::Full).unwrap();
    let mut crc = Crc::new();
    let mut one = Crc::new();
    one.update(&zeros);
    (0..mebibytes).for_each(|_| crc.combine(&one));
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
    // An empty block that says it is the last, the sum, and the length, of which there are only 32 bits.
    let end = [&[3, 0][..], &crc.sum().to_le_bytes(), &(mebibytes << 20).to_le_bytes()].concat();
    [&head[..], &part.repeat(mebibytes as usize), &end].concat()
}

#[test]
fn g_05_the_bomb_is_one() {
    let small = bomb(16);
    let mut inflated = Vec::new();
    flate2::read::GzDecoder::new(small.as_slice())
        .read_to_end(&mut inflated)
        .unwrap();
    assert_eq!(inflated.len(), 16 << 20);
    let whole = bomb(4096);
    assert!((4 << 20..5 << 20).contains(&whole.len()), "{}", whole.len());
}

type Header<'v> = (&'static str, &'v str);

/// 4 MiB that would become 4 GiB, and 1 MiB that would become 1 GiB, thirty-two times at once, in every form that somebody
/// might inflate: refused, and no process kept more than it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_05_a_bomb_is_refused_and_not_kept() {
    let town = Town::with_demo(Shape::Split).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let (large, fits) = (bomb(4096), bomb(1000));
    let frame = |flag: u8, bytes: &[u8]| Bytes::from([&[flag][..], &message(bytes)[1..]].concat());
    let web = ("content-type", "application/grpc-web+proto");
    let cases: Vec<(&str, Vec<Header<'_>>, Bytes)> = vec![
        ("4 MiB in gzip", vec![("grpc-encoding", "gzip")], frame(1, &large)),
        ("1 MiB in gzip", vec![("grpc-encoding", "gzip")], frame(1, &fits)),
        ("1 MiB in gzip, without a word", vec![], frame(1, &fits)),
        ("4 MiB, not said to be in gzip", vec![], frame(0, &large)),
        (
            "4 MiB, all of the body",
            vec![("content-encoding", "gzip")],
            large.clone().into(),
        ),
        (
            "4 MiB in gzip, grpc-web",
            vec![web, ("grpc-encoding", "gzip")],
            frame(1, &large),
        ),
        ("4 MiB, grpc-web", vec![web], frame(0, &large)),
    ];
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(Client::connect(&town.gateway).await);
    }
    let most = u64::try_from(AT_ONCE * (MESSAGE + SLACK) / 1024).unwrap();
    for (what, headers, body) in cases {
        for method in [WHO_AM_I, LIST] {
            let before: Vec<(&str, u32, u64)> = town
                .processes()
                .iter()
                .map(|roles| (*roles, town.pid(roles), forget_peak_of(town.pid(roles))))
                .collect();
            let calls = clients.iter().cycle().take(AT_ONCE);
            let calls = calls.map(|client| client.call(request(method, &token, &headers), body.clone()));
            for answer in join_all(calls).await {
                let (code, reason) = told(&answer.unwrap());
                let refused = ["InvalidArgument", "ResourceExhausted", "Unimplemented"].contains(&code.as_str());
                assert!(refused && !reason.is_empty(), "{what}: {code} {reason}");
            }
            for (roles, pid, before) in before {
                let grown = peak_of(pid).saturating_sub(before);
                println!("G-05: {what}, {method}: {roles} grew by {grown} KiB for {AT_ONCE} at once");
                assert!(grown <= most, "{what}: {roles} kept {grown} KiB, at most {most}");
            }
        }
    }
}
