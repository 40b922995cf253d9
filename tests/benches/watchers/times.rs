//! How long it took, in steps of a tenth of a millisecond.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const STEPS: usize = 100_000;
const STEP: u64 = 100;

/// Receives times from every screen.
pub struct Recorder {
    steps: Vec<AtomicU32>,
    received: AtomicUsize,
    /// What was sent before is of an earlier figure.
    since: AtomicU64,
}

/// What was received.
pub struct Times {
    steps: Vec<u32>,
    /// What came.
    pub received: usize,
    /// What should have come and did not.
    pub missing: usize,
}

/// Now, in microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_micros()).unwrap()
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            steps: (0..STEPS).map(|_| AtomicU32::new(0)).collect(),
            received: AtomicUsize::new(0),
            since: AtomicU64::new(0),
        }
    }
}

impl Recorder {
    /// Counts from here on what is sent from here on.
    pub fn begin(&self) {
        self.since.store(now(), Ordering::Relaxed);
        self.received.store(0, Ordering::Relaxed);
        self.steps.iter().for_each(|step| step.store(0, Ordering::Relaxed));
    }

    /// Something arrived that was sent then.
    pub fn arrived(&self, sent: u64) {
        if sent < self.since.load(Ordering::Relaxed) {
            return;
        }
        let step = (now().saturating_sub(sent) / STEP) as usize;
        self.steps[step.min(STEPS - 1)].fetch_add(1, Ordering::Relaxed);
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// What was received, once all is there or the patience is over.
    pub async fn wait_for(&self, expected: usize, patience: Duration) -> Times {
        let end = Instant::now() + patience;
        while self.received.load(Ordering::Relaxed) < expected && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let received = self.received.load(Ordering::Relaxed);
        Times {
            steps: self.steps.iter().map(|step| step.load(Ordering::Relaxed)).collect(),
            received,
            missing: expected.saturating_sub(received),
        }
    }
}

impl Times {
    /// Milliseconds in which so many of a thousand had it.
    pub fn p(&self, per_mille: usize) -> f64 {
        let wanted = (self.received * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let step = self.steps.iter().position(|count| {
            seen += *count as usize;
            seen >= wanted
        });
        step.map_or(f64::NAN, |step| (step + 1) as f64 * STEP as f64 / 1000.0)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99, max] = [500, 990, 1000].map(|per_mille| self.p(per_mille));
        write!(
            f,
            "{} received, p50 {p50:.1}, p99 {p99:.1}, max {max:.1} ms",
            self.received
        )?;
        if self.missing > 0 {
            write!(f, ", {} MISSING", self.missing)?;
        }
        Ok(())
    }
}
