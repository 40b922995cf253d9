//! B-02: messages that were cut or changed on their way, and frames that are no gRPC.

use bytes::Bytes;
use futures::{StreamExt, stream};
use muster_proto::RULES;
use muster_tests::attack::wire::{Answer, Client, message};
use muster_tests::bad::cases::{Bad, Expect};
use muster_tests::contract::{decode, dry_run, rule_of};
use muster_tests::journal::Journal;
use muster_tests::raw::Raw;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::{Code, Status};

use crate::asking::{Door, Outcome, ask_all, chosen, doors, fault, seed};

/// The good request, cut after every byte, and with every byte changed in three ways. Only what does nothing is sent:
/// what cannot be read, what only reads, and dry runs.
fn changed(world: &World, method: &str, seed: u64) -> Vec<Bad> {
    let things = world.related(Who::Owner, Relation::Own);
    let case = requests::of(method, &things);
    let dry = decode(method, &dry_run(method, &case.body));
    // First, so that it is not what is cut.
    let first = dry.descriptor().get_field_by_name("validate_only").map(|field| {
        let mut only = DynamicMessage::new(dry.descriptor());
        only.set_field(&field, Value::Bool(true));
        only.encode_to_vec()
    });
    let first = first.unwrap_or_default();
    let mut bodies: Vec<(String, Vec<u8>)> = Vec::new();
    for (index, byte) in case.body.iter().enumerate() {
        bodies.push((format!("cut after {index} bytes"), case.body[..index].to_vec()));
        let other = u8::try_from(seed.rotate_left(u32::try_from(index % 64).unwrap()) & 0xff).unwrap();
        for new in [byte ^ 0x80, byte ^ 1, other] {
            let mut body = case.body.clone();
            body[index] = new;
            bodies.push((format!("byte {index} is {new:#x}"), body));
        }
        let mut body = case.body.clone();
        body.insert(index, other);
        bodies.push((format!("{other:#x} more at byte {index}"), body));
    }
    let does_nothing = |body: &[u8]| match DynamicMessage::decode(dry.descriptor(), body) {
        Err(_) => true,
        Ok(read) => {
            !rule_of(method).mutating
                || read
                    .get_field_by_name("validate_only")
                    .is_some_and(|dry| dry.as_bool() == Some(true))
        }
    };
    let hashes = ["/ChangePassword", "/Reauthenticate", "/SetPassword"]
        .iter()
        .any(|name| method.ends_with(name));
    bodies
        .into_iter()
        .map(|(what, body)| (what, [first.clone(), body].concat()))
        .filter(|(_, body)| does_nothing(body))
        .filter(|(_, body)| !hashes || DynamicMessage::decode(dry.descriptor(), body.as_slice()).is_err())
        .map(|(what, body)| Bad {
            what,
            body,
            expect: Expect::Anything,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_02_what_was_cut_or_changed_on_its_way_is_refused_or_understood() {
    let world = World::of(Town::with_demo(Shape::Split).await).await;
    let (journal, seed) = (Journal::of(&world.town).await, seed());
    let before = journal.tally().await;
    let (mut outcome, started) = (Outcome::default(), tokio::time::Instant::now());
    for door in doors(&world).await {
        let methods = RULES.iter().map(|rule| rule.method).filter(|method| door.opens(method));
        let all = methods.flat_map(|method| {
            changed(&world, method, seed)
                .into_iter()
                .map(|bad| (method.to_owned(), bad))
        });
        let part: Vec<_> = all
            .enumerate()
            .filter(|(number, _)| chosen(seed, *number, 12))
            .map(|(_, bad)| bad)
            .collect();
        outcome.add(ask_all(&door, part).await);
    }
    println!(
        "B-02: {} changed messages in {:?}: {:?}",
        outcome.asked(),
        started.elapsed(),
        outcome.codes
    );
    let written = journal.tally().await.since(before);
    assert_eq!(
        (written.events, written.records),
        (0, 0),
        "a changed message wrote something"
    );
    assert!(!world.town.logs().contains("panicked"));
    assert!(
        outcome.faults.is_empty(),
        "{:#?}",
        outcome.faults.iter().take(40).collect::<Vec<_>>()
    );
}

/// Frames around a good message, and what is wrong with them.
fn frames(good: &[u8]) -> Vec<(&'static str, Bytes)> {
    let whole = message(good);
    let with_flag = |flag: u8| [&[flag][..], &whole[1..]].concat();
    let announced = |length: u32| [&[0][..], &length.to_be_bytes(), good].concat();
    let short = u32::try_from(good.len()).unwrap();
    vec![
        ("no message", Bytes::new()),
        ("half a prefix", whole.slice(..3)),
        ("a prefix alone", announced(9)[..5].to_vec().into()),
        ("one byte less than announced", announced(short + 1).into()),
        ("4 GiB announced", announced(u32::MAX).into()),
        ("1 MiB and a byte announced", announced((1 << 20) + 1).into()),
        ("compressed, with no encoding", with_flag(1).into()),
        ("a flag that there is not (2)", with_flag(2).into()),
        ("a flag that there is not (7)", with_flag(7).into()),
        ("a flag that there is not (255)", with_flag(255).into()),
        ("two messages", [whole.clone(), whole.clone()].concat().into()),
        (
            "a message and half of another",
            [whole.clone(), whole.slice(..3)].concat().into(),
        ),
        (
            "a message and something",
            [whole.clone(), Bytes::from_static(b"x")].concat().into(),
        ),
        ("a message without its prefix", Bytes::copy_from_slice(b"\x0a\x24hello")),
        ("text of HTTP", Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")),
    ]
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

async fn at(door: &Door, address: &str, world: &World) -> Outcome {
    let methods: Vec<&str> = RULES
        .iter()
        .map(|rule| rule.method)
        .filter(|method| door.opens(method))
        .collect();
    let things = world.related(Who::Owner, Relation::Own);
    let client = Client::connect(address).await;
    let all = methods.into_iter().flat_map(|method| {
        let good = dry_run(method, &requests::of(method, &things).body);
        frames(&good)
            .into_iter()
            .map(move |(what, frame)| (method, what, frame))
    });
    let client = &client;
    let asks = all.map(|(method, what, frame)| async move {
        let mut request = Client::request(method);
        let headers = request.headers_mut();
        match door
            .service
            .as_deref()
            .filter(|_| rule_of(method).scope == muster_proto::authz::v1::Scope::Platform)
        {
            Some(service) => headers.insert("muster-service", service.parse().unwrap()),
            None => headers.insert(
                "authorization",
                format!("Bearer {}", door.caller.token).parse().unwrap(),
            ),
        };
        let answer = tokio::time::timeout(std::time::Duration::from_secs(12), client.call(request, frame)).await;
        (method, what, answer)
    });
    let mut answers = stream::iter(asks).buffer_unordered(8);
    let mut outcome = Outcome::default();
    while let Some((method, what, answer)) = answers.next().await {
        let answer = match answer {
            Ok(Ok(answer)) => raw(&answer),
            broken => {
                outcome
                    .faults
                    .push(format!("{} {method} {what}: {broken:?}", door.name));
                continue;
            }
        };
        *outcome.codes.entry(format!("{:?}", answer.code)).or_default() += 1;
        let bad = Bad {
            what: what.to_owned(),
            body: Vec::new(),
            expect: Expect::Anything,
        };
        let told = fault(&answer, &bad).or_else(|| (answer.code == Code::Ok).then(|| "was taken".to_owned()));
        outcome
            .faults
            .extend(told.map(|told| format!("{} {method} {what}: {told}", door.name)));
    }
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_02_frames_that_are_none_are_refused_by_every_method() {
    let world = World::of(Town::with_demo(Shape::Split).await).await;
    let mut outcome = Outcome::default();
    for door in doors(&world).await {
        let address = match door.role {
            "" => &world.town.gateway,
            role => &world.town.services[role],
        };
        outcome.add(at(&door, address, &world).await);
    }
    println!("B-02: {} frames: {:?}", outcome.asked(), outcome.codes);
    assert!(
        outcome.faults.is_empty(),
        "{:#?}",
        outcome.faults.iter().take(40).collect::<Vec<_>>()
    );
    assert!(!world.town.logs().contains("panicked"));
}
