use std::collections::HashSet;

use muster_orders::domain::board::{Board, MOST_ORDERS, Outcome, watched_by};
use muster_orders::domain::history::describe;
use muster_orders::domain::order::{kitchen, place, void};
use muster_orders::domain::{all_day, ticket};
use muster_proto::orders::v1::{
    KitchenChange, KitchenChangeCause, Order, StationEvent, StockLevel, StockState, TicketState, station_event,
};
use prost_types::Timestamp;

use crate::diner::*;

fn told(outcome: Outcome) -> KitchenChange {
    match outcome {
        Outcome::Changed(change) | Outcome::Known(change) => *change,
        Outcome::Missing => panic!("the board does not hold the order"),
    }
}

#[test]
fn a_second_round_does_not_show_the_first() {
    let mut book = Book::place(true, vec![want(201, burger(), 2)], vec![]);
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    let done = ticket::tickets(&book.order, &book.kitchen)
        .into_iter()
        .find(|one| one.station_id == grill())
        .unwrap();
    assert_eq!((done.state(), done.items.len()), (TicketState::Done, 1));
    assert!(done.bumped_at.is_some());
    let more = place::add_items(book.shop(), &book.order, &[want(202, burger(), 1)], &mut || id(5)).unwrap();
    book.take(vec![more]);
    let again = book.ticket(&grill()).unwrap();
    assert_eq!(again.items.len(), 1);
    assert_eq!(again.fired_at, book.line(202).fired_at);
}

#[test]
fn a_ticket_names_the_other_stations_and_why_it_is_here() {
    let book = Book::place(true, vec![with(want(201, burger(), 1), &[fried_egg()])], vec![]);
    let fry_ticket = book.ticket(&fry()).unwrap();
    let line = &fry_ticket.items[0];
    assert_eq!(
        line.also_at.iter().map(|also| also.name.as_str()).collect::<Vec<_>>(),
        ["GRILL"]
    );
    assert_eq!(line.route.len(), 1);
    assert!(line.route[0].text.contains("Eggs"));
    assert_eq!(book.ticket(&expo()).unwrap().items[0].also_at.len(), 2);
}

#[test]
fn all_day_counts_what_is_to_be_made() {
    let mut book = Book::place(
        true,
        vec![
            with(want(201, burger(), 2), &[bacon()]),
            want(202, burger(), 3),
            want(203, fries(), 1),
        ],
        vec![],
    );
    book.does(kitchen::start(&book.order, &grill(), &[id(202)]));
    let counts = |stations: &[String]| all_day::count(std::iter::once(&book.order), stations);
    let all = counts(&[]);
    assert_eq!(
        all.items
            .iter()
            .map(|line| (line.name.as_str(), line.quantity))
            .collect::<Vec<_>>(),
        [("BRGR", 5), ("Fries", 1)]
    );
    assert_eq!(all.items[0].started, 3);
    assert_eq!(all.modifiers[0].quantity, 2);
    assert_eq!(counts(&[fry()]).items.len(), 1);
    let mut done = book.order.clone();
    done.items.retain(|line| line.id == id(202));
    assert_eq!(
        all_day::count([&book.order, &done].into_iter(), &[grill()]).items[0].quantity,
        8
    );
}

#[test]
fn the_board_tells_each_event_and_forgets_what_is_over() {
    let mut book = Book::place(false, vec![want(201, burger(), 1)], vec![]);
    let mut board = Board::new(book.kitchen.clone(), vec![], vec![]);
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    let causes: Vec<_> = book
        .log
        .iter()
        .map(|(event, meta)| {
            let change = told(board.apply_order(&id(100), event, meta));
            (change.cause(), change.tickets.len(), change.removed_ticket_ids.len())
        })
        .collect();
    use KitchenChangeCause::{Fulfilled, New, Ready};
    assert_eq!(causes, [(New, 1, 2), (Ready, 0, 3), (Fulfilled, 0, 3)]);
    assert_eq!(board.orders().count(), 0);
    let late = board.apply_order(&id(100), &book.log[1].0, &book.log[1].1);
    assert_eq!(late, Outcome::Missing);
}

