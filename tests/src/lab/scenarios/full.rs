//! The disk runs full under load, stays so, and is freed.

use futures::FutureExt;

use super::{BOTH, Run, Scenario};
use crate::lab::judge::Verdict;
use crate::lab::site::Store;
use crate::lab::{disk, full};

/// On a disk of `MIB`, filled by orders alone.
pub const SCENARIO: Scenario = Scenario {
    name: "full",
    items: &["R-12", "I-03", "I-05", "I-19"],
    stores: BOTH,
    about: "a small disk, filled by orders, then freed (MIB=…, SECONDS=… while it is full); PostgreSQL needs root for it",
    run: |run| run_it(run).boxed(),
};

async fn run_it(run: Run) -> Verdict {
    let mut verdict = Verdict::default();
    if !disk::may_mount() {
        let mut asked = std::env::args().skip(1).collect::<Vec<_>>();
        asked.push(format!("STORE={}", run.store.name()));
        let arguments: Vec<&str> = asked.iter().map(String::as_str).collect();
        let elsewhere = match run.store {
            Store::Sqlite => disk::elsewhere(&arguments),
            Store::Postgres => disk::elsewhere_as_root(&arguments),
        };
        match elsewhere {
            Ok(Some(status)) => verdict.must(status.success(), || "see above".to_owned()),
            Ok(None) => verdict.figure("not measured", "left out as asked for"),
            Err(why) => verdict.findings.push(why),
        }
        return verdict;
    }
    let plan = full::Plan {
        disk: run.wish("MIB", 32_u64) << 20,
        free: None,
        stays: run.seconds(10),
    };
    let report = match run.store {
        Store::Sqlite => full::run(plan).await,
        Store::Postgres => full::run_on_postgres(plan).await,
    };
    verdict.figure("orders acknowledged", report.acknowledged);
    verdict.figure("refused", format!("{:?}", report.refused));
    verdict.figure("slowest refusal", format!("{:?}", report.slowest));
    verdict.figure("reads while it was full, answered", format!("{:?}", report.reads));
    verdict.figure("normal after it was freed", format!("{:?}", report.recovered));
    verdict.findings = report.faults;
    verdict
}
