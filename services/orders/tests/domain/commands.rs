use muster_orders::domain::order::change::change_item;
use muster_orders::domain::order::line::make_all;
use muster_orders::domain::order::{course, kitchen, moving, place, void};
use muster_orders::domain::{Event, money};
use muster_proto::orders::v1::{
    Allergen, ChangeItemRequest, DiningOption, ItemChangeKind, ItemQuantity, NewItem, OrderStatus,
};
use prost_types::FieldMask;

use crate::diner::*;

fn change(book: &Book, number: u32, wanted: NewItem, paths: &[&str]) -> muster_orders::domain::Result<Vec<Event>> {
    let mask = FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    let request = ChangeItemRequest {
        item_id: id(number),
        update_mask: Some(mask),
        ..ChangeItemRequest::default()
    };
    change_item(book.shop(), &book.order, &request, &wanted, &mut || id(777)).map(|change| change.events)
}

fn part(number: u32, quantity: i32) -> ItemQuantity {
    ItemQuantity {
        item_id: id(number),
        quantity,
    }
}

#[test]
fn an_order_is_priced_and_totalled() {
    let items = vec![
        with(want(201, burger(), 2), &[bacon(), no_onion()]),
        want(202, fries(), 1),
    ];
    let book = Book::place(true, items, vec![]);
    let line = book.line(201);
    assert_eq!(line.unit_price, Some(money::of(1450, "USD")));
    assert_eq!(line.line_total, Some(money::of(2900, "USD")));
    assert_eq!(book.order.total, Some(money::of(3300, "USD")));
    assert_eq!((book.order.status(), book.order.version), (OrderStatus::Placed, 1));
    assert!(line.change.is_none(), "a fresh line is no change");
}

#[test]
fn what_cannot_be_ordered_is_refused_with_its_field() {
    let cases: [(NewItem, &str, &str); 5] = [
        (want(1, id(99), 1), "MENU_ITEM_NOT_FOUND", "items[0].menu_item_id"),
        (want(1, id(34), 1), "ITEM_NOT_SOLD", "items[0].menu_item_id"),
        (
            with(want(1, fries(), 1), &[bacon()]),
            "MODIFIER_NOT_OFFERED",
            "items[0].modifiers[0].modifier_id",
        ),
        (
            with(want(1, burger(), 1), &vec![bacon(); 6]),
            "TOO_MANY_MODIFIERS",
            "items[0].modifiers",
        ),
        (want(201, fries(), 1), "ITEM_EXISTS", "items[0].id"),
    ];
    let book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    for (wanted, reason, field) in cases {
        let made = make_all(
            book.shop(),
            Some(&book.order),
            DiningOption::DineIn,
            &[wanted],
            &mut || id(5),
        );
        let error = made.unwrap_err();
        assert_eq!((error.reason(), error.field()), (reason, Some(field)));
    }
}

#[test]
fn a_required_choice_must_be_made() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    book.menu.groups.get_mut(&id(61)).unwrap().min = 1;
    let added = place::add_items(book.shop(), &book.order, &[want(202, burger(), 1)], &mut || id(5));
    assert_eq!(refused(added), "TOO_FEW_MODIFIERS");
}

#[test]
fn more_of_a_line_is_a_new_line() {
    let mut book = Book::place(true, vec![want(201, burger(), 2)], vec![]);
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    let wanted = NewItem {
        id: id(301),
        ..want(0, burger(), 5)
    };
    book.does(change(&book, 201, wanted, &["quantity"]));
    assert_eq!((book.line(201).quantity, book.line(301).quantity), (2, 3));
    assert_eq!(book.line(301).change.as_ref().unwrap().kind(), ItemChangeKind::Added);
    let ticket = book.ticket(&grill()).unwrap();
    assert_eq!(
        ticket.items.iter().map(|line| line.quantity).collect::<Vec<_>>(),
        [3],
        "only the delta is to be made"
    );
}

#[test]
fn less_of_a_line_is_said_on_the_ticket_while_nobody_has_started() {
    let mut book = Book::place(true, vec![want(201, burger(), 3)], vec![]);
    book.does(change(&book, 201, want(0, burger(), 1), &["quantity"]));
    let line = book.line(201);
    assert_eq!((line.quantity, line.voided_quantity), (1, 2));
    assert_eq!(line.change.as_ref().unwrap().text, "was 3×");
    book.does(kitchen::start(&book.order, &grill(), &[id(201)]));
    let mut two = Book::place(true, vec![want(201, burger(), 3)], vec![]);
    two.does(kitchen::start(&two.order, &grill(), &[id(201)]));
    assert_eq!(
        refused(change(&two, 201, want(0, burger(), 1), &["quantity"])),
        "ITEM_STARTED"
    );
}

#[test]
fn modifiers_change_until_everybody_is_done_and_reroute() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    book.does(change(
        &book,
        201,
        with(want(0, burger(), 1), &[fried_egg()]),
        &["modifiers"],
    ));
    let line = book.line(201);
    assert_eq!(line.unit_price, Some(money::of(1350, "USD")));
    assert_eq!(
        line.preps
            .iter()
            .map(|prep| prep.station_id.clone())
            .collect::<Vec<_>>(),
        [grill(), fry()]
    );
    assert!(line.contains.contains(&Allergen::Eggs.into()));
    assert_eq!(line.change.as_ref().unwrap().text, "was plain");
    assert_eq!(
        book.does(change(
            &book,
            201,
            with(want(0, burger(), 1), &[fried_egg()]),
            &["modifiers"]
        )),
        0
    );
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    book.does(change(
        &book,
        201,
        with(want(0, burger(), 1), &[fried_egg(), no_onion()]),
        &["modifiers"],
    ));
    assert!(!book.shows(&grill()), "what the grill has made it does not make again");
    book.does(kitchen::bump(&book.kitchen, &book.order, &fry(), &[id(201)]));
    assert_eq!(
        refused(change(&book, 201, want(0, burger(), 1), &["modifiers"])),
        "ITEM_ALREADY_MADE"
    );
    assert_eq!(
        book.does(change(
            &book,
            201,
            NewItem {
                seat: 4,
                ..want(0, burger(), 1)
            },
            &["seat"]
        )),
        1
    );
}

