//! What the lab's clients know of their orders: each is in one place, and none is forgotten that a kitchen still shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use muster_proto::orders::v1::{KitchenResult, Ticket, TicketItem};
use muster_tests::lab::floor::{Floor, Known};
use muster_tests::lab::{Dice, dice};
use uuid::Uuid;

fn order(number: u128) -> Known {
    Known {
        order: Uuid::from_u128(number),
        items: vec![format!("first of {number}")],
        station: "grill".to_owned(),
    }
}

/// What Muster says of an order of which these lines are open.
fn still_open(lines: &[&str]) -> KitchenResult {
    let line = |id: &&str| TicketItem {
        item_id: (*id).to_owned(),
        ..TicketItem::default()
    };
    let ticket = Ticket {
        items: lines.iter().map(line).collect(),
        ..Ticket::default()
    };
    KitchenResult {
        tickets: if lines.is_empty() { vec![] } else { vec![ticket] },
        ..KitchenResult::default()
    }
}

fn with_one_order() -> (Floor, Dice, Known) {
    let mut floor = Floor::default();
    floor.placed(order(1));
    (floor, dice(7, 0), order(1))
}

#[test]
fn an_order_in_a_hand_is_in_no_other() {
    let (mut floor, mut dice, one) = with_one_order();
    assert_eq!(floor.any_open(&mut dice).unwrap().order, one.order);
    assert_eq!(floor.take_open(&mut dice).unwrap().order, one.order);
    assert!(floor.take_open(&mut dice).is_none() && floor.any_open(&mut dice).is_none());
    // Refused: it is as it was.
    floor.put_back(one.order);
    assert_eq!(floor.take_open(&mut dice).unwrap().items, one.items);
    floor.handed_back(one.order, &still_open(&[]), &one.items);
    assert!(floor.take_open(&mut dice).is_none());
    assert_eq!(floor.take_handed_out(&mut dice).unwrap().order, one.order);
    assert!(floor.take_handed_out(&mut dice).is_none());
    floor.put_back(one.order);
    assert!(floor.take_open(&mut dice).is_none());
    // Called back: its lines are open again.
    floor.take_handed_out(&mut dice).unwrap();
    floor.handed_back(one.order, &still_open(&["first of 1"]), &[]);
    assert_eq!(floor.take_open(&mut dice).unwrap().items, one.items);
}

#[test]
fn a_line_that_came_meanwhile_is_handed_out_too() {
    // While a cook had the order in his hand, whether or not Muster had it when it answered him.
    for answer in [&[][..], &["second"][..]] {
        let (mut floor, mut dice, one) = with_one_order();
        floor.take_open(&mut dice).unwrap();
        floor.added(one.order, "second".to_owned());
        floor.handed_back(one.order, &still_open(answer), &one.items);
        assert_eq!(floor.take_open(&mut dice).unwrap().items, ["second"]);
        assert!(floor.take_handed_out(&mut dice).is_none());
    }
    // A second cook handed it out before the waiter heard that it was there.
    let (mut floor, mut dice, one) = with_one_order();
    floor.take_open(&mut dice).unwrap();
    floor.handed_back(one.order, &still_open(&["second"]), &one.items);
    assert_eq!(floor.take_open(&mut dice).unwrap().items, ["second"]);
    floor.handed_back(one.order, &still_open(&[]), &["second".to_owned()]);
    floor.added(one.order, "second".to_owned());
    assert!(floor.take_open(&mut dice).is_none());
    // It came when all was handed out.
    let (mut floor, mut dice, one) = with_one_order();
    floor.take_open(&mut dice).unwrap();
    floor.handed_back(one.order, &still_open(&[]), &one.items);
    floor.added(one.order, "second".to_owned());
    assert!(floor.take_handed_out(&mut dice).is_none());
    assert_eq!(floor.take_open(&mut dice).unwrap().items, ["second"]);
}

#[test]
fn what_was_handed_out_long_ago_is_not_called_back() {
    let mut floor = Floor::default();
    let mut dice = dice(7, 0);
    for number in 0..300 {
        floor.placed(order(number));
        let taken = floor.take_open(&mut dice).unwrap();
        floor.handed_back(taken.order, &still_open(&[]), &taken.items);
    }
    let mut called_back: Vec<u128> = Vec::new();
    while let Some(known) = floor.take_handed_out(&mut dice) {
        called_back.push(known.order.as_u128());
    }
    called_back.sort_unstable();
    assert_eq!(called_back, (100..300).collect::<Vec<_>>());
}
