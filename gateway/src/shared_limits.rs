//! What all gateways together let through.
//!
//! Counts are exchanged through Redis a few times a second, off the path of requests: a limit may be overshot by what
//! arrives between two exchanges, and is held by each gateway alone while Redis is away.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_kernel::clock::World;
use muster_kernel::config::Gateway as Settings;
use muster_kernel::redis::Redis;

use crate::tally::{Counted, Tally, WINDOW};

const EXCHANGE: Duration = Duration::from_millis(200);
/// More different callers than this are not exchanged between two exchanges; each gateway alone still counts them.
const MOST_KEYS: usize = 20_000;

/// The shared part of the limits. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedLimits(Arc<Inner>);

struct Inner {
    redis: Redis,
    world: World,
    tally: Mutex<Tally>,
}

impl SharedLimits {
    pub(crate) fn new(redis: Redis, world: World, settings: &Settings) -> Self {
        let window = |per_second: u32, burst: u32| i64::from(per_second) * WINDOW + i64::from(burst);
        let allowed = HashMap::from([
            ("tenant", window(settings.tenant_per_second, settings.tenant_burst)),
            (
                "principal",
                window(settings.principal_per_second, settings.principal_burst),
            ),
            ("address", window(settings.address_per_second, settings.address_burst)),
            ("public", window(settings.public_per_second, settings.public_burst)),
        ]);
        let inner = Arc::new(Inner {
            redis,
            world,
            tally: Mutex::new(Tally::new(allowed, MOST_KEYS)),
        });
        let weak = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(EXCHANGE).await;
                let Some(inner) = weak.upgrade() else { return };
                inner.exchange().await;
            }
        });
        Self(inner)
    }

    /// Counts one request; the error is how long to wait.
    pub(crate) fn check(&self, caller: Counted) -> Result<(), Duration> {
        let now = self.0.world.millis();
        self.0.tally.lock().map_or(Ok(()), |mut tally| tally.check(caller, now))
    }
}

impl Inner {
    /// Adds what was counted here, and learns what was counted everywhere.
    async fn exchange(&self) {
        let counted = self.tally.lock().map(|mut tally| tally.take()).unwrap_or_default();
        if counted.is_empty() {
            return;
        }
        let now = self.world.millis();
        let window = Tally::window(now);
        let script = "local totals = {} for index, key in ipairs(KEYS) do \
                      totals[index] = redis.call('INCRBY', key, ARGV[index + 1]) redis.call('EXPIRE', key, ARGV[1]) end \
                      return totals";
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(counted.len());
        for (caller, _) in &counted {
            command.arg(format!("muster:limit:{caller}:{window}"));
        }
        command.arg(WINDOW * 2);
        for (_, count) in &counted {
            command.arg(*count);
        }
        let Ok(totals) = self.redis.run::<Vec<i64>>(&command).await else {
            return;
        };
        let Ok(mut tally) = self.tally.lock() else { return };
        tally.learn(counted.into_iter().map(|(caller, _)| caller).zip(totals), now);
    }
}
