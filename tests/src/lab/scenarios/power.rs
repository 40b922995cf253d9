//! The power goes, again and again, while orders are placed.

use futures::FutureExt;

use super::{Run, Scenario};
use crate::lab::cuts;
use crate::lab::judge::Verdict;
use crate::lab::site::Store;

/// `CUTS` of them. `DEAF=1` plants the fault that the judge must find: the log is not synced with each commit.
pub const SCENARIO: Scenario = Scenario {
    name: "power",
    items: &["R-13", "I-03", "I-04", "I-05", "I-19"],
    stores: &[Store::Sqlite],
    about: "power cuts; of what was not synced 0, 50 or 90 % of the blocks are on the disk (CUTS=…, DEAF=1)",
    run: |run| run_it(run).boxed(),
};

async fn run_it(run: Run) -> Verdict {
    let report = cuts::run(run.seed, run.wish("CUTS", 40), run.wish("DEAF", 0) > 0).await;
    let mut verdict = Verdict::default();
    verdict.figure("power cuts", report.cuts);
    verdict.figure("of these while it started", report.early);
    verdict.figure("changes acknowledged", report.acknowledged);
    verdict.figure("changes unknown, asked again", report.unknown);
    verdict.figure("bytes that were written", report.taped);
    verdict.findings = report.faults;
    verdict
}
