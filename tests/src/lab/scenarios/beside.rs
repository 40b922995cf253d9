//! People who work beside something else: how long they wait, and what the installation uses meanwhile.

use std::time::Duration;

use tokio::time::Instant;

use super::Stage;
use crate::lab::load::Plan;
use crate::lab::site::Site;

/// Below this a ratio of times says nothing.
pub const NOTHING: Duration = Duration::from_millis(5);

/// People work as planned: how long each good call took since it was due, and how many there were.
pub async fn shift(stage: &Stage, plan: Plan) -> (Vec<Duration>, usize) {
    let from = stage.load.now();
    stage.load.clone().run(plan).await;
    let calls = stage.load.history().calls();
    let calls: Vec<_> = calls.iter().filter(|call| call.due >= from).collect();
    let times = calls
        .iter()
        .filter(|call| !call.is_unknown())
        .filter_map(|call| call.tries.last().map(|last| last.done.saturating_sub(call.due)));
    (times.collect(), calls.len())
}

/// 99 of 100 took no longer.
pub fn p99(times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    times
        .get(times.len().saturating_sub(1) * 99 / 100)
        .copied()
        .unwrap_or_default()
}

/// What the processes of an installation have used so far.
pub struct Used {
    cpu: Duration,
    /// Memory in use now, in KiB.
    pub memory: u64,
    /// What they have logged, in KiB.
    pub logged: u64,
    at: Instant,
}

impl Used {
    /// Of all of them together.
    pub async fn of(site: &Site) -> Self {
        let (mut cpu, mut memory, mut logged) = (Duration::ZERO, 0, 0);
        for roles in site.crew.roles() {
            cpu += site.crew.cpu(roles).await;
            memory += site.crew.memory(roles).await;
            let log = tokio::fs::metadata(site.town.log_path(roles)).await;
            logged += log.map_or(0, |log| log.len() >> 10);
        }
        let at = Instant::now();
        Self {
            cpu,
            memory,
            logged,
            at,
        }
    }

    /// Cores in use since then, of which at least so long was meant to pass.
    pub fn since(&self, before: &Self, least: Duration) -> f64 {
        let passed = self.at.duration_since(before.at).max(least);
        self.cpu.saturating_sub(before.cpu).as_secs_f64() / passed.as_secs_f64()
    }
}
