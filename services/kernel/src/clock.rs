//! Time, ids and chance. They are parameters everywhere else, so that pay, scores and draws can be replayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use uuid::Uuid;

/// The time of day in UTC, to the microsecond (PostgreSQL keeps no more).
pub trait Clock: Send + Sync + 'static {
    /// Now, in microseconds since 1970. A call asks a dozen times; none of them needs a calendar.
    fn micros(&self) -> i64;

    /// Now.
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros()).unwrap_or_default()
    }
}

/// The machine's clock, optionally shifted (`MUSTER_CLOCK_OFFSET_MS`) to test roles whose clocks disagree.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock {
    /// In microseconds.
    offset: i64,
}

impl SystemClock {
    /// The machine's clock, shifted by so many milliseconds.
    pub fn shifted(milliseconds: i64) -> Self {
        Self {
            offset: milliseconds.saturating_mul(1_000),
        }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn micros(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        micros.saturating_add(self.offset)
    }
}

/// A clock that stands still until it is told to move. For tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this moment.
    pub fn at(moment: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(moment.timestamp_micros())))
    }

    /// Moves the clock on (or back, where `by` is negative).
    pub fn advance(&self, by: TimeDelta) {
        self.0
            .fetch_add(by.num_microseconds().unwrap_or_default(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Where randomness comes from.
pub trait Chance: Send + Sync + 'static {
    /// Fills the buffer with bytes that nobody can foretell.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemChance;

impl Chance for SystemChance {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }
}

/// Clock, chance and ids in one cheap handle.
#[derive(Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
}

impl World {
    /// The real world.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock::default()), Arc::new(SystemChance))
    }

    /// A world of this clock and this chance.
    pub fn new(clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        Self { clock, chance }
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Now, in microseconds since 1970.
    pub fn micros(&self) -> i64 {
        self.clock.micros()
    }

    /// Now, in whole milliseconds since 1970.
    pub fn millis(&self) -> i64 {
        self.micros().div_euclid(1_000)
    }

    /// Now, in whole seconds since 1970.
    pub fn seconds(&self) -> i64 {
        self.micros().div_euclid(1_000_000)
    }

    /// A new UUIDv7 of this moment. Ids sort roughly by time; nothing relies on it.
    pub fn new_id(&self) -> Uuid {
        let mut random = [0_u8; 10];
        self.chance.fill(&mut random);
        let millis = u64::try_from(self.millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// So many random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0_u8; N];
        self.chance.fill(&mut bytes);
        bytes
    }
}
