//! Few connections and many callers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell what they measured"
)]

use std::time::Duration;

use futures::future::join_all;
use muster_proto::RULES;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::World;
use tokio::time::Instant;
use tonic::Code;

const CALLERS: usize = 64;
/// So many sets of things: four callers share one.
const SETS: usize = 16;

/// a handler that took a second connection inside its transaction would stop all of them for two seconds. Few
/// callers share their things, so that they hardly wait for each other's rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_connections_serve_sixty_four_callers_of_every_method() {
    let town = Town::with_settings(Shape::Split, &[("MUSTER_DATABASE__CONNECTIONS", "4")]).await;
    let world = World::of(town).await;
    let mut faults = Vec::new();
    let (mut calls, mut slowest) = (0, (Duration::ZERO, ""));
    // Not the stream, and not what ends the caller of the others.
    let methods = RULES
        .iter()
        .filter(|rule| !rule.streaming && !rule.method.ends_with("/SignOut"));
    for method in methods.map(|rule| rule.method) {
        // One address may begin so many pairings in a minute.
        let sets = if method.contains("DeviceService") { 1 } else { SETS };
        let mut fixtures = Vec::new();
        for _ in 0..sets {
            let (caller, things) = world.fresh(method).await;
            fixtures.push((caller, requests::of(method, &things)));
        }
        let callers = fixtures.iter().cycle().take(CALLERS).enumerate();
        let all = join_all(callers.map(|(number, (caller, case))| async move {
            let (key, started) = (format!("{number}-{}", case.method), Instant::now());
            let metadata = [("idempotency-key", key.as_str())];
            let answer = caller.raw(&case.method, &case.body, &metadata).await;
            (answer, started.elapsed())
        }));
        for (answer, took) in all.await {
            calls += 1;
            slowest = slowest.max((took, method));
            // Hashes wait for each other too, and that is another promise.
            if matches!(answer.code, Code::Unavailable | Code::Internal | Code::Unknown) {
                faults.push(format!(
                    "{method}: {:?} {} {}",
                    answer.code,
                    answer.reason(),
                    answer.message
                ));
            }
        }
    }
    println!("{calls} calls over 4 connections of each service, the slowest took {slowest:?}");
    let logs = world.town.logs();
    let starved = logs
        .lines()
        .filter(|line| line.to_lowercase().contains("pool timed out"))
        .count();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(starved, 0, "somebody waited for a connection in vain");
}
