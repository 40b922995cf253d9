//! Faults of storage: power that goes, a disk that is full, and many starters on one fresh file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell what they threw"
)]

use std::time::Duration;

use muster_tests::lab::{cuts, disk, full, starters};

/// A number from the environment.
fn asked_for<T: std::str::FromStr>(name: &str, usual: T) -> T {
    let text = std::env::var(name).ok();
    text.map_or(usual, |text| text.parse().ok().expect("a number"))
}

/// Two hundred: `CUTS=200 cargo nextest run -p muster-tests --test faults_disk power`, or `make chaos SCENARIO=power`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_power_cut() {
    let (seed, cuts) = (asked_for("SEED", 13), asked_for("CUTS", 6));
    let report = cuts::run(seed, cuts, false).await;
    println!("SEED={seed} {report:#?}");
    assert!(report.faults.is_empty(), "SEED={seed} {:#?}", report.faults);
    assert_eq!(report.cuts, cuts);
    assert!(
        report.acknowledged > cuts * 5,
        "hardly anything was written: {report:#?}"
    );
}

/// The judge of the test above, shown what it is there for: a log that is not synced with each commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_not_synced_loses_what_was_acknowledged() {
    // Until it is seen. What has been copied into the file meanwhile is not lost, so not every cut shows it.
    let report = cuts::run(asked_for("SEED", 13), 40, true).await;
    println!("{report:#?}");
    assert!(
        !report.faults.is_empty(),
        "nothing was lost, and the judge may be blind"
    );
}

/// R-12, over a disk of its own.
#[test]
fn a_full_disk_refuses_and_then_goes_on() {
    inside("a_full_disk_refuses", async || {
        let plan = full::Plan {
            disk: 32 << 20,
            free: Some(512 << 10),
            stays: Duration::from_secs(3),
        };
        let report = full::run(plan).await;
        println!("{report:#?}");
        assert!(report.faults.is_empty(), "{:#?}", report.faults);
    });
}

/// R-12, where the log goes to a file.
#[test]
fn a_full_disk_of_the_log_stops_nobody() {
    inside("a_full_disk_of_the_log", async || {
        let faults = full::log().await;
        assert!(faults.is_empty(), "{faults:#?}");
    });
}

/// Fifty: `ROUNDS=50 cargo nextest run -p muster-tests --test faults_disk eight`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_starters_on_one_fresh_folder_all_come_up() {
    let (rounds, mut up) = (asked_for("ROUNDS", 2), Vec::new());
    for round in 1..=rounds {
        let took = starters::round(8, false).await;
        up.push(took.unwrap_or_else(|error| panic!("round {round} of {rounds}: {error}")));
    }
    println!("{rounds} of {rounds} rounds up, the slowest in {:?}", up.iter().max());
}

/// The same with a lock that keeps nobody out: within a few rounds somebody must fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_lock_of_migrations_starters_fail() {
    for _ in 0..5 {
        if let Err(why) = starters::round(8, true).await {
            return assert!(why.contains("MIGRATION_FAILED"), "{why}");
        }
    }
    panic!("all came up without the lock, and the test above proves nothing");
}

/// Runs a test where it may mount: the first time it starts this program again, for this test alone.
fn inside(name: &str, test: impl AsyncFnOnce()) {
    if disk::may_mount() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(test());
    }
    match disk::elsewhere(&[name, "--nocapture", "--test-threads=1"]).unwrap() {
        Some(status) => assert!(status.success(), "see above"),
        None => println!("NOT MEASURED: left out as asked for"),
    }
}
