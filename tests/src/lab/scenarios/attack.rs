//! Attackers beside people who work (G-02, G-07): how long the others wait, in peace and under each attack.

use std::time::Duration;

use futures::FutureExt;
use muster::demo::NEIGHBOUR;
use muster_proto::orders::v1::ListOrdersRequest;
use prost::Message;
use tokio::time::sleep;

use super::beside::{NOTHING, Used, p99, shift};
use super::{BOTH, Run, Scenario, Stage};
use crate::attack::attacker::{Plan as Attack, RESETS, hex};
use crate::attack::floods;
use crate::client::Caller;
use crate::lab::judge::{Verdict, spread};
use crate::lab::load::Plan;
use crate::lab::site::{Options, Site};

/// Every attack of `tests/src/attack`, one after the other.
pub const SCENARIO: Scenario = Scenario {
    name: "attack",
    items: &["G-02", "G-07"],
    stores: BOTH,
    about: "resets and floods beside a shift; how long the others wait (SECONDS=4 for each, ONLY=number)",
    run: |run| run_it(run).boxed(),
};

const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
/// The rates as they are shipped; the lab's own are wider than anybody's.
const SHIPPED: [(&str, &str); 6] = [
    ("MUSTER_GATEWAY__ADDRESS_PER_SECOND", "200"),
    ("MUSTER_GATEWAY__ADDRESS_BURST", "400"),
    ("MUSTER_GATEWAY__PRINCIPAL_PER_SECOND", "50"),
    ("MUSTER_GATEWAY__PRINCIPAL_BURST", "200"),
    ("MUSTER_GATEWAY__TENANT_PER_SECOND", "500"),
    ("MUSTER_GATEWAY__TENANT_BURST", "1000"),
];
/// After an attack, before anything is measured again.
const BREATH: Duration = Duration::from_millis(500);
/// Memory that an attack may cost, in KiB.
const MOST_KIB: u64 = 16 << 10;

async fn run_it(run: Run) -> Verdict {
    let options = Options {
        settings: SHIPPED.map(|(name, value)| (name, value.to_owned())).to_vec(),
        ..Options::default()
    };
    let site = run.site(options).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 20), 2).await;
    let mut verdict = Verdict::default();
    let (rate, length) = (run.wish("RATE", 60.0), run.seconds(4));
    stage.load.clone().run(Plan::shift(rate, Duration::from_secs(4))).await;
    let before = Used::of(&stage.site).await;
    let (mut peace, asked) = shift(&stage, Plan::shift(rate, length * 3)).await;
    let idle = Used::of(&stage.site).await.since(&before, length * 3);
    verdict.figure("in peace", format!("{}, {idle:.2} cores", spread(&mut peace)));
    verdict.must(asked == peace.len(), || "calls failed in peace".to_owned());
    let calm = p99(&peace).max(NOTHING);
    let asks = intruder(&stage.site).await;
    let names = RESETS
        .into_iter()
        .chain(floods::all(LIST).into_iter().map(|flood| flood.what));
    let only: usize = run.wish("ONLY", usize::MAX);
    for (_, name) in names
        .enumerate()
        .filter(|(number, _)| only == usize::MAX || *number == only)
    {
        let attack = Attack {
            attack: name.to_owned(),
            address: stage.site.town.gateway.clone(),
            length,
            asks: asks.clone(),
        };
        let factor = if RESETS.contains(&name) { 1.5 } else { 2.0 };
        one(&stage, &attack, (rate, calm.mul_f64(factor), idle), &mut verdict).await;
        sleep(BREATH).await;
    }
    verdict.and(stage.judge().await);
    verdict
}

/// One attack, and what it did to the others.
async fn one(stage: &Stage, attack: &Attack, (rate, limit, idle): (f64, Duration, f64), verdict: &mut Verdict) {
    let before = Used::of(&stage.site).await;
    let attacker = attack.start().expect("the attacker starts");
    let (mut times, asked) = shift(stage, Plan::shift(rate, attack.length)).await;
    let after = Used::of(&stage.site).await;
    let said = attacker.wait_with_output().await.expect("the attacker ends");
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let (cores, name) = (after.since(&before, attack.length) - idle, &attack.attack);
    let grown = after.memory.saturating_sub(before.memory);
    verdict.figure(
        format!("under {name}"),
        format!("{}; {said}; {cores:+.2} cores, {grown} KiB more", spread(&mut times)),
    );
    let p99 = p99(&times);
    let item = if RESETS.contains(&name.as_str()) {
        "G-02"
    } else {
        "G-07"
    };
    verdict.must(!said.is_empty() && !said.starts_with("0 connections"), || {
        format!("{item}: {name}: the attacker did nothing: {said:?}")
    });
    verdict.must(p99 <= limit, || {
        format!("{item}: under {name} the others' p99 is {p99:?}, at most {limit:?}")
    });
    verdict.must(times.len() == asked, || {
        format!("{item}: under {name} {} calls failed", asked - times.len())
    });
    verdict.must(cores <= 1.0, || format!("{item}: {name} costs {cores:.2} cores"));
    verdict.must(grown <= MOST_KIB, || format!("{item}: {name} costs {grown} KiB"));
}

/// What a patient attacker asks: the list of another business, as somebody who may.
async fn intruder(site: &Site) -> (String, String, String) {
    let caller = Caller::sign_in(site.plain_channel(), NEIGHBOUR, "olive").await;
    let request = ListOrdersRequest {
        page_size: 50,
        ..ListOrdersRequest::default()
    };
    (LIST.to_owned(), caller.token, hex(&request.encode_to_vec()))
}
