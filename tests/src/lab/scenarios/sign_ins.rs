//! Five hundred people sign in at once, and orders go on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::beside::{NOTHING, Used, p99, shift};
use super::{BOTH, Run, Scenario, Stage};
use crate::attack::attacker::{Plan as Attack, SIGN_INS};
use crate::lab::acts::{Kind, Mix};
use crate::lab::judge::{Verdict, spread};
use crate::lab::load::Plan;
use crate::lab::site::{Options, Site};

/// A storm of sign-ins.
pub const SCENARIO: Scenario = Scenario {
    name: "sign-ins",
    items: &["A-14"],
    stores: BOTH,
    about: "500 sign-ins at once, who come again when they are told to, beside orders (SECONDS=10)",
    run: |run| run_it(run).boxed(),
};

/// Every one of them reaches auth, as if each had an address of its own.
const WIDE: [&str; 2] = ["MUSTER_GATEWAY__PUBLIC_PER_SECOND", "MUSTER_GATEWAY__PUBLIC_BURST"];
/// Memory that the storm may cost, in KiB.
const MOST_KIB: u64 = 64 << 10;

async fn run_it(run: Run) -> Verdict {
    let options = Options {
        settings: WIDE.map(|name| (name, "20000".to_owned())).to_vec(),
        unwired: true,
        ..Options::default()
    };
    let site = run.site(options).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 20), 2).await;
    let mut verdict = Verdict::default();
    let length = run.seconds(10);
    let orders = |length| Plan {
        mix: Mix(vec![(Kind::Place, 1)]),
        ..Plan::shift(run.wish("RATE", 40.0), length)
    };
    shift(&stage, orders(Duration::from_secs(4))).await;
    let (mut peace, _) = shift(&stage, orders(length)).await;
    verdict.figure("orders in peace", spread(&mut peace));
    verdict.figure("processors are shared", shared_by().await);
    let limit = p99(&peace).max(NOTHING).mul_f64(1.5);
    let before = Used::of(&stage.site).await.memory;
    let attack = Attack {
        attack: SIGN_INS.to_owned(),
        address: stage.site.town.gateway.clone(),
        length,
        asks: <_>::default(),
    };
    let attacker = attack.start().expect("they come");
    let most = AtomicU64::new(before);
    let (mut times, asked) = tokio::select! {
        done = shift(&stage, orders(length)) => done,
        never = watch_memory(&stage.site, &most) => match never {},
    };
    let said = attacker.wait_with_output().await.expect("they go");
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    verdict.figure("orders meanwhile", spread(&mut times));
    verdict.figure("answers at the door", &said);
    let most = most.into_inner();
    verdict.figure("memory", format!("{before} KiB, at most {most} meanwhile"));
    let grown = most.saturating_sub(before);
    verdict.must(grown <= MOST_KIB, || format!("A-14: memory grew by {grown} KiB"));
    let p99 = p99(&times);
    verdict.must(p99 <= limit, || {
        format!("A-14: orders' p99 is {p99:?}, at most {limit:?}")
    });
    verdict.must(times.len() == asked, || {
        format!("A-14: {} orders failed", asked - times.len())
    });
    for wanted in ["signed in", "hashed in vain", "ResourceExhausted"] {
        verdict.must(said.contains(wanted), || format!("A-14: nobody was told {wanted:?}"));
    }
    verdict.and(stage.judge().await);
    verdict
}

/// Between what the system shares the processors. Where each session has a part of its own, as each server process of
/// PostgreSQL is one, a thread that stands back does so among its own session's only.
async fn shared_by() -> &'static str {
    let setting = tokio::fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled").await;
    match setting.as_deref().map(str::trim) {
        Ok("1") => "session by session (kernel.sched_autogroup_enabled = 1)",
        _ => "thread by thread",
    }
}

/// Keeps the most memory that the installation had.
async fn watch_memory(site: &Site, most: &AtomicU64) -> Infallible {
    loop {
        most.fetch_max(Used::of(site).await.memory, Ordering::Relaxed);
        sleep(Duration::from_millis(20)).await;
    }
}
