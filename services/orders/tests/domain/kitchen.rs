use muster_orders::domain::order::{item, kitchen, place, void};
use muster_proto::orders::v1::{Allergen, NewItem, OrderStatus, PrepState};

use crate::diner::*;

fn lunch(with_expo: bool) -> Book {
    Book::place(
        with_expo,
        vec![want(201, burger(), 2), want(202, fries(), 1), want(203, beer(), 1)],
        vec![],
    )
}

fn bump(book: &mut Book, station: &str, numbers: &[u32]) -> usize {
    let ids: Vec<String> = numbers.iter().copied().map(id).collect();
    let decided = kitchen::bump(&book.kitchen, &book.order, station, &ids);
    book.does(decided)
}

fn allergic() -> NewItem {
    NewItem {
        guest_allergies: vec![Allergen::Milk.into(), Allergen::Peanuts.into()],
        ..with(want(201, burger(), 1), &[fried_egg()])
    }
}

#[test]
fn from_placed_to_fulfilled_over_expo() {
    let mut book = lunch(true);
    book.does(kitchen::start(&book.order, &grill(), &[id(201)]));
    assert_eq!(book.order.status(), OrderStatus::InProgress);
    let too_early = kitchen::hand_out(&book.kitchen, &book.order, &[id(201)], false).unwrap_err();
    assert_eq!(too_early.reason(), "ORDER_NOT_READY");
    assert!(too_early.to_string().contains("2× BRGR at GRILL"), "{too_early}");
    bump(&mut book, &grill(), &[201]);
    bump(&mut book, &fry(), &[202]);
    bump(&mut book, &bar(), &[203]);
    assert_eq!(book.order.status(), OrderStatus::Ready);
    assert!(book.ticket(&expo()).unwrap().all_ready);
    bump(&mut book, &expo(), &[201, 202, 203]);
    assert_eq!(book.order.status(), OrderStatus::Fulfilled);
    assert!(book.order.fulfilled_at.is_some() && !book.shows(&expo()));
}

#[test]
fn without_expo_what_is_ready_is_handed_out() {
    let mut book = lunch(false);
    assert_eq!(bump(&mut book, &grill(), &[201]), 2);
    assert!(book.line(201).fulfilled_at.is_some());
    bump(&mut book, &fry(), &[202]);
    bump(&mut book, &bar(), &[203]);
    assert_eq!(book.order.status(), OrderStatus::Fulfilled);
}

#[test]
fn what_is_so_already_is_no_event() {
    let mut book = lunch(true);
    assert_eq!(bump(&mut book, &grill(), &[201]), 1);
    assert_eq!(bump(&mut book, &grill(), &[201]), 0);
    assert_eq!(book.does(kitchen::start(&book.order, &grill(), &[id(201)])), 0);
    assert_eq!(
        book.does(kitchen::unbump(&book.kitchen, &book.order, &fry(), &[id(202)])),
        0
    );
    assert_eq!(book.does(kitchen::recall(&book.kitchen, &book.order, &fry())), 0);
}

#[test]
fn a_bump_touches_only_what_the_cook_saw() {
    let mut book = lunch(true);
    let more = place::add_items(book.shop(), &book.order, &[want(204, burger(), 1)], &mut || id(5)).unwrap();
    book.take(vec![more]);
    bump(&mut book, &grill(), &[201]);
    let ticket = book.ticket(&grill()).unwrap();
    let undone: Vec<_> = ticket
        .items
        .iter()
        .filter(|line| line.state() == PrepState::New)
        .collect();
    assert_eq!(undone.len(), 1);
    assert_eq!(undone[0].item_id, id(204));
}

#[test]
fn a_bump_is_taken_back_but_never_to_new() {
    let mut book = lunch(false);
    bump(&mut book, &grill(), &[201]);
    book.does(kitchen::unbump(&book.kitchen, &book.order, &grill(), &[id(201)]));
    let prep = item::prep(book.line(201), &grill()).unwrap();
    assert_eq!((prep.state(), prep.done_at), (PrepState::Started, None));
    assert!(
        book.line(201).fulfilled_at.is_none(),
        "what is called back is not handed out"
    );
    assert!(book.ticket(&grill()).unwrap().items[0].recalled);
}

