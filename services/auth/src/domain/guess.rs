//! How often somebody may guess.
//!
//! A try is reserved, and the reservation committed, before the password is looked at: 200 tries at once are not more
//! than 200 one after the other. A try that turned out right gives its reservation back.

use chrono::{DateTime, TimeDelta, Utc};

/// The time over which tries are counted.
pub const WINDOW: TimeDelta = TimeDelta::minutes(15);
/// Tries of one account (or of one known machine of an account) within the window.
pub const PER_ACCOUNT: usize = 10;
/// Failed tries from one address (IPv4, or IPv6 /64) within the window: a restaurant signs in from one address.
pub const PER_ADDRESS: i64 = 100;
/// Failed tries in one tenant within the window, known machines not counted.
pub const PER_TENANT: i64 = 1_000;

/// Whether a try may go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit<State> {
    /// Go on; store this state first.
    Granted(State),
    /// Wait for so long.
    Refused(TimeDelta),
}

/// The tries of one account: their moments, oldest first, at most [`PER_ACCOUNT`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    tries: Vec<DateTime<Utc>>,
}

impl Account {
    /// Restores what [`Account::write`] gave.
    pub fn read(bytes: &[u8]) -> Self {
        let (moments, _) = bytes.as_chunks::<8>();
        let tries = moments
            .iter()
            .filter_map(|moment| DateTime::from_timestamp_micros(i64::from_be_bytes(*moment)));
        Self { tries: tries.collect() }
    }

    /// The bytes to store.
    pub fn write(&self) -> Vec<u8> {
        self.tries
            .iter()
            .flat_map(|moment| moment.timestamp_micros().to_be_bytes())
            .collect()
    }

    /// Asks for one more try.
    pub fn reserve(&self, now: DateTime<Utc>) -> Permit<Self> {
        let mut tries: Vec<_> = self
            .tries
            .iter()
            .copied()
            .filter(|moment| *moment + WINDOW > now)
            .collect();
        let ready = match (tries.first(), tries.last()) {
            (Some(first), Some(last)) if tries.len() >= PER_ACCOUNT => {
                (*first + WINDOW).max(*last + delay_after(PER_ACCOUNT - 1))
            }
            (_, Some(last)) => *last + delay_after(tries.len()),
            _ => now,
        };
        if ready > now {
            return Permit::Refused(ready - now);
        }
        tries.push(now);
        Permit::Granted(Self { tries })
    }

    /// Gives the reservation of that moment back: it was the right password.
    #[must_use]
    pub fn refund(mut self, reserved: DateTime<Utc>) -> Self {
        if let Some(index) = self.tries.iter().rposition(|moment| *moment == reserved) {
            self.tries.remove(index);
        }
        self
    }
}

/// How long to wait after the n-th try: three are free, then 1, 2, 4 … 60 seconds.
fn delay_after(tries: usize) -> TimeDelta {
    match tries {
        0..3 => TimeDelta::zero(),
        3..9 => TimeDelta::seconds(1 << (tries - 3)),
        _ => TimeDelta::seconds(60),
    }
}

/// A count over a sliding window, kept as the counts of two fixed ones: exact enough for large limits, and small.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// The number of the running fixed window since the epoch.
    pub slot: i64,
    /// What was counted in it.
    pub count: i64,
    /// What was counted in the one before.
    pub previous: i64,
}

impl Counter {
    /// Asks for one more, with at most `limit` in any window.
    pub fn reserve(self, limit: i64, now: DateTime<Utc>) -> Permit<Self> {
        let mut counter = self.at(now);
        if counter.weighted(now) >= limit {
            // Old counts fade away evenly; by then there is room for about one more.
            let share = WINDOW.num_milliseconds() / limit.max(1);
            return Permit::Refused(TimeDelta::milliseconds(share.max(1_000)));
        }
        counter.count += 1;
        Permit::Granted(counter)
    }

    /// Gives one back.
    #[must_use]
    pub fn refund(self, now: DateTime<Utc>) -> Self {
        let counter = self.at(now);
        if counter.count > 0 {
            Self {
                count: counter.count - 1,
                ..counter
            }
        } else {
            Self {
                previous: (counter.previous - 1).max(0),
                ..counter
            }
        }
    }

