//! What one gateway counts for all of them, and what it has learned of the others: pure, with the clock as a parameter.
//!
//! Counts are kept by windows of [`WINDOW`] seconds. A caller who is over the limit of a window is refused until it ends,
//! by each gateway from its next exchange on; the model test in `tests/model_limits` holds it to that.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

/// Counts are kept by windows of so many seconds.
pub const WINDOW: i64 = 10;

/// Whose requests are counted: a kind of caller, and which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Counted {
    /// `tenant`, `principal`, `address` or `public`.
    pub kind: &'static str,
    /// Which one.
    pub who: Who,
}

/// One of many callers of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A tenant, a person or a device.
    Id(Uuid),
    /// Where somebody comes from.
    Address(IpAddr),
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Id(id) => write!(f, "{}:{id}", self.kind),
            Who::Address(address) => write!(f, "{}:{address}", self.kind),
        }
    }
}

impl From<Uuid> for Who {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<IpAddr> for Who {
    fn from(address: IpAddr) -> Self {
        Self::Address(address)
    }
}

/// The counts of one gateway between two exchanges, and who is over the limit.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many of each kind a window allows.
    allowed: HashMap<&'static str, i64>,
    most: usize,
    counted: HashMap<Counted, i64>,
    /// Who is over the limit, until when (milliseconds).
    over: HashMap<Counted, i64>,
}

impl Tally {
    /// Counts against these limits by kind of caller; at most so many different callers between two exchanges.
    pub fn new(allowed: HashMap<&'static str, i64>, most: usize) -> Self {
        Self {
            allowed,
            most,
            ..Self::default()
        }
    }

    /// The window of this moment (milliseconds since 1970).
    pub fn window(now: i64) -> i64 {
        now.div_euclid(WINDOW * 1000)
    }

    /// Counts one request. What is refused is not counted.
    ///
    /// # Errors
    /// How long to wait: until the window ends.
    pub fn check(&mut self, caller: Counted, now: i64) -> Result<(), Duration> {
        if let Some(until) = self.over.get(&caller) {
            let left = until - now;
            // More than a window is left only where the clock was set back: nobody waits for that.
            if (1..=WINDOW * 1000).contains(&left) {
                return Err(Duration::from_millis(left.unsigned_abs()));
            }
            self.over.remove(&caller);
        }
        if self.counted.len() < self.most || self.counted.contains_key(&caller) {
            *self.counted.entry(caller).or_insert(0) += 1;
        }
        Ok(())
    }

    /// Takes out what was counted since the last time, to be added to what all gateways counted.
    pub fn take(&mut self) -> Vec<(Counted, i64)> {
        std::mem::take(&mut self.counted).into_iter().collect()
    }

    /// Learns what all gateways have counted in the window of `now`, by caller.
    pub fn learn(&mut self, totals: impl IntoIterator<Item = (Counted, i64)>, now: i64) {
        let ends = (Self::window(now) + 1) * WINDOW * 1000;
        self.over.retain(|_, until| *until > now);
        for (caller, total) in totals {
            if self.allowed.get(caller.kind).is_some_and(|allowed| total > *allowed) {
                self.over.insert(caller, ends);
            }
        }
    }

    /// So many callers are remembered: counted, and over the limit.
    pub fn remembered(&self) -> (usize, usize) {
        (self.counted.len(), self.over.len())
    }
}
