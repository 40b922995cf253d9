//! Few connections and many callers, and many who sign in at once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell what they measured"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use muster::demo::{PASSWORD, SLUG};
use muster_kernel::clock::World as Clock;
use muster_proto::RULES;
use muster_proto::orders::v1::{PlaceOrderRequest, PlaceOrderResponse};
use muster_tests::client::{Caller, reason, sign_in};
use muster_tests::requests;
use muster_tests::stories::two_burgers;
use muster_tests::town::{Shape, Town};
use muster_tests::world::World;
use tokio::time::{Instant, sleep_until};
use tonic::Code;

const CALLERS: usize = 64;
const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";

/// a handler that took a second connection inside its transaction would stop all of them for two seconds. Every
/// caller has things of its own, or they would wait for each other's rows. Takes minutes:
/// `cargo nextest run -p muster-tests --test crowd --run-ignored only four`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "four thousand fixtures take minutes: run by hand"]
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
        // One address may begin so many pairings in a minute, and a kitchen has so many stations and rules.
        let sets = match method.rsplit(['.', '/']).next().unwrap_or_default() {
            _ if method.contains("DeviceService") => 1,
            "ArchiveStation" | "DeleteRoutingRule" => CALLERS / 2,
            _ => CALLERS,
        };
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

/// The memory of the process that serves this town, in KiB.
fn memory() -> u64 {
    let children = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let of = |pid: &str| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.contains("serve")
            .then(|| kib.trim().split(' ').next()?.parse::<u64>().ok())?
    };
    children
        .flat_map(|pids| pids.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| of(&pid))
        .sum()
}

/// Orders at a fixed rate, each measured from the moment it was due: 99 of 100 are not slower than this.
async fn p99_of_orders(town: &Town, waiter: &Caller, time: Duration) -> Duration {
    let (every, started) = (Duration::from_millis(25), Instant::now());
    let orders = (0..u32::try_from(time.as_millis() / every.as_millis()).unwrap()).map(|number| async move {
        let due = started + every * number;
        sleep_until(due).await;
        let id = Clock::system().new_id().to_string();
        let order = PlaceOrderRequest {
            order_id: id.clone(),
            ..two_burgers(town)
        };
        waiter
            .call_once::<_, PlaceOrderResponse>(PLACE, &id, order)
            .await
            .unwrap();
        due.elapsed()
    });
    let mut times = join_all(orders).await;
    times.sort();
    times[times.len() * 99 / 100]
}

/// It measures times, so it is run by hand on a quiet machine and with the program built for release:
/// `MUSTER_TEST_BINARY=target/release/muster cargo nextest run -p muster-tests --test crowd --run-ignored only`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures times: run by hand on a quiet machine"]
async fn five_hundred_sign_ins_at_once_leave_the_kitchen_alone() {
    let town = Town::with_demo(Shape::AllInOne).await;
    let waiter = Caller::sign_in(town.channel().await, SLUG, "sam").await;
    p99_of_orders(&town, &waiter, Duration::from_secs(2)).await;
    let (calm, before) = (p99_of_orders(&town, &waiter, Duration::from_secs(5)).await, memory());
    let mut channels = Vec::new();
    for _ in 0..10 {
        channels.push(town.channel().await);
    }
    let most = std::sync::atomic::AtomicU64::new(before);
    let storm = async {
        let until = Instant::now() + Duration::from_secs(5);
        let mut told: BTreeMap<String, u32> = BTreeMap::new();
        // Whoever is refused comes again: five hundred are at the door all the time.
        while Instant::now() < until {
            let people = ["sam", "priya", "tomasz", "kenji", "rosa", "mara"];
            let all = (0..500).map(|number| sign_in(&channels[number % 10], SLUG, people[number % 6], PASSWORD));
            for answer in join_all(all).await {
                let what = answer.map_or_else(|status| format!("{:?}", reason(&status)), |_| "signed in".to_owned());
                *told.entry(what).or_default() += 1;
            }
        }
        told
    };
    let watch = async {
        loop {
            most.fetch_max(memory(), std::sync::atomic::Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let busy = p99_of_orders(&town, &waiter, Duration::from_secs(5));
    let (told, busy) = tokio::select! {
        both = async { tokio::join!(storm, busy) } => both,
        () = watch => unreachable!(),
    };
    let grown = most.into_inner().saturating_sub(before);
    println!("orders p99 {calm:?}, then {busy:?}; memory {before} KiB, grown by {grown} KiB; {told:?}");
    assert!(grown <= 64 * 1024, "{grown} KiB");
    assert!(told.contains_key("signed in"), "{told:?}");
    assert!(busy <= calm.mul_f64(1.5), "orders p99 {calm:?}, then {busy:?}");
}
