//! The price of one, with the steps that made it.

use muster_proto::orders::v1::{Modifier, PriceStep};
use muster_proto::r#type::v1::Money;

use super::{Result, money};
use crate::error::OrdersError;

/// The price of one of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Price {
    /// What one costs.
    pub unit: Money,
    /// The steps; their amounts add up to `unit`.
    pub steps: Vec<PriceStep>,
}

/// Prices one item: its own price, then each modifier so many times. Never below zero.
///
/// # Errors
/// `CURRENCY_MISMATCH` when an amount is in another currency than the location sells in; `AMOUNT_TOO_LARGE`.
pub fn price(base: PriceStep, modifiers: &[(&Modifier, i32)], currency: &str, field: &str) -> Result<Price> {
    let mut steps = vec![same_currency(base, currency, field)?];
    for (modifier, count) in modifiers {
        let Some(delta) = modifier.price_delta.as_ref().filter(|delta| delta.minor_units != 0) else {
            continue;
        };
        let text = if *count == 1 {
            modifier.name.clone()
        } else {
            format!("{count} × {}", modifier.name)
        };
        let amount = money::of(money::times(delta.minor_units, *count), &delta.currency_code);
        steps.push(same_currency(
            PriceStep {
                text,
                amount: Some(amount),
            },
            currency,
            field,
        )?);
    }
    let mut units = steps
        .iter()
        .map(|step| money::units(step.amount.as_ref()))
        .fold(0, i64::saturating_add);
    if units < 0 {
        steps.push(PriceStep {
            text: "never below zero".to_owned(),
            amount: Some(money::of(units.saturating_neg(), currency)),
        });
        units = 0;
    }
    if units > money::MOST {
        return Err(OrdersError::AmountTooLarge {
            field: field.to_owned(),
        });
    }
    Ok(Price {
        unit: money::of(units, currency),
        steps,
    })
}

fn same_currency(step: PriceStep, wanted: &str, field: &str) -> Result<PriceStep> {
    let found = money::currency(step.amount.as_ref());
    if found == wanted {
        return Ok(step);
    }
    Err(OrdersError::CurrencyMismatch {
        field: field.to_owned(),
        found: found.to_owned(),
        wanted: wanted.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(name: &str, delta: Option<i64>) -> Modifier {
        Modifier {
            name: name.into(),
            price_delta: delta.map(|units| money::of(units, "USD")),
            ..Modifier::default()
        }
    }

    fn base(units: i64) -> PriceStep {
        PriceStep {
            text: "Burger".into(),
            amount: Some(money::of(units, "USD")),
        }
    }

    #[test]
    fn the_steps_add_up_to_the_price() {
        let (bacon, free, cheap) = (
            modifier("Bacon", Some(250)),
            modifier("No onion", None),
            modifier("Kid", Some(-2000)),
        );
        type Case<'a> = (&'a [(&'a Modifier, i32)], i64, &'a [&'a str]);
        let cases: [Case<'_>; 5] = [
            (&[], 1200, &["Burger"]),
            (&[(&bacon, 1)], 1450, &["Burger", "Bacon"]),
            (&[(&bacon, 3), (&free, 1)], 1950, &["Burger", "3 × Bacon"]),
            (&[(&cheap, 1)], 0, &["Burger", "Kid", "never below zero"]),
            (&[(&cheap, 1), (&bacon, 4)], 200, &["Burger", "Kid", "4 × Bacon"]),
        ];
        for (modifiers, expected, texts) in cases {
            let price = price(base(1200), modifiers, "USD", "items[0]").unwrap();
            assert_eq!(price.unit.minor_units, expected);
            assert_eq!(
                price.steps.iter().map(|step| step.text.as_str()).collect::<Vec<_>>(),
                texts
            );
            assert_eq!(
                price
                    .steps
                    .iter()
                    .map(|step| money::units(step.amount.as_ref()))
                    .sum::<i64>(),
                expected
            );
        }
    }

    #[test]
    fn other_currencies_and_amounts_beyond_counting_are_refused() {
        assert_eq!(
            price(base(1), &[], "EUR", "f").unwrap_err().reason(),
            "CURRENCY_MISMATCH"
        );
        let dear = modifier("Gold", Some(money::MOST));
        assert_eq!(
            price(base(1), &[(&dear, 1)], "USD", "f").unwrap_err().reason(),
            "AMOUNT_TOO_LARGE"
        );
    }
}
