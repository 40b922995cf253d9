//! So many a second, and so many at once: the same for each caller, and each by itself (GCRA).
//!
//! In any span of time a caller is let in at most `burst` times, plus as often as the rate gives in that span; the model
//! test in `tests/model_limits` holds it to that.

use std::fmt;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota as Rate, RateLimiter};

/// What each caller of one kind may ask for. Callers are told apart by `K`.
pub struct Quota<K: Hash + Eq + Clone, C: Clock = DefaultClock> {
    limiter: RateLimiter<K, DashMapStateStore<K>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Quota<K, C> {
    /// So many a second, and at most `burst` at once. Zero counts as one.
    pub fn new(per_second: u32, burst: u32, clock: C) -> Self {
        let least = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        let rate = Rate::per_second(least(per_second)).allow_burst(least(burst));
        Self {
            limiter: RateLimiter::dashmap_with_clock(rate, clock.clone()),
            clock,
        }
    }

    /// Counts one request of this caller. What is refused is not counted.
    ///
    /// # Errors
    /// How long until it would be let in.
    pub fn take(&self, caller: &K) -> Result<(), Duration> {
        let outcome = self.limiter.check_key(caller);
        outcome.map_err(|early| early.wait_time_from(self.clock.now()))
    }

    /// Forgets callers who have been quiet for so long that nothing is held against them.
    pub fn forget_idle(&self) {
        self.limiter.retain_recent();
    }

    /// So many callers are remembered.
    pub fn remembered(&self) -> usize {
        self.limiter.len()
    }
}

impl<K: Hash + Eq + Clone, C: Clock> fmt::Debug for Quota<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota").finish_non_exhaustive()
    }
}
