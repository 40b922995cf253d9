//! Moments as the contract writes them, and the day of business that a moment belongs to.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use prost_types::Timestamp;

/// A day of business begins at this hour of the location's day, so that a late evening stays whole.
pub const DAY_START_HOUR: i64 = 4;

/// Orders moments; an unset one comes first.
pub fn key(at: Option<&Timestamp>) -> (i64, i32) {
    at.map_or((i64::MIN, 0), |at| (at.seconds, at.nanos))
}

/// Microseconds since 1970, for stores and cursors.
pub fn micros(at: Option<&Timestamp>) -> i64 {
    at.map_or(0, |at| {
        at.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos / 1000))
    })
}

/// The day of business of a moment in a zone, for example `2026-11-20`. A zone that is not known counts as UTC.
pub fn business_date(at: DateTime<Utc>, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let local = at.with_timezone(&zone).naive_local();
    let began = local.checked_sub_signed(TimeDelta::hours(DAY_START_HOUR));
    began.unwrap_or(local).date().format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_business_ends_at_four_in_the_zone_of_the_location() {
        let cases = [
            ("2026-11-20T12:00:00Z", "Europe/Warsaw", "2026-11-20"),
            ("2026-11-21T02:59:59Z", "Europe/Warsaw", "2026-11-20"),
            ("2026-11-21T03:00:00Z", "Europe/Warsaw", "2026-11-21"),
            ("2026-11-21T08:59:59Z", "America/New_York", "2026-11-20"),
            ("2026-11-20T20:00:00Z", "Asia/Tokyo", "2026-11-21"),
            ("2026-11-21T03:59:59Z", "Not/AZone", "2026-11-20"),
            // The hour that summer time skips, and the one that winter time repeats.
            ("2026-03-29T02:30:00Z", "Europe/Warsaw", "2026-03-29"),
            ("2026-10-25T01:30:00Z", "Europe/Warsaw", "2026-10-24"),
        ];
        for (at, zone, expected) in cases {
            let at: DateTime<Utc> = at.parse().unwrap();
            assert_eq!(business_date(at, zone), expected, "{at} in {zone}");
        }
    }

    #[test]
    fn moments_are_ordered() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        assert!(key(None) < key(Some(&at(0, 0))) && key(Some(&at(0, 0))) < key(Some(&at(0, 1))));
        assert_eq!(micros(Some(&at(2, 1_500))), 2_000_001);
    }
}
