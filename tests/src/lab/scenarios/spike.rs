//! Ten times as much as can be done.
//!
//! The load is made on the same processors, so what the machine can do is measured first in the same way: by clients who
//! wait for their answer. What the load takes of the processors is measured too: to ask for ten times as much costs it ten
//! times as much. That is told, and excuses nothing. In the spike the clients of the load wait for each other more than for
//! an answer: they share few connections, on which so many calls may be open, and the others wait for their turn and are sent
//! if it comes in time. How long Muster takes to say no is asked by a bystander with a connection and a thread of his own,
//! one call at a time.

use std::time::Duration;

use futures::FutureExt;
use muster::demo::SLUG;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::{BOTH, Run, Scenario, Stage};
use crate::bench::process::cpu_of;
use crate::client::Caller;
use crate::lab::acts::Kind;
use crate::lab::history::{Call, Try};
use crate::lab::judge::{Verdict, spread};
use crate::lab::load::Plan;
use crate::lab::probe::{Probe, Question, between, others};
use crate::lab::site::Options;
use crate::lab::yardstick::speed;

/// A flood of requests.
pub const SCENARIO: Scenario = Scenario {
    name: "spike",
    items: &["R-18"],
    stores: BOTH,
    about: "ten times the measured capacity for 20 s (TIMES=10)",
    run: |run| run_it(run).boxed(),
};

const AT_ONCE: usize = 32;
const MEASURED_FOR: Duration = Duration::from_secs(6);
const AGAIN_FOR: Duration = Duration::from_secs(3);
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);
const SHED_WITHIN: Duration = Duration::from_millis(50);
const ASKS_EVERY: Duration = Duration::from_millis(20);
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

async fn run_it(run: Run) -> Verdict {
    let unwired = Options {
        unwired: true,
        ..Options::default()
    };
    let site = run.site(unwired).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 40), 2).await;
    let waiter = Caller::sign_in(stage.site.plain_channel(), SLUG, "sam").await;
    let mut verdict = Verdict::default();
    let length = run.seconds(20);
    // Caches fill, connections open; for longer, the file fills too.
    let warming = Duration::from_secs(run.wish("WARM", 2));
    stage.load.saturate(AT_ONCE, warming).await;
    let before = Capacity::of(&stage, MEASURED_FOR).await;
    let capacity = before.calls;
    verdict.figure("capacity", format!("{capacity:.0}/s"));
    let normal = memory(&stage).await;
    let (from, turned_away) = (stage.load.now(), stage.load.not_sent());
    let rate = capacity * run.wish("TIMES", 10.0);
    let bystander = Bystander::come(&stage, waiter.token);
    let own = Own::from_now();
    stage.load.clone().run(Plan::shift(rate, length)).await;
    let left = own.left();
    let most = memory(&stage).await;
    bystander.tells(length, &mut verdict).await;
    let calls: Vec<Call> = stage
        .load
        .history()
        .calls()
        .into_iter()
        .filter(|call| call.due >= from)
        .collect();
    let not_sent = stage.load.not_sent() - turned_away;
    verdict.figure(
        "asked for in the spike",
        format!(
            "{:.0}/s",
            (calls.len() as f64 + f64::from(not_sent)) / length.as_secs_f64()
        ),
    );
    verdict.figure("not sent, for want of a turn within the deadline", not_sent);
    verdict.figure(
        "of the processors, the load takes",
        format!(
            "{:.0} % in peace, {:.0} % in the spike",
            (1.0 - before.left) * 100.0,
            (1.0 - left) * 100.0
        ),
    );
    let could = capacity * (left / before.left).min(1.0);
    during(&calls, (capacity, could), length, &mut verdict);
    priority(&calls, &mut verdict);
    for ((roles, normal), (_, most)) in normal.into_iter().zip(most) {
        verdict.figure(
            format!("memory of {roles}"),
            format!("{normal} KiB, {most} KiB after the spike"),
        );
        verdict.must(most <= normal * 2, || {
            format!("R-18: {roles} grew from {normal} to {most} KiB")
        });
    }
    recovers(&stage, &before, &mut verdict).await;
    sleep(Duration::from_millis(500)).await;
    verdict.and(stage.judge().await);
    verdict
}

/// What is done in a second by clients who wait for their answers, and how quick the machine is meanwhile.
struct Capacity {
    calls: f64,
    speed: f64,
    /// What the load left of the processors.
    left: f64,
}

impl Capacity {
    async fn of(stage: &Stage, length: Duration) -> Self {
        let earlier = speed().await;
        let own = Own::from_now();
        let calls = stage.load.saturate(AT_ONCE, length).await;
        let left = own.left();
        let speed = (earlier + speed().await) / 2.0;
        Self { calls, speed, left }
    }
}

/// What the load itself takes of the processors that it shares with Muster.
struct Own {
    from: Instant,
    used: Duration,
}

impl Own {
    fn from_now() -> Self {
        let (from, used) = (Instant::now(), Self::used());
        Self { from, used }
    }

    fn used() -> Duration {
        cpu_of(std::process::id()).expect("one's own processor time")
    }

    /// The share of the processors that was left to others since then.
    fn left(&self) -> f64 {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let all = self.from.elapsed().as_secs_f64() * processors as f64;
        1.0 - (Self::used() - self.used).as_secs_f64() / all
    }
}

