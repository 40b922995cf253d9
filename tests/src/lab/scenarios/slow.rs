//! Screens that stop reading, beside others that go on.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::{BOTH, Run, Scenario, Stage};
use crate::lab::books::Books;
use crate::lab::judge::{Verdict, spread};
use crate::lab::load::Plan;
use crate::lab::site::Options;
use crate::lab::stalled::Stalled;
use crate::lab::watch::faults;

/// Readers who do not read.
pub const SCENARIO: Scenario = Scenario {
    name: "slow",
    items: &["R-19", "I-17"],
    stores: BOTH,
    about: "streams that stop reading (STREAMS=1000) beside screens that go on",
    run: |run| run_it(run).boxed(),
};

/// What a stream that nobody reads may cost, in each process, in KiB.
const MOST_KIB: u64 = 64;
/// Who reads again is current within.
const CURRENT_WITHIN: Duration = Duration::from_secs(10);
const HEALTHY_P99: Duration = Duration::from_millis(250);

async fn run_it(run: Run) -> Verdict {
    let count: usize = run.wish("STREAMS", 1000);
    let site = run.site(Options::default()).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 40), 10).await;
    let mut verdict = Verdict::default();
    let rate = run.wish("RATE", 30.0);
    // Everything that is made once is made before memory is looked at.
    stage.load.clone().run(Plan::shift(rate, Duration::from_secs(5))).await;
    let before = memory(&stage).await;
    let stalled = Stalled::open(&stage.site, &stage.token, count).await;
    let mut stalled = match stalled {
        Ok(stalled) => stalled,
        Err(error) => {
            verdict
                .findings
                .push(format!("R-19: the streams cannot be opened: {error}"));
            return verdict;
        }
    };
    let opened = memory(&stage).await;
    stage.watchers.iter().for_each(crate::lab::watch::Watcher::forget_lags);
    stage.load.clone().run(Plan::shift(rate, run.seconds(35))).await;
    for ((roles, before), ((_, opened), (_, after))) in
        before.into_iter().zip(opened.into_iter().zip(memory(&stage).await))
    {
        let each = after.saturating_sub(before) / count as u64;
        verdict.figure(
            format!("memory of {roles}"),
            format!("{before} KiB, {opened} with {count} streams, {after} when they have stalled: {each} KiB each"),
        );
        verdict.must(each <= MOST_KIB, || {
            format!("R-19: a stalled stream costs {each} KiB in {roles}")
        });
    }
    let mut lags: Vec<Duration> = stage.watchers.iter().flat_map(|watcher| watcher.diary().lags).collect();
    verdict.figure("event to a screen that reads", spread(&mut lags));
    let p99 = lags
        .get(lags.len().saturating_sub(1) * 99 / 100)
        .copied()
        .unwrap_or_default();
    verdict.must(p99 <= HEALTHY_P99, || {
        format!("R-19: screens that read wait {p99:?} (p99)")
    });
    verdict.must(!lags.is_empty(), || {
        "R-19: the screens that read saw nothing".to_owned()
    });
    wake(&stage, &mut stalled, &mut verdict).await;
    drop(stalled);
    sleep(Duration::from_secs(1)).await;
    verdict.and(stage.judge().await);
    verdict
}

/// Who reads again gets what was missed, a fresh snapshot, or the word to come again.
async fn wake(stage: &Stage, stalled: &mut Stalled, verdict: &mut Verdict) {
    let location = stage.site.town.demo.location_id.parse().expect("an id");
    let books = Books::of(&stage.site.town).await;
    let happened = books.happened(location).await.expect("the events");
    books.close().await;
    let last = happened.last().map(|event| event.position).unwrap_or_default();
    let (mut current, mut closed) = (0, 0);
    for _ in 0..stalled.count().min(20) {
        match stalled.wake(last, CURRENT_WITHIN).await {
            Ok((diary, ended)) => {
                let wrong = faults(&diary.seen, &happened);
                verdict.findings.extend(
                    wrong
                        .into_iter()
                        .take(2)
                        .map(|wrong| format!("I-17, a stream read again: {wrong}")),
                );
                match ended.as_deref() {
                    None if diary.position() >= last => current += 1,
                    Some("8") => closed += 1,
                    other => verdict.findings.push(format!(
                        "R-19: a stream read again stands at {} of {last}, ended {other:?}",
                        diary.position()
                    )),
                }
            }
            Err(error) => verdict.findings.push(format!("R-19: a stream was torn: {error}")),
        }
    }
    verdict.figure(
        "streams read again: current / told to come again",
        format!("{current} / {closed}"),
    );
}

async fn memory(stage: &Stage) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    for roles in stage.site.crew.roles() {
        all.push((roles, stage.site.crew.memory(roles).await));
    }
    all
}
