//! L-05: no cent is lost between what is asked for and what is to be paid, however an order is priced, changed and split.
//! There is no tax, tip or discount in orders yet; what there is to divide is a price into its steps, an order into its
//! lines, and an order into two.

use muster_orders::domain::order::{Meta, apply, moving};
use muster_orders::domain::pricing::price;
use muster_orders::domain::{Event, money};
use muster_proto::orders::v1::{Actor, ItemQuantity, ItemsAdded, Modifier, Order, OrderItem, PriceStep};
use muster_proto::r#type::v1::Money;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use prost_types::Timestamp;

/// What one line asks for: base price, modifiers with how many, quantity, and how many of it another guest takes over.
type Asked = (i64, Vec<(i64, i32)>, i32, i32);

fn asked() -> impl Strategy<Value = Asked> {
    let amount = prop_oneof![
        6 => 0..5_000_i64,
        2 => -5_000..5_000_i64,
        1 => prop_oneof![Just(0), Just(money::MOST), Just(-money::MOST), Just(money::MOST / 2 + 1)],
        1 => 0..=money::MOST,
    ];
    let modifiers = prop::collection::vec((amount.clone(), 1..=50_i32), 0..4);
    (amount.prop_map(i64::abs), modifiers, 1..=999_i32, 1..=999_i32)
}

fn usd(units: i64) -> Option<Money> {
    Some(money::of(units, "USD"))
}

/// What one costs, told in numbers that cannot overflow; None where it is beyond counting.
fn by_hand(base: i64, modifiers: &[(i64, i32)]) -> Option<i64> {
    let sum: i128 = i128::from(base)
        + modifiers
            .iter()
            .map(|(delta, count)| i128::from(*delta) * i128::from(*count))
            .sum::<i128>();
    let sum = sum.max(0);
    (sum <= i128::from(money::MOST)).then(|| i64::try_from(sum).unwrap())
}

fn meta(order: &Order) -> Meta {
    Meta {
        version: order.version + 1,
        at: Timestamp::default(),
        actor: Actor::default(),
    }
}

fn total(order: &Order) -> i64 {
    money::units(order.total.as_ref())
}

/// Prices every line, puts them on an order, and lets another order take over a part of each.
fn settle(all: &[Asked]) -> Result<(), TestCaseError> {
    let (mut here, mut there) = (
        Order {
            id: "a".into(),
            ..Order::default()
        },
        Order {
            id: "b".into(),
            ..Order::default()
        },
    );
    let keeper = OrderItem {
        id: "keeper".into(),
        quantity: 1,
        unit_price: usd(7),
        ..OrderItem::default()
    };
    for order in [&mut here, &mut there] {
        let event = Event::ItemsAdded(ItemsAdded {
            items: vec![keeper.clone()],
        });
        let meta = meta(order);
        apply(order, &event, &meta);
    }
    let mut owed = 14_i128;
    for (number, (base, modifiers, quantity, _)) in all.iter().enumerate() {
        let chosen: Vec<Modifier> = modifiers
            .iter()
            .map(|(delta, _)| Modifier {
                name: "extra".into(),
                price_delta: usd(*delta),
                ..Modifier::default()
            })
            .collect();
        let counted: Vec<(&Modifier, i32)> = chosen.iter().zip(modifiers.iter().map(|(_, count)| *count)).collect();
        let step = PriceStep {
            text: "dish".into(),
            amount: usd(*base),
        };
        let Some(expected) = by_hand(*base, modifiers) else {
            prop_assert_eq!(
                price(step, &counted, "USD", "f").unwrap_err().reason(),
                "AMOUNT_TOO_LARGE"
            );
            continue;
        };
        let priced = price(step, &counted, "USD", "f").map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(priced.unit.minor_units, expected);
        let steps: i128 = priced
            .steps
            .iter()
            .map(|step| i128::from(money::units(step.amount.as_ref())))
            .sum();
        prop_assert_eq!(steps, i128::from(expected), "the steps are the price");
        if owed + i128::from(expected) * i128::from(*quantity) > i128::from(money::MOST) {
            continue;
        }
        owed += i128::from(expected) * i128::from(*quantity);
        let (id, unit_price) = (format!("line {number}"), Some(priced.unit));
        let line = OrderItem {
            id,
            quantity: *quantity,
            unit_price,
            ..OrderItem::default()
        };
        let event = Event::ItemsAdded(ItemsAdded { items: vec![line] });
        let meta = meta(&here);
        apply(&mut here, &event, &meta);
    }
    prop_assert_eq!(
        i128::from(total(&here)) + i128::from(total(&there)),
        owed,
        "the lines are the order"
    );
    for (number, (_, _, quantity, taken)) in all.iter().enumerate() {
        let item_id = format!("line {number}");
        if !here.items.iter().any(|line| line.id == item_id) {
            continue;
        }
        let part = ItemQuantity {
            item_id,
            quantity: (*taken).min(*quantity),
        };
        let moved = moving::move_items(&here, &there, &[part], &mut || format!("part {number}"));
        let (out, into) = moved.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let (left, right) = (meta(&here), meta(&there));
        apply(&mut here, &out, &left);
        apply(&mut there, &into, &right);
        prop_assert_eq!(
            i128::from(total(&here)) + i128::from(total(&there)),
            owed,
            "the parts are the whole"
        );
    }
    for order in [&here, &there] {
        let lines: i64 = order
            .items
            .iter()
            .map(|line| money::units(line.line_total.as_ref()))
            .sum();
        prop_assert_eq!(lines, total(order));
    }
    Ok(())
}

fn settles(cases: u32) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&prop::collection::vec(asked(), 1..6), |all| settle(&all));
    outcome.unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn not_a_cent_is_lost() {
    settles(2_000);
}

/// `cargo nextest run --release -p muster-orders --test model_order --run-ignored only a_million`
#[test]
#[ignore = "a minute and more"]
fn not_a_cent_is_lost_in_a_million() {
    settles(1_000_000);
}

/// A planted bug: the steps are rounded to whole units before they are summed.
#[test]
fn a_rounded_price_is_noticed() {
    let rounded = |base: i64, modifiers: &[(i64, i32)]| -> i64 {
        base / 100 * 100
            + modifiers
                .iter()
                .map(|(delta, count)| delta / 100 * 100 * i64::from(*count))
                .sum::<i64>()
    };
    let mut runner = TestRunner::deterministic();
    let noticed = runner.run(&asked(), |(base, modifiers, _, _)| {
        let modifiers: Vec<(i64, i32)> = modifiers
            .iter()
            .map(|(delta, count)| (delta.rem_euclid(500), *count))
            .collect();
        let base = base % 100_000;
        prop_assert_eq!(Some(rounded(base, &modifiers)), by_hand(base, &modifiers));
        Ok(())
    });
    assert!(noticed.is_err());
}
