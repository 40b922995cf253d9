//! the primary dies; its synchronous standby takes over, after a while in which it only reads.

use std::time::Duration;

use tokio::time::sleep;

use super::{Broken, Run, honest, trouble_after};
use crate::lab::judge::Verdict;
use crate::lab::probe::Question;

const RESUMED_WITHIN: Duration = Duration::from_secs(15);
/// So long everybody is led to a server that answers reads and refuses writes (25006).
const READ_ONLY: Duration = Duration::from_secs(2);

/// One failover under load.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let standby = broken.cluster.postgres.synchronous_standby().await;
    let load = broken.work(run.wish("RATE", 40.0), Duration::from_secs(25));
    let orders = broken.probe(Question::Order, 50, Duration::from_secs(5));
    sleep(Duration::from_secs(5)).await;
    let mut verdict = Verdict::default();
    let died = orders.now();
    broken.cluster.postgres.crash().await;
    broken.cluster.door.lead_to(&standby.address());
    broken.cluster.door.reset();
    sleep(READ_ONLY).await;
    standby.promote().await;
    let promoted = orders.now();
    let _ = load.await;
    let shots = orders.end().await;
    let resumed = trouble_after(&shots, died, Duration::MAX);
    verdict.must(resumed <= RESUMED_WITHIN, || {
        format!("R-05: orders failed until {resumed:?} after the primary died")
    });
    let after = trouble_after(&shots, promoted, Duration::MAX);
    let told = format!("orders resumed {resumed:?} after the primary died, {after:?} after the standby was promoted");
    verdict.figure("R-05", told);
    honest("R-05", &shots, &mut verdict);
    // The standby is the primary now: it is what the judge asks about stuck transactions.
    drop(std::mem::replace(&mut broken.cluster.postgres, standby));
    verdict.and(broken.judge().await);
    verdict
}
