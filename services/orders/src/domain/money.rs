//! Sums of money in one currency, never overflowing.

use muster_proto::r#type::v1::Money;

/// The most that the contract lets an amount be, in minor units.
pub const MOST: i64 = 1_000_000_000_000;

/// So many minor units of a currency.
pub fn of(minor_units: i64, currency_code: &str) -> Money {
    Money {
        minor_units,
        currency_code: currency_code.to_owned(),
    }
}

/// The minor units of an amount that may be unset.
pub fn units(amount: Option<&Money>) -> i64 {
    amount.map_or(0, |amount| amount.minor_units)
}

/// The currency of an amount that may be unset.
pub fn currency(amount: Option<&Money>) -> &str {
    amount.map_or("", |amount| amount.currency_code.as_str())
}

/// `units` times `count`. Saturates; decisions refuse totals far below that.
pub fn times(units: i64, count: i32) -> i64 {
    units.saturating_mul(i64::from(count))
}
