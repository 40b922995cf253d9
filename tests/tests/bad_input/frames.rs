//! B-02: frames that are no gRPC, around a message that is good.

use bytes::Bytes;
use futures::{StreamExt, stream};
use muster_proto::RULES;
use muster_proto::authz::v1::Scope;
use muster_tests::attack::wire::{Answer, Client, message};
use muster_tests::bad::cases::{Bad, Expect};
use muster_tests::bad::wire::{key, varint};
use muster_tests::contract::{dry_run, rule_of};
use muster_tests::raw::Raw;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use tonic::{Code, Status};

use crate::asking::{Door, HANGS, Outcome, chosen, doors, fault, seed};

/// What is sent, and what is wrong with it.
struct Sent {
    what: String,
    encoding: Option<&'static str>,
    frame: Bytes,
}

/// The names of encodings that are sent; Muster speaks none of them.
const ENCODINGS: [&str; 7] = ["gzip", "deflate", "br", "zstd", "snappy", "x-none", "identity"];

/// Everything wrong around a good message. None of it may be taken.
fn frames(good: &[u8]) -> Vec<Sent> {
    let whole = message(good);
    let with_flag = |flag: u8, bytes: &[u8]| Bytes::from([&[flag][..], &message(bytes)[1..]].concat());
    let announced = |length: u32| Bytes::from([&[0][..], &length.to_be_bytes(), good].concat());
    let short = u32::try_from(good.len()).unwrap();
    let twice = |rest: &[u8]| Bytes::from([&whole[..], rest].concat());
    let groups = key(1998, 3).repeat(5_000);
    let overlong = [varint(1998 << 3), vec![0x80; 10], vec![0]].concat();
    let all = [
        ("no message", Bytes::new()),
        ("one byte less than announced", announced(short + 1)),
        ("4 GiB announced", announced(u32::MAX)),
        ("1 MiB and a byte announced", announced((1 << 20) + 1)),
        ("compressed, with no encoding", with_flag(1, good)),
        ("a flag that there is not (2)", with_flag(2, good)),
        ("a flag that there is not (7)", with_flag(7, good)),
        ("a flag that there is not (255)", with_flag(255, good)),
        ("two messages", twice(&whole)),
        ("a message and half of another", twice(&whole[..3])),
        ("a message and something", twice(b"x")),
        ("a message without its prefix", Bytes::from_static(b"\x0a\x24hello")),
        ("text of HTTP", Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")),
        ("5,000 groups in each other", message(&[good, &groups].concat())),
        (
            "the key of a number of twelve bytes",
            message(&[good, &overlong].concat()),
        ),
        (
            "a wire type that there is not",
            message(&[good, &key(1998, 7)].concat()),
        ),
    ];
    let wrong = all.map(|(what, frame)| Sent {
        what: what.to_owned(),
        encoding: None,
        frame,
    });
    let compressed = ENCODINGS.map(|encoding| Sent {
        what: format!("compressed, encoding {encoding}"),
        encoding: Some(encoding),
        frame: with_flag(1, &gzip(good)),
    });
    wrong.into_iter().chain(compressed).collect()
}

/// The frame of a good message, cut after every byte but the last.
fn cuts(good: &[u8]) -> impl Iterator<Item = Sent> {
    let whole = message(good);
    (1..whole.len()).map(move |length| Sent {
        what: format!("{length} bytes of {}", whole.len()),
        encoding: None,
        frame: whole.slice(..length),
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn raw(answer: &Answer) -> Raw {
    let status = Status::from_header_map(&answer.headers).unwrap_or_else(|| Status::unknown("no status"));
    Raw {
        code: status.code(),
        message: status.message().to_owned(),
        details: status.details().to_vec(),
        body: Vec::new(),
        metadata: std::collections::BTreeMap::new(),
    }
}

fn request(door: &Door, method: &str, encoding: Option<&'static str>) -> http::Request<()> {
    let mut request = Client::request(method);
    let headers = request.headers_mut();
    let platform = rule_of(method).scope == Scope::Platform;
    match door.service.as_deref().filter(|_| platform) {
        Some(service) => headers.insert("muster-service", service.parse().unwrap()),
        None => headers.insert(
            "authorization",
            format!("Bearer {}", door.caller.token).parse().unwrap(),
        ),
    };
    encoding.map(|name| headers.insert("grpc-encoding", name.parse().unwrap()));
    request
}

async fn at(door: &Door, address: &str, world: &World, seed: u64) -> Outcome {
    let things = world.related(Who::Owner, Relation::Own);
    let client = Client::connect(address).await;
    let methods = RULES.iter().map(|rule| rule.method).filter(|method| door.opens(method));
    let good = methods.map(|method| (method, dry_run(method, &requests::of(method, &things).body)));
    let good: Vec<(&str, Vec<u8>)> = good.collect();
    let whole = good
        .iter()
        .flat_map(|(method, good)| frames(good).into_iter().map(|sent| (*method, sent)));
    let cut = good
        .iter()
        .flat_map(|(method, good)| cuts(good).map(|sent| (*method, sent)))
        .enumerate()
        .filter(|(number, _)| chosen(seed, *number, 12))
        .map(|(_, cut)| cut);
    let client = &client;
    let asks = whole.chain(cut).map(|(method, sent)| async move {
        let asked = client.call(request(door, method, sent.encoding), sent.frame);
        (method, sent.what, tokio::time::timeout(HANGS, asked).await)
    });
    let mut answers = stream::iter(asks).buffer_unordered(8);
    let mut outcome = Outcome::default();
    while let Some((method, what, answer)) = answers.next().await {
        let Ok(Ok(answer)) = answer else {
            let fault = format!("{} {method} {what}: {answer:?}", door.name);
            outcome.faults.push(fault);
            continue;
        };
        let answer = raw(&answer);
        *outcome.codes.entry(format!("{:?}", answer.code)).or_default() += 1;
        let bad = Bad {
            what,
            body: Vec::new(),
            expect: Expect::Anything,
        };
        let told = fault(&answer, &bad).or_else(|| (answer.code == Code::Ok).then(|| "was taken".to_owned()));
        let told = told.map(|told| format!("{} {method} {}: {told}", door.name, bad.what));
        outcome.faults.extend(told);
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_02_frames_that_are_none_are_refused_by_every_method() {
    let world = World::of(Town::with_demo(Shape::Split).await).await;
    let (mut outcome, seed) = (Outcome::default(), seed());
    for door in doors(&world).await {
        let address = match door.role {
            "" => &world.town.gateway,
            role => &world.town.services[role],
        };
        outcome.add(at(&door, address, &world, seed).await);
    }
    println!("B-02: {} frames: {:?}", outcome.asked(), outcome.codes);
    assert!(
        outcome.faults.is_empty(),
        "{} faults: {:#?}",
        outcome.faults.len(),
        outcome.faults.iter().take(40).collect::<Vec<_>>()
    );
    assert!(!world.town.logs().contains("panicked"));
}
