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
    about: "resets and floods beside a shift; how long the others wait (SECONDS=15 for each, ONLY=number)",
    run: |run| run_it(run).boxed(),
};

const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
/// The bounds as they are shipped; the lab's own are wider than anybody's.
const SHIPPED: [(&str, &str); 7] = [
    ("MUSTER_GATEWAY__CONNECTIONS_PER_ADDRESS", "50"),
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
/// What an attack may make us log, in KiB: it is no way to fill a disk.
const MOST_LOGGED_KIB: u64 = 1 << 10;

async fn run_it(run: Run) -> Verdict {
    let options = Options {
        settings: SHIPPED.map(|(name, value)| (name, value.to_owned())).to_vec(),
        unwired: true,
        ..Options::default()
    };
    let site = run.site(options).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 20), 2).await;
    let mut verdict = Verdict::default();
    let (rate, length) = (run.wish("RATE", 80.0), run.seconds(2));
    stage.load.clone().run(Plan::shift(rate, Duration::from_secs(4))).await;
    let asks = intruder(&stage.site).await;
    let only: usize = run.wish("ONLY", usize::MAX);
    let names = RESETS
        .into_iter()
        .chain(floods::all(LIST).into_iter().map(|flood| flood.what));
    let names: Vec<&str> = names
        .enumerate()
        .filter(|(number, _)| only == usize::MAX || *number == only)
        .map(|(_, name)| name)
        .collect();
    let plan = Plan::shift(rate, length);
    // Peace before and after each, so that what else the machine does counts on both sides.
    let mut peace = vec![Window::of(&stage, &plan).await];
    let mut attacked = Vec::new();
    for name in names {
        let attack = Attack {
            attack: name.to_owned(),
            address: stage.site.town.gateway.clone(),
            length,
            asks: asks.clone(),
        };
        let attacker = attack.start().expect("the attacker starts");
        let window = Window::of(&stage, &plan).await;
        let said = attacker.wait_with_output().await.expect("the attacker ends");
        attacked.push((name, window, String::from_utf8_lossy(&said.stdout).trim().to_owned()));
        sleep(BREATH).await;
        peace.push(Window::of(&stage, &plan).await);
    }
    let mut calm: Vec<Duration> = peace.iter().flat_map(|window| window.times.clone()).collect();
    verdict.figure("in peace", spread(&mut calm));
    for ((name, window, said), around) in attacked.iter().zip(peace.windows(2)) {
        look(name, window, said, around, &mut verdict);
    }
    verdict.and(stage.judge().await);
    verdict
}

/// What one attack did to the others, beside the peace around it.
fn look(name: &str, window: &Window, said: &str, around: &[Window], verdict: &mut Verdict) {
    let (item, factor) = if RESETS.contains(&name) {
        ("G-02", 1.5)
    } else {
        ("G-07", 2.0)
    };
    let calm = around.iter().map(|peace| p99(&peace.times)).max().unwrap_or_default();
    let idle = around.iter().map(|peace| peace.cores).fold(0.0, f64::max);
    let (p99, limit, cores) = (
        p99(&window.times),
        calm.max(NOTHING).mul_f64(factor),
        window.cores - idle,
    );
    let (now, grown, logged) = (spread(&mut window.times.clone()), window.grown, window.logged);
    verdict.figure(
        format!("under {name}"),
        format!("{now}; p99 around it {calm:?}; {said}; {cores:+.2} cores, {grown} KiB more, {logged} KiB logged"),
    );
    verdict.must(!said.is_empty() && !said.starts_with("0 connections"), || {
        format!("{item}: {name}: the attacker did nothing: {said:?}")
    });
    verdict.must(p99 <= limit, || {
        format!("{item}: under {name} the others' p99 is {p99:?}, at most {limit:?}")
    });
    let failed = window.asked - window.times.len();
    verdict.must(failed == 0, || format!("{item}: under {name} {failed} calls failed"));
    verdict.must(cores <= 1.0, || format!("{item}: {name} costs {cores:.2} cores"));
    verdict.must(grown <= MOST_KIB, || format!("{item}: {name} costs {grown} KiB"));
    verdict.must(logged <= MOST_LOGGED_KIB, || {
        format!("{item}: {name} makes us log {logged} KiB")
    });
}

/// People at work for a while, and what it took.
struct Window {
    times: Vec<Duration>,
    asked: usize,
    cores: f64,
    grown: u64,
    logged: u64,
}

impl Window {
    async fn of(stage: &Stage, plan: &Plan) -> Self {
        let before = Used::of(&stage.site).await;
        let (times, asked) = shift(stage, plan.clone()).await;
        let after = Used::of(&stage.site).await;
        Self {
            times,
            asked,
            cores: after.since(&before, plan.length),
            grown: after.memory.saturating_sub(before.memory),
            logged: after.logged.saturating_sub(before.logged),
        }
    }
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