    fn at(self, now: DateTime<Utc>) -> Self {
        let slot = now.timestamp_millis().div_euclid(WINDOW.num_milliseconds());
        match slot - self.slot {
            // A clock that went back a little does not forgive anything.
            ..=0 => self,
            1 => Self {
                slot,
                count: 0,
                previous: self.count,
            },
            _ => Self {
                slot,
                count: 0,
                previous: 0,
            },
        }
    }

    fn weighted(self, now: DateTime<Utc>) -> i64 {
        let window = WINDOW.num_milliseconds();
        let gone = (now.timestamp_millis() - self.slot * window).clamp(0, window);
        self.count + self.previous * (window - gone) / window
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(milliseconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_790_000_100_000 + milliseconds).unwrap()
    }

    /// Tries every time as soon as allowed, and gives the moments (in seconds) of those granted.
    fn eager(seconds: i64) -> Vec<i64> {
        let mut account = Account::default();
        let mut granted = Vec::new();
        for second in 0..seconds {
            if let Permit::Granted(next) = account.reserve(at(second * 1000)) {
                account = next;
                granted.push(second);
            }
        }
        granted
    }

    #[test]
    fn the_wait_grows_to_the_end_of_the_window() {
        assert_eq!(eager(900), [0, 1, 2, 3, 5, 9, 17, 33, 65, 125]);
        assert_eq!(eager(961)[10..], [900, 908, 916, 924, 933, 949]);
    }

    #[test]
    fn table_of_delays() {
        let delays: Vec<i64> = (0..12).map(|tries| delay_after(tries).num_seconds()).collect();
        assert_eq!(delays, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_right_one_gives_back_its_own_only() {
        let mut account = Account::default();
        for try_at in [0, 1] {
            let Permit::Granted(next) = account.reserve(at(try_at)) else {
                panic!("granted")
            };
            account = next;
        }
        let account = account.refund(at(1));
        assert_eq!(account.tries, [at(0)]);
        assert_eq!(account.clone().refund(at(77)), account);
        assert_eq!(Account::read(&account.write()), account);
        assert_eq!(Account::read(&[1, 2, 3]), Account::default());
    }

    proptest! {
        #[test]
        fn never_more_than_ten_in_any_quarter_of_an_hour(pauses in prop::collection::vec(0_i64..40_000, 1..300)) {
            let mut account = Account::default();
            let mut granted: Vec<DateTime<Utc>> = Vec::new();
            let mut now = 0;
            for pause in pauses {
                now += pause;
                if let Permit::Granted(next) = account.reserve(at(now)) {
                    account = Account::read(&next.write());
                    granted.push(at(now));
                }
            }
            for (index, moment) in granted.iter().enumerate() {
                let within = granted.iter().skip(index).filter(|other| **other < *moment + WINDOW).count();
                prop_assert!(within <= PER_ACCOUNT);
            }
        }

        #[test]
        fn a_refusal_says_how_long(pauses in prop::collection::vec(0_i64..5_000, 1..40)) {
            let mut account = Account::default();
            let mut now = 0;
            for pause in pauses {
                now += pause;
                match account.reserve(at(now)) {
                    Permit::Granted(next) => account = next,
                    Permit::Refused(wait) => {
                        let later = at(now) + wait;
                        prop_assert!(matches!(account.reserve(later), Permit::Granted(_)));
                        prop_assert!(wait <= WINDOW);
                    }
                }
            }
        }

        #[test]
        fn a_counter_never_passes_its_limit_twice(limit in 1_i64..50, pauses in prop::collection::vec(0_i64..60_000, 1..300)) {
            let mut counter = Counter::default();
            let mut granted: Vec<i64> = Vec::new();
            let mut now = 0;
            for pause in pauses {
                now += pause;
                if let Permit::Granted(next) = counter.reserve(limit, at(now)) {
                    counter = next;
                    granted.push(now);
                }
            }
            // Two fixed windows touch every sliding one, so twice the limit is the bound that always holds.
            for moment in &granted {
                let within = granted.iter().filter(|other| (0..900_000).contains(&(**other - moment))).count();
                prop_assert!(i64::try_from(within).unwrap() <= 2 * limit);
            }
        }
    }
}
