//! Faults of PostgreSQL, of Redis and of the wires between roles. Each part is a function over a stage, so that the short
//! versions in `tests/faults_storage.rs` and the scenarios are the same.

pub mod dropped;
pub mod failover;
pub mod frozen;
pub mod partition;
pub mod redis_gone;
pub mod replay;
pub mod restart;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use muster::demo::SLUG;
use tokio::task::JoinHandle;
use tonic::Code;

use super::{Run, Scenario, Stage};
use crate::client::Caller;
use crate::lab::cluster::Cluster;
use crate::lab::history::Call;
use crate::lab::judge::Verdict;
use crate::lab::load::Plan;
use crate::lab::probe::{Probe, Question, Shot, others};
use crate::lab::site::{Options, Store};

const POSTGRES: &[Store] = &[Store::Postgres];

macro_rules! scenarios {
    ($($constant:ident, $name:literal, $items:expr, $about:literal, $run:path;)*) => {$(
        #[doc = $about]
        pub const $constant: Scenario = Scenario {
            name: $name,
            items: $items,
            stores: POSTGRES,
            about: $about,
            run: |run| $run(run).boxed(),
        };
    )*};
}

scenarios! {
    RESTART, "postgres-restart", &["R-04"], "PostgreSQL is restarted as after a crash, again and again", restart::run;
    FAILOVER, "postgres-failover", &["R-05"], "the primary dies and its synchronous standby takes over", failover::run;
    DROPPED, "connections-dropped", &["R-06"], "every connection to PostgreSQL is dropped every two seconds", dropped::run;
    FROZEN, "postgres-hangs", &["R-07"], "every process of PostgreSQL stands still", frozen::run;
    PARTITION, "partition", &["R-09"], "nothing passes between the gateway and a role, one way or both; swizzle-clog", partition::run;
    REDIS, "redis", &["R-10"], "Redis is killed, emptied every few seconds and stands still", redis_gone::run;
    REPLAY, "replay", &["A-06"], "auth is killed and Redis emptied, then rotated refresh tokens are tried", replay::run;
}

/// A town on servers of its own.
pub struct Broken {
    /// The town, its clients and its screens.
    pub stage: Stage,
    /// What it stands on.
    pub cluster: Cluster,
    /// A waiter who asks the gateway by no wire of the lab.
    pub waiter: Caller,
}

impl Broken {
    /// Starts it.
    pub async fn set(run: &Run, settings: &[(&'static str, &str)]) -> Self {
        let cluster = Cluster::start().await;
        let backends = Some(cluster.backends().await);
        let settings = settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let site = run
            .site(Options {
                settings,
                backends,
                ..Options::default()
            })
            .await;
        let waiter = Caller::sign_in(site.plain_channel(), SLUG, "sam").await;
        let stage = Stage::set(site, run.wish("CLIENTS", 20), 3).await;
        Self { stage, cluster, waiter }
    }

    /// Asks this every so often.
    pub fn probe(&self, question: Question, every_ms: u64, deadline: Duration) -> Probe {
        let every = Duration::from_millis(every_ms);
        Probe::start(&self.stage.site.town, &self.waiter, question, every, deadline)
    }

    /// The load of a shift.
    pub fn work(&self, rate: f64, length: Duration) -> JoinHandle<()> {
        tokio::spawn(Arc::clone(&self.stage.load).run(Plan::shift(rate, length)))
    }

    /// Heals, judges, and looks whether the database holds anything that is stuck (I-18).
    pub async fn judge(&mut self) -> Verdict {
        let mut verdict = self.stage.judge().await;
        let open = self.cluster.postgres.open_longer_than(Duration::from_secs(10)).await;
        verdict.must(open == 0, || {
            format!("I-18: {open} transactions have been open for more than ten seconds")
        });
        verdict
    }
}

/// What went wrong while a storage is away must say so: UNAVAILABLE or ABORTED, and when to come again.
pub(super) fn honest(item: &str, shots: &[Shot], verdict: &mut Verdict) {
    let wrong: Vec<&Shot> = shots.iter().filter(|shot| !shot.is_honest()).collect();
    verdict.must(wrong.is_empty(), || {
        format!(
            "{item}: {} of {} answers are not honest: {}",
            wrong.len(),
            shots.len(),
            others(&wrong)
        )
    });
}

/// The same for what the load was told; whether a refusal says when to come again, the probes know.
pub(super) fn honest_history(item: &str, calls: &[Call], verdict: &mut Verdict) {
    let dishonest = [Code::Internal, Code::Unknown, Code::DeadlineExceeded, Code::Cancelled];
    let told = calls.iter().flat_map(Call::answers);
    let wrong = told.filter(|told| dishonest.contains(&told.code)).count();
    verdict.must(wrong == 0, || {
        format!("{item}: the load was told {wrong} times what is neither UNAVAILABLE nor ABORTED")
    });
}

/// From this moment to the end of the trouble: when the last badly answered question was asked.
pub(super) fn trouble_after(shots: &[Shot], from: Duration, to: Duration) -> Duration {
    let bad = shots
        .iter()
        .filter(|shot| shot.at >= from && shot.at < to && !shot.is_good());
    bad.map(|shot| shot.at - from).max().unwrap_or_default()
}
