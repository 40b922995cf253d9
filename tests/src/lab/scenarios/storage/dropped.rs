//! connections to PostgreSQL are dropped under load; nobody sees it.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::Code;

use super::{Broken, Run};
use crate::lab::acts::Kind;
use crate::lab::history::Call;
use crate::lab::judge::Verdict;
use crate::lab::probe::{Question, Shot, longest, others};

const EVERY: Duration = Duration::from_secs(2);

/// Every two seconds for `SECONDS`.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let length = run.seconds(40);
    let load = broken.work(run.wish("RATE", 40.0), length);
    let mut verdict = part(&broken, length).await;
    let _ = load.await;
    let calls = broken.stage.load.history().calls();
    let failed = |call: &&Call| call.kind != Kind::Refresh && call.answers().any(|told| told.code == Code::Unavailable);
    let seen: Vec<&Call> = calls.iter().filter(failed).collect();
    verdict.must(seen.is_empty(), || {
        format!("R-06: the load saw {} of {} calls fail", seen.len(), calls.len())
    });
    verdict.and(broken.judge().await);
    verdict
}

/// Drops every connection every two seconds for so long. Nobody may notice.
pub async fn part(broken: &Broken, length: Duration) -> Verdict {
    let mut verdict = Verdict::default();
    let orders = broken.probe(Question::Order, 25, Duration::from_secs(5));
    let menus = broken.probe(Question::Menu, 25, Duration::from_secs(5));
    let who = broken.probe(Question::WhoAmI, 50, Duration::from_secs(5));
    let (started, mut dropped) = (Instant::now(), Vec::new());
    while started.elapsed() < length {
        sleep(EVERY.min(length / 3)).await;
        dropped.push(broken.cluster.postgres.drop_connections().await);
    }
    sleep(Duration::from_millis(500)).await;
    let shots = [orders.end().await, menus.end().await, who.end().await].concat();
    let failed: Vec<&Shot> = shots.iter().filter(|shot| !shot.is_good()).collect();
    verdict.must(failed.is_empty(), || {
        format!(
            "R-06: {} of {} calls failed: {}",
            failed.len(),
            shots.len(),
            others(&failed)
        )
    });
    verdict.must(dropped.iter().sum::<u64>() > 0, || {
        "no connection was there to be dropped".to_owned()
    });
    let most = longest(&shots.iter().collect::<Vec<_>>());
    let told = format!(
        "{} of {} calls failed; dropped {dropped:?}; the longest call took {most:?}",
        failed.len(),
        shots.len()
    );
    verdict.figure("R-06", told);
    verdict
}
