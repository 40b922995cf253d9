//! What one gateway counts for all of them, and what it has learned of the others: pure, with the clock as a parameter.
//!
//! Counts are kept by windows of [`WINDOW`] seconds. A caller who is over the limit of a window is refused until it ends,
//! by each gateway from its next exchange on; the model test in `tests/model_limits` holds it to that.

use std::collections::HashMap;
use std::time::Duration;

/// Counts are kept by windows of so many seconds.
pub const WINDOW: i64 = 10;

/// The counts of one gateway between two exchanges, and who is over the limit.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How many of each kind a window allows.
    allowed: HashMap<&'static str, i64>,
    most: usize,
    counted: HashMap<String, i64>,
    /// Who is over the limit, until when (milliseconds).
    over: HashMap<String, i64>,
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
    pub fn check(&mut self, kind: &'static str, caller: &str, now: i64) -> Result<(), Duration> {
        let key = format!("{kind}:{caller}");
        if let Some(until) = self.over.get(&key) {
            let left = until - now;
            // More than a window is left only where the clock was set back: nobody waits for that.
            if (1..=WINDOW * 1000).contains(&left) {
                return Err(Duration::from_millis(left.unsigned_abs()));
            }
            self.over.remove(&key);
        }
        if self.counted.len() < self.most || self.counted.contains_key(&key) {
            *self.counted.entry(key).or_insert(0) += 1;
        }
        Ok(())
    }

    /// Takes out what was counted since the last time, to be added to what all gateways counted.
    pub fn take(&mut self) -> Vec<(String, i64)> {
        std::mem::take(&mut self.counted).into_iter().collect()
    }

    /// Learns what all gateways have counted in the window of `now`, by key.
    pub fn learn(&mut self, totals: impl IntoIterator<Item = (String, i64)>, now: i64) {
        let ends = (Self::window(now) + 1) * WINDOW * 1000;
        self.over.retain(|_, until| *until > now);
        for (key, total) in totals {
            let kind = key.split(':').next().unwrap_or_default();
            if self.allowed.get(kind).is_some_and(|allowed| total > *allowed) {
                self.over.insert(key, ends);
            }
        }
    }

    /// So many callers are remembered: counted, and over the limit.
    pub fn remembered(&self) -> (usize, usize) {
        (self.counted.len(), self.over.len())
    }
}
