//! When signing keys begin and end. A successor is published before it signs, and a key outlives its last token.

use chrono::{DateTime, TimeDelta, Utc};

use super::lifetime::ACCESS_TOKEN;

/// A key signs for so long.
pub const PERIOD: TimeDelta = TimeDelta::days(30);
/// A successor is known to everybody for so long before it signs.
pub const LEAD: TimeDelta = TimeDelta::hours(1);
/// The clocks of two machines may differ by so much.
pub const SKEW: TimeDelta = TimeDelta::seconds(5);

/// One key, by its number. Numbers grow; a key with a greater one replaces those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    /// The number.
    pub number: i64,
    /// It signs from then on, until the next one does.
    pub sign_from: DateTime<Utc>,
}

/// The key that signs now: the newest one whose time has come.
pub fn signer(terms: &[Term], now: DateTime<Utc>) -> Option<Term> {
    terms
        .iter()
        .copied()
        .filter(|term| term.sign_from <= now)
        .max_by_key(|term| term.number)
}

/// Until when tokens of this key are accepted; `None` while it has no successor.
pub fn verify_until(terms: &[Term], number: i64) -> Option<DateTime<Utc>> {
    let successors = terms.iter().filter(|term| term.number > number);
    successors.map(|term| term.sign_from + ACCESS_TOKEN + SKEW).min()
}

/// Whether tokens of this key are worth nothing any more, so that it can be destroyed.
pub fn is_over(terms: &[Term], number: i64, now: DateTime<Utc>) -> bool {
    verify_until(terms, number).is_some_and(|end| end <= now)
}

/// The key to make now, if any: the very first at once, a later one ahead of its time.
pub fn due(terms: &[Term], now: DateTime<Utc>) -> Option<Term> {
    let Some(newest) = terms.iter().max_by_key(|term| term.number) else {
        return Some(Term {
            number: 1,
            sign_from: now,
        });
    };
    let next = newest.sign_from + PERIOD;
    (next - LEAD <= now).then(|| Term {
        number: newest.number.saturating_add(1),
        sign_from: next.max(now + LEAD),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    #[test]
    fn the_life_of_two_keys() {
        let first = due(&[], at(0)).unwrap();
        assert_eq!(
            first,
            Term {
                number: 1,
                sign_from: at(0)
            }
        );
        assert_eq!(due(&[first], at(718)), None);
        let second = due(&[first], at(719)).unwrap();
        assert_eq!(
            second,
            Term {
                number: 2,
                sign_from: at(720)
            }
        );
        let both = [first, second];
        assert_eq!(signer(&both, at(719)), Some(first));
        assert_eq!(signer(&both, at(720)), Some(second));
        assert_eq!(verify_until(&both, 1), Some(at(720) + TimeDelta::seconds(605)));
        assert_eq!(verify_until(&both, 2), None);
        assert!(!is_over(&both, 1, at(720)));
        assert!(is_over(&both, 1, at(721)));
        assert_eq!(due(&both, at(721)), None);
    }

    #[test]
    fn after_a_long_sleep_the_successor_is_still_published_first() {
        let first = Term {
            number: 1,
            sign_from: at(0),
        };
        let second = due(&[first], at(5000)).unwrap();
        assert_eq!(second.sign_from, at(5001));
        assert_eq!(signer(&[first, second], at(5000)), Some(first));
    }

    proptest! {
        /// However irregularly it is looked after: there is always a signer, its tokens are accepted for all their life,
        /// and it was published ahead of its first signature.
        #[test]
        fn no_token_is_orphaned(pauses in prop::collection::vec(0_i64..2_000, 1..60)) {
            let mut terms: Vec<(Term, DateTime<Utc>)> = Vec::new();
            let mut hour = 0;
            for pause in pauses {
                hour += pause;
                let now = at(hour);
                let mut known: Vec<Term> = terms.iter().map(|(term, _)| *term).collect();
                if let Some(term) = due(&known, now) {
                    terms.push((term, now));
                    known.push(term);
                }
                let signer = signer(&known, now).unwrap();
                prop_assert!(verify_until(&known, signer.number).is_none_or(|end| end >= now + ACCESS_TOKEN));
                let made = terms.iter().find(|(term, _)| *term == signer).unwrap().1;
                prop_assert!(signer.number == 1 || signer.sign_from - made >= LEAD);
                prop_assert!(known.iter().filter(|term| !is_over(&known, term.number, now)).count() <= 2);
            }
        }
    }
}
