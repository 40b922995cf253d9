//! B-02: messages that were cut or changed on their way.

use muster_proto::RULES;
use muster_tests::bad::cases::{Bad, Expect};
use muster_tests::contract::{decode, dry_run, rule_of};
use muster_tests::journal::Journal;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use crate::asking::{Outcome, ask_all, chosen, doors, seed};
use crate::server_log::ServerLog;

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
    ServerLog::of(&world.town).is_quiet().await;
    assert!(
        outcome.faults.is_empty(),
        "{:#?}",
        outcome.faults.iter().take(40).collect::<Vec<_>>()
    );
}