#[test]
fn recall_brings_back_what_was_bumped_last() {
    let mut book = Book::place(true, vec![want(201, burger(), 1), want(202, burger(), 1)], vec![]);
    assert_eq!(
        refused(kitchen::recall(&book.kitchen, &book.order, &bar())),
        "TICKET_NOT_FOUND"
    );
    bump(&mut book, &grill(), &[201]);
    bump(&mut book, &grill(), &[202]);
    book.does(kitchen::recall(&book.kitchen, &book.order, &grill()));
    let state = |number| item::prep(book.line(number), &grill()).unwrap().state();
    assert_eq!((state(201), state(202)), (PrepState::Done, PrepState::Started));
}

#[test]
fn expo_recalls_what_it_handed_out_and_nobody_cooks_again() {
    let mut book = Book::place(true, vec![want(201, burger(), 1)], vec![]);
    bump(&mut book, &grill(), &[201]);
    bump(&mut book, &expo(), &[201]);
    book.does(kitchen::recall(&book.kitchen, &book.order, &expo()));
    assert_eq!(book.order.status(), OrderStatus::Ready);
    assert!(book.shows(&expo()) && !book.shows(&grill()));
}

#[test]
fn allergies_are_acknowledged_at_each_station_before_the_bump() {
    let mut book = Book::place(true, vec![allergic()], vec![]);
    let ticket = book.ticket(&grill()).unwrap();
    assert!(ticket.items[0].needs_acknowledgement);
    assert_eq!(ticket.items[0].conflicts, [i32::from(Allergen::Milk)]);
    let bumped = kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(201)]);
    assert_eq!(refused(bumped), "ALLERGY_NOT_ACKNOWLEDGED");
    let forced = kitchen::hand_out(&book.kitchen, &book.order, &[id(201)], true);
    assert_eq!(refused(forced), "ALLERGY_NOT_ACKNOWLEDGED");
    assert_eq!(book.does(kitchen::acknowledge(&book.order, &grill(), &[id(201)])), 1);
    assert_eq!(book.does(kitchen::acknowledge(&book.order, &grill(), &[id(201)])), 0);
    assert_eq!(bump(&mut book, &grill(), &[201]), 1);
    let elsewhere = kitchen::bump(&book.kitchen, &book.order, &fry(), &[id(201)]);
    assert_eq!(refused(elsewhere), "ALLERGY_NOT_ACKNOWLEDGED");
}

#[test]
fn a_voided_line_needs_no_acknowledgement() {
    let mut book = Book::place(true, vec![allergic()], vec![]);
    book.take(
        void::void_items(
            &book.order,
            &book
                .order
                .items
                .iter()
                .map(|line| muster_proto::orders::v1::ItemQuantity {
                    item_id: line.id.clone(),
                    quantity: 0,
                })
                .collect::<Vec<_>>(),
            "left",
        )
        .unwrap()
        .events,
    );
    assert_eq!(bump(&mut book, &grill(), &[201]), 1);
}

#[test]
fn force_makes_it_made() {
    let mut book = lunch(true);
    let all = [id(201), id(202), id(203)];
    book.does(kitchen::hand_out(&book.kitchen, &book.order, &all, true));
    assert_eq!(book.order.status(), OrderStatus::Fulfilled);
    assert!(!book.shows(&grill()) && !book.shows(&expo()));
}

#[test]
fn only_lines_of_the_order_and_the_station() {
    let book = lunch(true);
    assert_eq!(
        refused(kitchen::bump(&book.kitchen, &book.order, &grill(), &[id(999)])),
        "ITEM_NOT_FOUND"
    );
    assert_eq!(
        refused(kitchen::start(&book.order, &grill(), &[id(202)])),
        "ITEM_NOT_AT_STATION"
    );
}
