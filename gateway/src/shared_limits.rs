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

const EXCHANGE: Duration = Duration::from_millis(200);
/// Counts are kept by windows of so many seconds.
const WINDOW: i64 = 10;
/// More different callers than this are not exchanged between two exchanges; each gateway alone still counts them.
const MOST_KEYS: usize = 20_000;

/// The shared part of the limits. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SharedLimits(Arc<Inner>);

struct Inner {
    redis: Redis,
    world: World,
    allowed: HashMap<&'static str, i64>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counted: HashMap<String, i64>,
    /// Who is over the limit, until when (milliseconds).
    over: HashMap<String, i64>,
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
            allowed,
            state: Mutex::default(),
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
    pub(crate) fn check(&self, kind: &'static str, key: &str) -> Result<(), Duration> {
        let Ok(mut state) = self.0.state.lock() else {
            return Ok(());
        };
        let key = format!("{kind}:{key}");
        let now = self.0.world.now().timestamp_millis();
        if let Some(until) = state.over.get(&key) {
            let left = until - now;
            if left > 0 {
                return Err(Duration::from_millis(left.unsigned_abs()));
            }
            state.over.remove(&key);
        }
        if state.counted.len() < MOST_KEYS || state.counted.contains_key(&key) {
            *state.counted.entry(key).or_insert(0) += 1;
        }
        Ok(())
    }
}

impl Inner {
    /// Adds what was counted here, and learns what was counted everywhere.
    async fn exchange(&self) {
        let counted = self
            .state
            .lock()
            .map(|mut state| std::mem::take(&mut state.counted))
            .unwrap_or_default();
        if counted.is_empty() {
            return;
        }
        let now = self.world.now().timestamp_millis();
        let window = now / 1000 / WINDOW;
        let script = "local totals = {} for index, key in ipairs(KEYS) do \
                      totals[index] = redis.call('INCRBY', key, ARGV[index + 1]) redis.call('EXPIRE', key, ARGV[1]) end \
                      return totals";
        let keys: Vec<&String> = counted.keys().collect();
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(keys.len());
        for key in &keys {
            command.arg(format!("muster:limit:{key}:{window}"));
        }
        command.arg(WINDOW * 2);
        for key in &keys {
            command.arg(counted.get(*key).copied().unwrap_or_default());
        }
        let Ok(totals) = self.redis.run::<Vec<i64>>(&command).await else {
            return;
        };
        let Ok(mut state) = self.state.lock() else { return };
        let window_ends = (window + 1) * WINDOW * 1000;
        state.over.retain(|_, until| *until > now);
        for (key, total) in keys.into_iter().zip(totals) {
            let kind = key.split(':').next().unwrap_or_default();
            if self.allowed.get(kind).is_some_and(|allowed| total > *allowed) {
                state.over.insert(key.clone(), window_ends);
            }
        }
    }
}
