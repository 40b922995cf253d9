//! How long a session may sleep, and how long it may last at all.

use chrono::{DateTime, TimeDelta, Utc};

use super::role::Rank;

/// The life of an access token. Never more: revocations are remembered for little longer.
pub const ACCESS_TOKEN: TimeDelta = TimeDelta::minutes(10);

/// The bounds of one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// It ends after so long without a refresh.
    pub idle: TimeDelta,
    /// It ends after so long in any case.
    pub absolute: TimeDelta,
}

impl Lifetime {
    /// The bounds for a person of this rank. They follow the rank of the moment, not of the sign-in.
    pub fn of_rank(rank: Rank) -> Self {
        if rank >= Rank::Admin {
            Self {
                idle: TimeDelta::minutes(30),
                absolute: TimeDelta::hours(12),
            }
        } else {
            Self {
                idle: TimeDelta::hours(12),
                absolute: TimeDelta::days(7),
            }
        }
    }

    /// The bounds for a paired device: a screen that was dark over the holidays comes back by itself.
    pub fn of_device() -> Self {
        Self {
            idle: TimeDelta::days(45),
            absolute: TimeDelta::days(400),
        }
    }

    /// When the session ends if nothing refreshes it.
    pub fn idle_end(self, began: DateTime<Utc>, last_seen: DateTime<Utc>) -> DateTime<Utc> {
        (last_seen + self.idle).min(self.end(began))
    }

    /// When the session ends in any case.
    pub fn end(self, began: DateTime<Utc>) -> DateTime<Utc> {
        began + self.absolute
    }

    /// Whether it is over.
    pub fn is_over(self, began: DateTime<Utc>, last_seen: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now >= self.idle_end(began, last_seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_of_limits() {
        let began = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let (minute, second) = (TimeDelta::minutes(1), TimeDelta::seconds(1));
        // bounds, last seen after, asked after, over?
        let table = [
            (
                Lifetime::of_rank(Rank::Owner),
                TimeDelta::zero(),
                minute * 30 - second,
                false,
            ),
            (Lifetime::of_rank(Rank::Owner), TimeDelta::zero(), minute * 30, true),
            (
                Lifetime::of_rank(Rank::Admin),
                minute * 719,
                minute * 720 - second,
                false,
            ),
            (Lifetime::of_rank(Rank::Admin), minute * 719, minute * 720, true),
            (
                Lifetime::of_rank(Rank::Manager),
                TimeDelta::zero(),
                minute * 720 - second,
                false,
            ),
            (Lifetime::of_rank(Rank::Manager), TimeDelta::zero(), minute * 720, true),
            (
                Lifetime::of_rank(Rank::Worker),
                minute * 10_000,
                minute * 10_080 - second,
                false,
            ),
            (Lifetime::of_rank(Rank::Worker), minute * 10_000, minute * 10_080, true),
            (Lifetime::of_device(), TimeDelta::zero(), TimeDelta::days(44), false),
            (Lifetime::of_device(), TimeDelta::zero(), TimeDelta::days(45), true),
            (Lifetime::of_device(), TimeDelta::days(399), TimeDelta::days(400), true),
        ];
        for (bounds, seen, asked, over) in table {
            assert_eq!(
                bounds.is_over(began, began + seen, began + asked),
                over,
                "{bounds:?} {seen} {asked}"
            );
        }
    }
}