#[test]
fn a_frozen_price_survives_the_menu() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    book.menu.items.get_mut(&burger()).unwrap().price = Some(money::of(2000, "USD"));
    book.does(change(
        &book,
        201,
        with(want(0, burger(), 1), &[bacon()]),
        &["modifiers"],
    ));
    assert_eq!(book.line(201).unit_price, Some(money::of(1450, "USD")));
    book.does(change(
        &book,
        201,
        NewItem {
            id: id(301),
            ..want(0, burger(), 2)
        },
        &["quantity"],
    ));
    assert_eq!(
        book.line(301).unit_price,
        Some(money::of(2250, "USD")),
        "what is added today costs today's price"
    );
}

#[test]
fn a_void_stays_struck_through_until_it_is_bumped() {
    let mut book = Book::place(true, vec![want(201, burger(), 2), want(202, fries(), 1)], vec![]);
    let partly = void::void_items(&book.order, &[part(201, 1)], "spilled").unwrap();
    assert_eq!(partly.returned, [(burger(), 1)]);
    book.take(partly.events);
    assert_eq!(book.line(201).quantity, 1);
    let whole = void::void_items(&book.order, &[part(201, 0)], "left").unwrap();
    book.take(whole.events);
    assert_eq!(book.order.total, Some(money::of(400, "USD")));
    assert!(book.ticket(&grill()).unwrap().items[0].voided.is_some());
    assert_eq!(
        void::void_items(&book.order, &[part(201, 0)], "left").unwrap().events,
        []
    );
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    assert!(!book.shows(&grill()));
    assert_eq!(
        refused(void::void_items(&book.order, &[part(202, 2)], "x")),
        "MORE_THAN_THERE_IS"
    );
}

#[test]
fn only_what_nobody_started_goes_back_to_stock() {
    let mut book = Book::place(true, vec![want(201, burger(), 2), want(202, fries(), 1)], vec![]);
    book.does(kitchen::start(&book.order, &grill(), &[id(201)]));
    let void = void::void_order(&book.order, "left");
    assert_eq!(void.returned, [(fries(), 1)]);
    book.take(void.events);
    assert_eq!(book.order.status(), OrderStatus::Voided);
    assert_eq!(void::void_order(&book.order, "left").events, []);
    let added = place::add_items(book.shop(), &book.order, &[want(203, beer(), 1)], &mut || id(5));
    assert_eq!(refused(added), "ORDER_VOIDED");
}

#[test]
fn a_held_course_waits_and_then_fires() {
    let starter = NewItem {
        course: 1,
        ..want(201, fries(), 1)
    };
    let main = NewItem {
        course: 2,
        ..want(202, burger(), 1)
    };
    let mut book = Book::place(true, vec![starter, main], vec![2]);
    assert!(book.line(202).fired_at.is_none() && !book.shows(&grill()));
    assert_eq!(book.ticket(&expo()).unwrap().held_courses, [2]);
    book.does(course::fire(&book.order, 2));
    assert!(book.shows(&grill()));
    assert_eq!(book.does(course::fire(&book.order, 2)), 0);
    book.does(course::hold(&book.order, 2));
    assert!(!book.shows(&grill()));
    book.does(course::fire(&book.order, 2));
    book.does(kitchen::start(&book.order, &grill(), &[id(202)]));
    assert_eq!(refused(course::hold(&book.order, 2)), "COURSE_STARTED");
    assert_eq!(refused(course::fire(&book.order, 9)), "COURSE_NOT_FOUND");
}

#[test]
fn a_moved_line_takes_along_how_far_it_is() {
    let mut book = Book::place(true, vec![want(201, burger(), 3), want(202, fries(), 1)], vec![]);
    book.does(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    let mut other = Book::place(true, vec![want(401, beer(), 1)], vec![]);
    other.order.id = id(101);
    let moved = moving::move_items(&book.order, &other.order, &[part(201, 2), part(202, 0)], &mut || {
        id(501)
    });
    let (out, into) = moved.unwrap();
    book.take(vec![out]);
    other.take(vec![into]);
    assert_eq!(book.line(201).quantity, 1);
    assert!(!other.shows(&grill()), "what was made is not made again");
    assert!(other.shows(&fry()) && !book.shows(&fry()));
    assert_eq!(other.line(501).quantity, 2);
    assert_eq!(other.line(202).change.as_ref().unwrap().text, "moved here from #42");
    let total = |book: &Book| book.order.total.as_ref().unwrap().minor_units;
    assert_eq!(total(&book) + total(&other), 3 * 1200 + 400 + 600);

    let rest = moving::move_items(&book.order, &other.order, &[part(201, 1)], &mut || id(502)).unwrap();
    book.take(vec![rest.0]);
    assert_eq!(
        (book.order.status(), book.order.merged_into_order_id.clone()),
        (OrderStatus::Voided, id(101))
    );
    let same = moving::move_items(&other.order, &other.order, &[part(202, 1)], &mut || id(502));
    assert_eq!(refused(same), "SAME_ORDER");
}

#[test]
fn a_table_moves_with_its_server() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    assert_eq!(book.does(moving::move_order(&book.order, "12", None)), 0);
    assert_eq!(book.does(moving::move_order(&book.order, "7", None)), 1);
    assert_eq!(book.order.table, "7");
}
