//! A deploy: each role is replaced by another process of it, there and back, while people work.
//!
//! The lab's wires are the balancer: they lead new connections to the new process before the old one is told to stop. On
//! SQLite there can be no second process, so the one is stopped and started, and what is measured is how long nobody answers.

use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;

use super::{BOTH, Run, Scenario, Stage};
use crate::lab::crew::Signal;
use crate::lab::history::Call;
use crate::lab::judge::Verdict;
use crate::lab::load::Plan;
use crate::lab::site::{Options, Store};

/// A rolling restart under load.
pub const SCENARIO: Scenario = Scenario {
    name: "rolling",
    items: &["R-20", "I-17"],
    stores: BOTH,
    about: "SIGTERM of each role in turn, its stand-in beside it, and back again",
    run: |run| run_it(run).boxed(),
};

const DRAINED_WITHIN: Duration = Duration::from_secs(20);
const RESUMED_WITHIN: Duration = Duration::from_secs(2);

async fn run_it(run: Run) -> Verdict {
    let site = run.site(Options::default()).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 60), 20).await;
    let plan = Plan {
        asks_twice: true,
        ..Plan::shift(run.wish("RATE", 60.0), Duration::from_secs(3600))
    };
    let stop = stage.load.stopper();
    let load = tokio::spawn(stage.load.clone().run(plan));
    sleep(Duration::from_secs(2)).await;
    let mut verdict = Verdict::default();
    for back in [false, true] {
        for roles in stage.site.town.processes() {
            let took = replace(&mut stage, roles, back).await;
            let way = if back { "back" } else { "there" };
            verdict.figure(format!("drain of {roles}, {way}"), format!("{} ms", took.as_millis()));
            verdict.must(took <= DRAINED_WITHIN, || format!("R-20: {roles} took {took:?} to end"));
            sleep(Duration::from_secs(2)).await;
        }
    }
    stop.cancel();
    load.await.expect("the load ends");
    let failed = stage.load.history().calls().iter().filter(|call| failed(call)).count();
    verdict.figure("calls that failed after one retry", failed);
    verdict.and(stage.judge().await);
    let breaks: Vec<Duration> = stage
        .watchers
        .iter()
        .flat_map(|watcher| watcher.diary().breaks)
        .collect();
    let longest = breaks.iter().max().copied().unwrap_or_default();
    if run.store == Store::Postgres {
        verdict.must(failed == 0, || {
            format!("R-20: {failed} calls failed although they were retried")
        });
        verdict.must(longest <= RESUMED_WITHIN, || {
            format!("R-20: a screen was without its stream for {longest:?}")
        });
        verdict.must(!breaks.is_empty(), || {
            "R-20: no stream was interrupted, so nothing was shown".to_owned()
        });
    }
    verdict
}

/// Neither done nor refused.
fn failed(call: &Call) -> bool {
    call.is_unknown()
}

/// Replaces a process; how long the old one took to end.
async fn replace(stage: &mut Stage, roles: &'static str, back: bool) -> Duration {
    let site = &mut stage.site;
    if site.store == Store::Sqlite {
        let took = site.crew.rest(roles, Signal::Terminate).await;
        site.crew.wake(roles);
        // Whether it comes back is the judge's question.
        let _ = site.serves(Duration::from_secs(30)).await;
        return took;
    }
    if back {
        site.give_back(roles).await;
        site.crew
            .rest(crate::lab::site::stand_in(roles), Signal::Terminate)
            .await
    } else {
        site.relieve(roles).await;
        site.crew.rest(roles, Signal::Terminate).await
    }
}
