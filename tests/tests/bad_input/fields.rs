//! B-01 and G-11: every field of every request at and over its edges.

use muster_proto::RULES;
use muster_tests::bad::cases::{self, Bad, Expect};
use muster_tests::bad::rules::{FieldRules, Verdict};
use muster_tests::contract::{decode, dry_run, rule_of};
use muster_tests::journal::Journal;
use muster_tests::raw::Raw;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use crate::asking::{Outcome, ask_all, chosen, doors, fault, seed};
use crate::server_log::ServerLog;

/// Methods that hash: what passes their checks costs a tenth of a second and counts as a guess.
const HASHES: [&str; 5] = [
    "SignIn",
    "ChangePassword",
    "Reauthenticate",
    "SetPassword",
    "CreatePerson",
];

/// Everything bad for one method, made of a good dry run. What would be done for lack of a dry run is left out.
pub fn of_method(world: &World, method: &str) -> Vec<Bad> {
    let things = world.related(Who::Owner, Relation::Own);
    let good = decode(method, &dry_run(method, &requests::of(method, &things).body));
    let name = method.rsplit('/').next().unwrap();
    let is_dry = good.get_field_by_name("validate_only").is_some();
    let mut all = cases::all(&good);
    if rule_of(method).mutating && !is_dry {
        all.retain(|bad| bad.expect != Expect::Honest);
    }
    if HASHES.contains(&name) {
        let mut left = 0..30;
        all.retain(|bad| bad.expect != Expect::Honest || left.next().is_some());
    }
    all
}

async fn every_method(shape: Shape) -> Outcome {
    let world = World::of(Town::with_demo(shape).await).await;
    let (journal, seed) = (Journal::of(&world.town).await, seed());
    let before = journal.tally().await;
    let (mut outcome, started) = (Outcome::default(), tokio::time::Instant::now());
    for door in doors(&world).await {
        let methods: Vec<&str> = RULES
            .iter()
            .map(|rule| rule.method)
            .filter(|method| door.opens(method))
            .collect();
        let all: Vec<(String, Bad)> = methods
            .iter()
            .flat_map(|method| {
                of_method(&world, method)
                    .into_iter()
                    .map(|bad| ((*method).to_owned(), bad))
            })
            .collect();
        let (total, count) = (all.len(), methods.len());
        let part: Vec<_> = all
            .into_iter()
            .enumerate()
            .filter(|(number, _)| chosen(seed, *number, 10))
            .map(|(_, bad)| bad)
            .collect();
        println!(
            "B-01: {shape:?} {}: {} of {total} cases for {count} methods",
            door.name,
            part.len()
        );
        outcome.add(ask_all(&door, part).await);
    }
    println!(
        "B-01, G-11: {shape:?}: {} asked in {:?}, {} refused, {:?}",
        outcome.asked(),
        started.elapsed(),
        outcome.refused,
        outcome.codes
    );
    let written = journal.tally().await.since(before);
    assert_eq!((written.events, written.records), (0, 0), "bad input wrote something");
    let logs = world.town.logs();
    for word in ["panicked", "internal error"] {
        let line = logs.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "the log tells of a fault");
    }
    if shape != Shape::AllInOne {
        ServerLog::of(&world.town).is_quiet().await;
    }
    outcome
}

fn judge(outcome: &Outcome) {
    let first: Vec<&String> = outcome.faults.iter().take(60).collect();
    assert!(
        first.is_empty(),
        "{} of {}:\n{first:#?}",
        outcome.faults.len(),
        outcome.asked()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_01_no_input_crashes_an_installation_in_one_process() {
    judge(&Box::pin(every_method(Shape::AllInOne)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_01_no_input_crashes_a_gateway_or_a_service() {
    judge(&Box::pin(every_method(Shape::Split)).await);
}

/// The cases are as they say: what is made of a good request is good but for the one thing.
#[test]
fn b_01_the_cases_are_what_they_say() {
    let mut refused = 0;
    for case in requests::all(&muster_tests::requests::Things::default()) {
        let full = cases::filled(&decode(&case.method, &case.body), 0);
        assert_eq!(
            DynamicMessage::decode(full.descriptor(), full.encode_to_vec().as_slice()).unwrap(),
            full
        );
        let all = cases::all(&full);
        let fields = full.descriptor().fields().count();
        assert!(
            all.len() >= 10 * fields,
            "{}: {} cases of {fields} fields",
            case.method,
            all.len()
        );
        refused += all.iter().filter(|bad| matches!(bad.expect, Expect::Field(_))).count();
        for bad in all.iter().filter(|bad| bad.expect == Expect::Unreadable) {
            assert!(
                DynamicMessage::decode(full.descriptor(), bad.body.as_slice()).is_err(),
                "{} {}",
                case.method,
                bad.what
            );
        }
    }
    assert!(refused > 5_000, "{refused}");
    // The judge of values is not the generated code; here is what both must say of a sum.
    let menu = decode("/muster.orders.v1.MenuService/PutMenuItem", &[]);
    let item = menu.descriptor().get_field_by_name("item").unwrap();
    let price = item.kind().as_message().unwrap().get_field_by_name("price").unwrap();
    let sum = price
        .kind()
        .as_message()
        .unwrap()
        .get_field_by_name("minor_units")
        .unwrap();
    let verdict = |number| FieldRules::of(&sum).judge(&sum, &Value::I64(number));
    assert_eq!(
        [
            verdict(1_000_000_000_000),
            verdict(1_000_000_000_001),
            verdict(i64::MIN)
        ],
        [Verdict::Fine, Verdict::Refused, Verdict::Refused]
    );
}

/// The judge of answers finds what it is for: a check that is missing, a message that is read though it cannot be, a
/// fault of ours, and an answer that tells what is inside.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_01_what_is_let_through_would_be_noticed() {
    let world = World::of(Town::with_demo(Shape::AllInOne).await).await;
    let method = "/muster.orders.v1.MenuService/GetMenu";
    let good = requests::of(method, &world.ours).body;
    let door = doors(&world).await.remove(0);
    let bad = |expect| Bad {
        what: "planted".to_owned(),
        body: good.clone(),
        expect,
    };
    let planted = [
        Expect::Field("location_id".to_owned()),
        Expect::Unreadable,
        Expect::Honest,
    ];
    let all = planted.map(|expect| (method.to_owned(), bad(expect)));
    let outcome = ask_all(&door, all.to_vec()).await;
    assert_eq!(outcome.faults.len(), 2, "{:?}", outcome.faults);
    let answer = door.ask(method, b"\x0a\x03abc").await;
    assert_eq!(fault(&answer, &bad(Expect::Field("location_id".to_owned()))), None);
    assert!(
        fault(&answer, &bad(Expect::Field("include_archived".to_owned()))).is_some(),
        "another field"
    );
    for message in [
        "sqlx: no rows",
        "no such file /work/x.rs",
        "at 127.0.0.1:7002",
        "syntax error at or near",
    ] {
        let telling = Raw {
            message: message.to_owned(),
            ..answer.clone()
        };
        assert!(fault(&telling, &bad(Expect::Anything)).is_some(), "{message}");
    }
    for code in [tonic::Code::Internal, tonic::Code::Unknown] {
        let ours = Raw { code, ..answer.clone() };
        assert!(fault(&ours, &bad(Expect::Anything)).is_some() && fault(&ours, &bad(Expect::Honest)).is_some());
    }
}
