//! G-05 and G-11 in a whole town: every method is sent what it cannot take, and no answer tells of what is inside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt;
use muster_tests::attack::wire::{Client, message};
use muster_tests::bad::quiet;
use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};
use tonic::Status;

/// Bytes that look like chance and are the same each time.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    (0..length).map(|_| next()).collect()
}

/// A field of every number that is a text which is none, a number, or nested a hundred deep.
fn bodies(seed: u32) -> Vec<Bytes> {
    let nested = (0..101_usize).fold(vec![], |inner: Vec<u8>, _| {
        let length = inner.len();
        let mut outer = vec![0x0a];
        if length < 128 {
            outer.push(u8::try_from(length).unwrap());
        } else {
            outer.extend([
                u8::try_from(length & 0x7f).unwrap() | 0x80,
                u8::try_from(length >> 7).unwrap(),
            ]);
        }
        outer.extend(inner);
        outer
    });
    let many = b"\x12\x00".repeat(10_001);
    let quote = b"\x0a\x0f'; DROP TABLE x;\x12\x04\xff\xfe\xfd\xfc".to_vec();
    let mut bodies: Vec<Bytes> = [
        nested,
        many,
        quote,
        b"\x0a\x05ab".to_vec(),
        b"\x0f".to_vec(),
        b"\x0a\x02\xff\xff".to_vec(),
    ]
    .iter()
    .map(|body| message(body))
    .collect();
    bodies.extend((0..24).map(|number| message(&noise(seed + number, 1 + (number as usize * 7) % 90))));
    // Not even a message: half a prefix, more than there is, compressed, twice, too large by one byte.
    bodies.extend([
        Bytes::from_static(&[0, 0]),
        Bytes::from_static(&[0, 0, 0, 0, 9, 1]),
        Bytes::from_static(&[0, 0xff, 0xff, 0xff, 0xff]),
        Bytes::from_static(&[1, 0, 0, 0, 1, 0]),
        Bytes::from_static(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        Bytes::from([vec![0, 0, 0x10, 0, 1], vec![0; (1 << 20) + 1]].concat()),
    ]);
    bodies
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_11_no_answer_tells_what_is_inside() {
    let town = Town::with_demo(Shape::AllInOne).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let client = Client::connect(&town.gateway).await;
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    // Signing out takes an empty message, and unknown fields are no fault: it would end the test.
    let methods: Vec<&str> = muster_proto::RULES
        .iter()
        .filter(|rule| !rule.streaming && !rule.method.ends_with("/SignOut"))
        .map(|rule| rule.method)
        .collect();
    let all = methods
        .iter()
        .zip(0_u32..)
        .flat_map(|(method, number)| bodies(number * 100).into_iter().map(move |body| (*method, body)));
    let answers = futures::stream::iter(all).map(|(method, body)| {
        let mut request = Client::request(method);
        for (name, value) in [
            ("authorization", format!("Bearer {token}")),
            ("idempotency-key", "same".to_owned()),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let client = &client;
        async move {
            let answer = client.call(request, body.clone()).await;
            let answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            (method, body, answer)
        }
    });
    let answers: Vec<_> = answers.buffer_unordered(16).collect().await;
    for (method, body, answer) in &answers {
        let status = Status::from_header_map(&answer.headers).expect("a status");
        *codes.entry(format!("{:?}", status.code())).or_default() += 1;
        assert!(
            ![tonic::Code::Internal, tonic::Code::Unknown].contains(&status.code()),
            "{method}: {status:?}"
        );
        if status.code() == tonic::Code::Ok {
            continue;
        }
        assert!(!status.details().is_empty(), "{method} tells no reason: {status:?}");
        let told = quiet::inside(&status, body);
        assert_eq!(told, None, "{method} tells it: {status:?}");
    }
    println!(
        "G-11: {} answers of {} methods: {codes:?}",
        answers.len(),
        methods.len()
    );
    assert!(answers.len() > 1_000);
    let after = Caller {
        channel: town.channel().await,
        token,
    };
    let _: muster_proto::auth::v1::WhoAmIResponse = after
        .call(
            "/muster.auth.v1.SessionService/WhoAmI",
            muster_proto::auth::v1::WhoAmIRequest::default(),
        )
        .await
        .unwrap();
}
