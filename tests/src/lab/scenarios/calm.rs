//! No fault at all: what the lab itself measures and finds.

use futures::FutureExt;

use super::{BOTH, Run, Scenario, Stage};
use crate::lab::judge::Verdict;
use crate::lab::load::Plan;
use crate::lab::site::Options;

/// Nothing happens.
pub const SCENARIO: Scenario = Scenario {
    name: "calm",
    items: &["I-03", "I-04", "I-05", "I-17"],
    stores: BOTH,
    about: "no fault: the load alone, for comparison",
    run: |run| run_it(run).boxed(),
};

async fn run_it(run: Run) -> Verdict {
    let site = run.site(Options::default()).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 40), 3).await;
    let plan = Plan::shift(run.wish("RATE", 100.0), run.seconds(20));
    stage.load.clone().run(plan).await;
    stage.judge().await
}