/// Muster does as much as before. What the machine does meanwhile is told beside it: others may slow it down.
async fn recovers(stage: &Stage, before: &Capacity, verdict: &mut Verdict) {
    let ended = Instant::now();
    loop {
        let now = Capacity::of(stage, AGAIN_FOR).await;
        let machine = now.speed / before.speed;
        let told = format!(
            "{:.0} s ({:.0}/s, the machine does {:.0} % of what it did before)",
            ended.elapsed().as_secs_f64(),
            now.calls,
            machine * 100.0
        );
        if now.calls >= before.calls * 0.9 {
            verdict.figure("capacity again after", told);
            return;
        }
        if ended.elapsed() > RECOVERS_WITHIN {
            verdict
                .findings
                .push(format!("R-18: {:.0}/s before the spike, after {told}", before.calls));
            return;
        }
    }
}

/// `could`, which is told and not judged, is what Muster could do in the spike with the processors that the load leaves it then:
/// on a machine of its own the load would leave it all.
fn during(calls: &[Call], (capacity, could): (f64, f64), length: Duration, verdict: &mut Verdict) {
    let tries = || calls.iter().filter_map(|call| call.tries.first());
    let with = |code| move |each: &&Try| each.answer.as_ref().is_some_and(|told| told.code == code);
    let good = tries().filter(with(Code::Ok)).count();
    let goodput = good as f64 / length.as_secs_f64();
    verdict.figure(
        "goodput in the spike",
        format!(
            "{goodput:.0}/s, {:.0} % of capacity, {:.0} % of the {could:.0}/s for which the load leaves processors",
            goodput / capacity * 100.0,
            goodput / could * 100.0
        ),
    );
    verdict.must(goodput >= capacity * 0.8, || {
        format!("R-18: goodput is {goodput:.0}/s of {capacity:.0}/s")
    });
    let took = |each: &Try| each.done.saturating_sub(each.sent);
    let refused = || tries().filter(with(Code::ResourceExhausted));
    // A client tells himself so of calls that were on their way when his connection was ended: without a reason.
    let by_himself = |each: &&Try| each.answer.as_ref().is_some_and(|told| told.reason.is_empty());
    verdict.figure(
        "of who is shed, lost with their connection (G-02)",
        refused().filter(by_himself).count(),
    );
    let silent = refused().filter(|each| each.answer.as_ref().is_some_and(|told| !told.says_when));
    let silent = silent.count();
    verdict.must(silent == 0, || {
        format!("R-18: {silent} of those who are shed are not told when to come again")
    });
    let mut shed: Vec<Duration> = refused().map(took).collect();
    verdict.figure("shed answers, with the wait in the client", spread(&mut shed));
    let mut admitted: Vec<Duration> = tries().filter(with(Code::Ok)).map(took).collect();
    verdict.figure("admitted, from sending", spread(&mut admitted));
}

/// Somebody who asks now and then, as any other client would, while all the others ask for ten times as much.
struct Bystander {
    runtime: Runtime,
    probes: Vec<Probe>,
}

impl Bystander {
    fn come(stage: &Stage, token: String) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a thread");
        let probes = {
            let _there = runtime.enter();
            let caller = Caller {
                channel: stage.site.plain_channel(),
                token,
            };
            let ask = |question| Probe::start(&stage.site.town, &caller, question, ASKS_EVERY, ANSWERED_WITHIN);
            [Question::Order, Question::Menu].map(ask).into()
        };
        Self { runtime, probes }
    }

    async fn tells(self, length: Duration, verdict: &mut Verdict) {
        let mut shots = Vec::new();
        for probe in self.probes {
            shots.extend(probe.end().await);
        }
        self.runtime.shutdown_background();
        let during = between(&shots, Duration::ZERO, length);
        verdict.figure("a bystander is told", others(&during));
        let refused = during.iter().filter(|shot| shot.code == Some(Code::ResourceExhausted));
        let mut shed: Vec<Duration> = refused.map(|shot| shot.took).collect();
        verdict.figure("shed answers to a bystander", spread(&mut shed));
        let median = shed.get(shed.len() / 2).copied();
        verdict.must(median.is_some_and(|median| median <= SHED_WITHIN), || {
            format!("R-18: who is shed waits {median:?} (p50) for it")
        });
    }
}

/// Who is served when not everybody can be: orders before reads, reads before lists.
fn priority(calls: &[Call], verdict: &mut Verdict) {
    let good = |call: &&Call| {
        let first = call.tries.first().and_then(|each| each.answer.as_ref());
        first.is_some_and(|told| told.code == Code::Ok)
    };
    let share = |of: &dyn Fn(Kind) -> bool| {
        let asked: Vec<&Call> = calls.iter().filter(|call| of(call.kind)).collect();
        let served = asked.iter().copied().filter(good).count();
        (served * 1000).checked_div(asked.len()).unwrap_or(1000)
    };
    let orders = share(&|kind: Kind| kind.is_mutating());
    let reads = share(&|kind| matches!(kind, Kind::Menu | Kind::Get));
    let lists = share(&|kind| kind == Kind::List);
    verdict.figure(
        "served at the first try",
        format!("orders {orders} ‰, reads {reads} ‰, lists {lists} ‰"),
    );
    verdict.must(orders >= reads && reads >= lists, || {
        format!("R-18: of orders {orders} ‰ were served, of reads {reads} ‰, of lists {lists} ‰")
    });
}

async fn memory(stage: &Stage) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    for roles in stage.site.crew.roles() {
        all.push((roles, stage.site.crew.memory(roles).await));
    }
    all
}
