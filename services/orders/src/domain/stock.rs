//! How many of an item are left, and 86.

use muster_proto::orders::v1::{StockLevel, StockState};
use prost_types::Timestamp;

use super::Result;
use crate::error::OrdersError;

/// The level that somebody sets by hand.
///
/// # Errors
/// `COUNT_WITHOUT_COUNTDOWN`.
pub fn set(old: Option<&StockLevel>, new: &StockLevel, at: Timestamp) -> Result<StockLevel> {
    if new.state() != StockState::Countdown && new.remaining != 0 {
        return Err(OrdersError::CountWithoutCountdown {
            field: "remaining".to_owned(),
        });
    }
    Ok(StockLevel {
        version: old.map_or(0, |old| old.version).saturating_add(1),
        updated_at: Some(at),
        ..new.clone()
    })
}

/// How many can still be ordered; none is without limit.
pub fn left(level: Option<&StockLevel>) -> Option<i32> {
    let level = level?;
    match level.state() {
        StockState::Countdown => Some(level.remaining),
        StockState::Out => Some(0),
        StockState::InStock | StockState::Unspecified => None,
    }
}

/// The level after so many are ordered. None when nothing is counted.
///
/// # Errors
/// `ITEM_OUT_OF_STOCK`, with what is left.
pub fn take(
    level: Option<&StockLevel>,
    quantity: i32,
    name: &str,
    field: &str,
    at: Timestamp,
) -> Result<Option<StockLevel>> {
    match (level, left(level)) {
        (Some(level), Some(left)) if left >= quantity => Ok(Some(counted(level, left.saturating_sub(quantity), at))),
        (_, Some(remaining)) => Err(OrdersError::ItemOutOfStock {
            field: field.to_owned(),
            name: name.to_owned(),
            remaining,
        }),
        _ => Ok(None),
    }
}

/// The level after so many unmade ones come back. None when nothing is counted: an item that was 86'd by hand stays so.
pub fn give_back(level: Option<&StockLevel>, quantity: i32, at: Timestamp) -> Option<StockLevel> {
    let level = level.filter(|level| level.state() == StockState::Countdown)?;
    Some(counted(level, level.remaining.saturating_add(quantity), at))
}

/// Whether the item cannot be ordered.
pub fn is_out(level: &StockLevel) -> bool {
    left(Some(level)) == Some(0)
}

fn counted(level: &StockLevel, remaining: i32, at: Timestamp) -> StockLevel {
    StockLevel {
        remaining,
        version: level.version.saturating_add(1),
        updated_at: Some(at),
        ..level.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(state: StockState, remaining: i32) -> StockLevel {
        StockLevel {
            state: state.into(),
            remaining,
            version: 3,
            ..StockLevel::default()
        }
    }

    #[test]
    fn a_countdown_goes_to_zero_and_then_refuses() {
        let at = Timestamp::default();
        let cases = [
            (None, 5, Ok(None)),
            (Some(level(StockState::InStock, 0)), 5, Ok(None)),
            (Some(level(StockState::Countdown, 5)), 5, Ok(Some(0))),
            (Some(level(StockState::Countdown, 5)), 2, Ok(Some(3))),
            (Some(level(StockState::Countdown, 4)), 5, Err(4)),
            (Some(level(StockState::Countdown, 0)), 1, Err(0)),
            (Some(level(StockState::Out, 0)), 1, Err(0)),
        ];
        for (level, quantity, expected) in cases {
            match (
                take(level.as_ref(), quantity, "Oysters", "items[0].menu_item_id", at),
                expected,
            ) {
                (Ok(got), Ok(expected)) => assert_eq!(got.map(|level| level.remaining), expected),
                (Err(OrdersError::ItemOutOfStock { remaining, .. }), Err(expected)) => assert_eq!(remaining, expected),
                (got, expected) => panic!("{level:?}: {got:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn only_what_is_counted_comes_back() {
        let at = Timestamp::default();
        assert_eq!(give_back(None, 2, at), None);
        assert_eq!(give_back(Some(&level(StockState::Out, 0)), 2, at), None);
        let back = give_back(Some(&level(StockState::Countdown, 0)), 2, at).unwrap();
        assert_eq!((back.remaining, back.version), (2, 4));
        assert!(is_out(&level(StockState::Countdown, 0)) && !is_out(&back));
    }

    #[test]
    fn only_a_countdown_has_a_count() {
        let refused = set(None, &level(StockState::Out, 2), Timestamp::default()).unwrap_err();
        assert_eq!(refused.reason(), "COUNT_WITHOUT_COUNTDOWN");
        assert_eq!(
            set(None, &level(StockState::Countdown, 2), Timestamp::default())
                .unwrap()
                .version,
            1
        );
    }
}