#[test]
fn a_known_event_is_told_again_without_effect_and_a_gap_asks_for_the_order() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    book.does(kitchen::start(&book.order, &grill(), &[id(201)]));
    let mut board = Board::new(book.kitchen.clone(), vec![book.order.clone()], vec![]);
    let known = board.apply_order(&id(100), &book.log[0].0, &book.log[0].1);
    assert!(matches!(known, Outcome::Known(_)));
    assert_eq!(told(known).tickets[0].order_version, 2);
    let mut behind = Board::new(book.kitchen.clone(), vec![], vec![]);
    told(behind.apply_order(&id(100), &book.log[0].0, &book.log[0].1));
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    assert_eq!(
        behind.apply_order(&id(100), &book.log[2].0, &book.log[2].1),
        Outcome::Missing
    );
    let caught_up = behind.put_order(book.order.clone(), &book.log[2].0, book.log[2].1.at);
    assert_eq!(caught_up.tickets.len(), 1, "expo still shows it");
}

#[test]
fn a_screen_gets_its_own_stations_only() {
    let book = Book::place(true, vec![want(201, burger(), 1), want(202, fries(), 1)], vec![]);
    let mut board = Board::new(book.kitchen.clone(), vec![], vec![]);
    let change = told(board.apply_order(&id(100), &book.log[0].0, &book.log[0].1));
    let fry_only = HashSet::from([fry()]);
    assert_eq!(watched_by(&change, &fry_only).tickets.len(), 1);
    assert_eq!(watched_by(&change, &fry_only).removed_ticket_ids.len(), 0);
    assert_eq!(watched_by(&change, &HashSet::new()), change);
    assert_eq!(board.tickets(&fry_only).len(), 1);
    assert_eq!(board.tickets(&HashSet::new()).len(), 3);
}

#[test]
fn the_oldest_order_makes_room_and_is_counted() {
    let book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    let (event, meta) = &book.log[0];
    let old = |number: i32| Order {
        id: id(1_000_000 + number.unsigned_abs()),
        number,
        placed_at: Some(Timestamp {
            seconds: i64::from(number),
            nanos: 0,
        }),
        ..book.order.clone()
    };
    let full = (1..).take(MOST_ORDERS).map(old).collect();
    // The newest of those that were counted is on the board.
    let open = [old(1).id, id(7), id(8)];
    let mut board = Board::new(book.kitchen.clone(), full, vec![]).leaving_out(open);
    assert_eq!(board.left_out(), 2);
    let change = told(board.apply_order(&id(100), event, meta));
    assert_eq!((change.order_version, change.orders_left_out), (1, 3));
    assert!(change.removed_ticket_ids.contains(&ticket::id(&old(1).id, &grill())));
    assert!(!change.removed_ticket_ids.contains(&ticket::id(&id(100), &grill())));
    assert_eq!(board.orders().count(), MOST_ORDERS);
    // Something happens to an order that is not shown: it is, and the next oldest is not.
    let back = board.put_order(old(1), event, meta.at);
    assert!(back.tickets.iter().any(|ticket| ticket.order_id == old(1).id));
    assert!(back.removed_ticket_ids.contains(&ticket::id(&old(2).id, &grill())));
    assert_eq!(back.orders_left_out, 3);
}

#[test]
fn stock_and_stations_reach_the_board() {
    let at = Timestamp::default();
    let level = |state: StockState, version| StockLevel {
        menu_item_id: burger(),
        state: state.into(),
        version,
        ..StockLevel::default()
    };
    let mut board = Board::new(kitchen(true), vec![], vec![]);
    board.apply_stock(level(StockState::Out, 2), at);
    assert!(matches!(
        board.apply_stock(level(StockState::InStock, 1), at),
        Outcome::Known(_)
    ));
    assert_eq!(board.stock().len(), 1, "an older level is passed over");
    board.apply_stock(level(StockState::InStock, 3), at);
    assert_eq!(board.stock().len(), 0);
    let mut closed = station(13, "BAR", muster_proto::orders::v1::StationKind::Prep, false);
    (closed.archived, closed.version) = (true, 2);
    let event = StationEvent {
        event: Some(station_event::Event::StationChanged(closed)),
    };
    assert_eq!(told(board.apply_station(event, at)).stations.len(), 3);
}

#[test]
fn history_reads_like_a_story() {
    let mut book = Book::place(true, vec![want(201, burger(), 2)], vec![]);
    book.does(kitchen::start(&book.order, &grill(), &[id(201)]));
    book.take(void::void_order(&book.order, "guest left").events);
    let mut before: Option<Order> = None;
    let mut story = Vec::new();
    for (event, meta) in &book.log {
        story.push(describe(before.as_ref(), event, &book.kitchen));
        muster_orders::domain::order::apply(before.get_or_insert_with(Order::default), event, meta);
    }
    assert_eq!(
        story,
        [
            "placed with 2× BRGR",
            "GRILL started 2× BRGR",
            "voided the order: guest left"
        ]
    );
}
