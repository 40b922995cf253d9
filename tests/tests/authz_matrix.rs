//! Every method, every kind of caller, every relation to what is asked for, at both doors (Z-02).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use futures::{StreamExt, stream};
use muster_tests::contract::{dry_run, methods, path_of, role_of, rule_of};
use muster_tests::expectation::{Door, expected, relations};
use muster_tests::journal::Journal;
use muster_tests::requests::{self, Case, Things};
use muster_tests::town::{Shape, Town};
use muster_tests::world::{Relation, Who, World};
use muster_tests::{both_shapes, golden};
use tonic::Code;
use tonic::transport::Channel;

type Cell = (String, Relation, Who, Door);

#[test]
fn every_method_has_a_request() {
    let of_contract: BTreeSet<String> = methods().map(|method| path_of(&method)).collect();
    let asked: BTreeSet<String> = requests::all(&Things::default())
        .into_iter()
        .map(|case| case.method)
        .collect();
    assert_eq!(of_contract, asked);
}

both_shapes!(the_matrix_holds, async |town: Town| {
    let split = town.shape == Shape::Split;
    let world = World::of(town).await;
    let journal = Journal::of(&world.town).await;
    let mut doors = vec![Door::Gateway];
    let mut ways: BTreeMap<(Door, &str), Channel> = ["auth", "orders"]
        .into_iter()
        .map(|role| ((Door::Gateway, role), world.gateway.clone()))
        .collect();
    if split {
        doors.push(Door::Service);
        for role in ["auth", "orders"] {
            ways.insert((Door::Service, role), world.town.channel_to(role).await);
        }
    }
    let started = tokio::time::Instant::now();
    let (mut answers, mut faults): (BTreeMap<Cell, Code>, Vec<String>) = Default::default();
    for case in requests::all(&world.ours) {
        let rule = rule_of(&case.method);
        let want = |who, relation, door| expected(rule, &case, who, relation, door);
        let mut cells: Vec<Cell> = Vec::new();
        for relation in relations(case.object) {
            for who in Who::ALL {
                cells.extend(doors.iter().map(|door| (case.method.clone(), *relation, who, *door)));
            }
        }
        let (allowed, denied): (Vec<Cell>, Vec<Cell>) = cells
            .into_iter()
            .partition(|(_, relation, who, door)| want(*who, *relation, *door) == Code::Ok);
        let before = journal.tally().await;
        let mut got = ask_all(&world, &ways, denied).await;
        let written = journal.tally().await.since(before);
        if (written.events, written.records) != (0, 0) {
            faults.push(format!("{}: refused calls wrote {written:?}", case.method));
        }
        got.extend(ask_all(&world, &ways, allowed).await);
        for ((method, relation, who, door), (code, reason)) in got {
            let want = want(who, relation, door);
            if code != want {
                faults.push(format!(
                    "{method} {relation:?} {who:?} {door:?}: {code:?} {reason}, not {want:?}"
                ));
            }
            answers.insert((method, relation, who, door), code);
        }
        let worked = answers
            .iter()
            .any(|(cell, code)| cell.0 == case.method && *code == Code::Ok);
        if !worked && (split || rule.scope != muster_proto::authz::v1::Scope::Platform) {
            faults.push(format!("{}: nobody was ever let in", case.method));
        }
    }
    println!("{} cells in {:?}", answers.len(), started.elapsed());
    assert!(
        faults.is_empty(),
        "{} of {} cells:\n{}",
        faults.len(),
        answers.len(),
        faults.join("\n")
    );
    if split {
        golden::compare("tests/authz-matrix.txt", &text(&answers));
    }
});

/// Asks all cells of one method, some at a time.
async fn ask_all(
    world: &World,
    ways: &BTreeMap<(Door, &str), Channel>,
    cells: Vec<Cell>,
) -> Vec<(Cell, (Code, String))> {
    let calls = cells.into_iter().map(|cell| async move {
        let (method, relation, who, door) = &cell;
        let case = prepared(world, method, *who, *relation).await;
        let channel = &ways[&(*door, role_of(method))];
        let principal = &world.principals[who];
        let body = dry_run(method, &case.body);
        let answer = world
            .caller(*who, channel)
            .patiently(method, &body, &principal.metadata())
            .await;
        let reason = answer.reason();
        (cell, (answer.code, reason))
    });
    stream::iter(calls).buffer_unordered(6).collect().await
}

/// The request of a cell. What can be used once only is made for it.
async fn prepared(world: &World, method: &str, who: Who, relation: Relation) -> Case {
    let mut things = world.related(who, relation);
    if method.ends_with("/RefreshSession") {
        let [slug, login, ..] = &world.ours.sign_in;
        things.refresh = world.sign(slug, login).await.refresh;
    }
    if method.ends_with("/PollPairing") {
        things.secret = world.pairing().await.1;
    }
    requests::of(method, &things)
}

/// The matrix as text: a line for each method and relation, a column for each caller.
fn text(answers: &BTreeMap<Cell, Code>) -> String {
    let mut text = String::from(
        "# Who is answered what: a line for each method and each relation to what is asked for (own, a peer's, elsewhere in\n\
         # the tenant, foreign, missing), a column for each caller. Measured at the gateway and at the service; a method that\n\
         # answers differently there has a line for each. Written by tests/tests/authz_matrix.rs with BLESS=1.\n\
         # ok, UA unauthenticated, PD permission denied, NF not found, FP failed precondition, UI unimplemented.\n",
    );
    let columns: Vec<String> = Who::ALL
        .iter()
        .map(|who| format!("{:<9}", format!("{who:?}").to_lowercase()))
        .collect();
    let _ = writeln!(text, "{:<56}{:<19}{}", "#", "", columns.join(" ").trim_end());
    let rows: BTreeSet<(&String, Relation)> = answers
        .keys()
        .map(|(method, relation, ..)| (method, *relation))
        .collect();
    for (method, relation) in rows {
        let row = |door| -> String {
            let code = |who: &Who| short(answers[&(method.clone(), relation, *who, door)]);
            let codes: Vec<String> = Who::ALL.iter().map(|who| format!("{:<9}", code(who))).collect();
            codes.join(" ").trim_end().to_owned()
        };
        let (gateway, service) = (row(Door::Gateway), row(Door::Service));
        let name = method.trim_start_matches("/muster.");
        let relation = format!("{relation:?}").to_lowercase();
        if gateway == service {
            let _ = writeln!(text, "{name:<56}{relation:<19}{gateway}");
        } else {
            let _ = writeln!(text, "{name:<56}{relation:<10}gateway  {gateway}");
            let _ = writeln!(text, "{name:<56}{relation:<10}service  {service}");
        }
    }
    text
}

fn short(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Unauthenticated => "UA",
        Code::PermissionDenied => "PD",
        Code::NotFound => "NF",
        Code::FailedPrecondition => "FP",
        Code::Unimplemented => "UI",
        _ => "??",
    }
}
