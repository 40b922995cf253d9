//! Short versions of the faults of PostgreSQL and Redis (RELIABILITY ), on towns with servers of
//! their own. The long ones: `make chaos SCENARIO=postgres-hangs`, `connections-dropped`, `redis`, `replay`, and beside them
//! `postgres-restart`, `postgres-failover` and `partition`.
//!
//! They measure times and look for calls that fail, which a program without optimisation beside other tests on two cores does
//! not keep: `MUSTER_TEST_BINARY=target/release/muster cargo nextest run --workspace -E 'binary(faults_storage)'
//! --run-ignored only -j 1`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use muster_kernel::clock::World;
use muster_tests::lab::judge::Verdict;
use muster_tests::lab::scenarios::Run;
use muster_tests::lab::scenarios::storage::{Broken, dropped, frozen, redis_gone, replay};
use muster_tests::lab::site::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures times: run by hand, with the program built for release"]
async fn the_town_goes_on_while_postgres_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = Broken::set(&run(folder.path()), &[]).await;
    let mut verdict = dropped::part(&broken, Duration::from_secs(3)).await;
    // Beside other tests on two cores, a quarter of a second for what takes a millisecond.
    let (length, deadline) = (Duration::from_secs(3), Duration::from_secs(2));
    verdict.and(frozen::part(&broken, length, deadline, Duration::from_millis(250)).await);
    verdict.and(broken.judge().await);
    tell(&verdict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures times: run by hand, with the program built for release"]
async fn the_town_goes_on_while_redis_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = Broken::set(&run(folder.path()), redis_gone::SETTINGS).await;
    let mut verdict = redis_gone::part(&mut broken, Duration::from_secs(2)).await;
    verdict.and(replay::part(&mut broken, 1, false).await);
    verdict.and(broken.judge().await);
    tell(&verdict);
}

fn run(folder: &Path) -> Run {
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(u16::from_be_bytes(World::system().random())));
    println!("seed {seed} (again: SEED={seed})");
    Run {
        store: Store::Postgres,
        seed,
        folder: folder.to_owned(),
        wishes: BTreeMap::from([("CLIENTS".to_owned(), "5".to_owned())]),
    }
}

fn tell(verdict: &Verdict) {
    for (name, value) in &verdict.figures {
        println!("{name}: {value}");
    }
    assert!(verdict.findings.is_empty(), "{:#?}", verdict.findings);
}
