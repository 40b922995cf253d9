//! What an order is: the fold of its events.

use std::collections::HashMap;

use muster_proto::orders::v1::{
    Actor, Course, CourseState, ItemChange, ItemChangeKind, ItemQuantity, Order, OrderItem, OrderPlaced, OrderStatus,
    PrepState, Voided,
};
use prost_types::Timestamp;

use super::super::{Event, money};
use super::{item, status};

/// What the log keeps beside an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The version of the order that the event makes.
    pub version: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
}

/// The order that these events make, in order. None without events.
pub fn fold<'a>(events: impl IntoIterator<Item = (&'a Event, &'a Meta)>) -> Option<Order> {
    let mut order = None;
    for (event, meta) in events {
        apply(order.get_or_insert_with(Order::default), event, meta);
    }
    order
}

/// Folds one event into the order. Never fails: what an event names and the order does not have is passed over.
pub fn apply(order: &mut Order, event: &Event, meta: &Meta) {
    match event {
        Event::Placed(event) => placed(order, event, meta),
        Event::ItemsAdded(event) => add(order, &event.items, ItemChangeKind::Added, "added", meta),
        Event::ItemChanged(event) => {
            if let Some(new) = &event.item {
                changed(order, new, &event.change_text, meta);
            }
        }
        Event::ItemsVoided(event) => {
            for part in &event.items {
                void(order, part, &event.reason, meta);
            }
        }
        Event::OrderVoided(event) => {
            for line in order.items.iter_mut().filter(|line| item::is_live(line)) {
                void_line(line, &event.reason, meta);
            }
            order.voided = Some(voided(&event.reason, meta));
        }
        Event::Moved(event) => {
            order.table.clone_from(&event.table);
            order.server.clone_from(&event.server);
        }
        Event::ItemsMovedOut(event) => {
            moved_out(order, &event.items, event.to_number, meta);
            if !order.items.iter().any(item::is_live) {
                order.merged_into_order_id.clone_from(&event.to_order_id);
            }
        }
        Event::ItemsMovedIn(event) => {
            order.merged_into_order_id.clear();
            let text = format!("moved here from #{}", event.from_number);
            add(order, &event.items, ItemChangeKind::Moved, &text, meta);
        }
        Event::CourseHeld(event) => {
            set_course(order, event.course, None);
            for line in order
                .items
                .iter_mut()
                .filter(|line| line.course == event.course && item::is_live(line))
            {
                line.fired_at = None;
            }
        }
        Event::CourseFired(event) => {
            set_course(order, event.course, Some(meta.at));
            let waiting = |line: &&mut OrderItem| line.course == event.course && !item::is_fired(line);
            for line in order
                .items
                .iter_mut()
                .filter(waiting)
                .filter(|line| item::is_live(line))
            {
                line.fired_at = Some(meta.at);
            }
        }
        Event::ItemsStarted(event) => at_station(order, &event.item_ids, |line| {
            if let Some(prep) = item::prep_mut(line, &event.station_id).filter(|prep| prep.state() == PrepState::New) {
                prep.state = PrepState::Started.into();
                prep.started_at = Some(meta.at);
            }
        }),
        Event::ItemsBumped(event) => at_station(order, &event.item_ids, |line| bump(line, &event.station_id, meta)),
        Event::ItemsUnbumped(event) => {
            at_station(order, &event.item_ids, |line| call_back(line, &event.station_id, meta));
        }
        Event::TicketRecalled(event) => {
            at_station(order, &event.item_ids, |line| call_back(line, &event.station_id, meta));
        }
        Event::ItemsFulfilled(event) => at_station(order, &event.item_ids, |line| {
            if event.forced {
                let stations: Vec<String> = line.preps.iter().map(|prep| prep.station_id.clone()).collect();
                stations.iter().for_each(|station_id| bump(line, station_id, meta));
                line.fired_at.get_or_insert(meta.at);
            }
            line.fulfilled_at.get_or_insert(meta.at);
        }),
        Event::AllergiesAcknowledged(event) => at_station(order, &event.item_ids, |line| {
            if let Some(prep) = item::prep_mut(line, &event.station_id) {
                prep.allergy_acknowledged_at.get_or_insert(meta.at);
            }
        }),
    }
    derive(order, meta);
}

fn placed(order: &mut Order, event: &OrderPlaced, meta: &Meta) {
    *order = event.order.clone().unwrap_or_default();
    order.items.clear();
    order.courses.clear();
    order.placed_at = Some(meta.at);
    for number in &event.held_courses {
        set_course(order, *number, None);
    }
    add(order, &event.items, ItemChangeKind::Unspecified, "", meta);
}

/// Puts lines on the order. Those of a held course wait; those that were fired elsewhere stay fired.
fn add(order: &mut Order, lines: &[OrderItem], kind: ItemChangeKind, text: &str, meta: &Meta) {
    for new in lines {
        let mut line = new.clone();
        line.added_at.get_or_insert(meta.at);
        // A moved line brings its course along, waiting if the line waits.
        if line.course > 0 && !order.courses.iter().any(|course| course.number == line.course) {
            let waits = kind == ItemChangeKind::Moved && !item::is_fired(&line);
            set_course(order, line.course, (!waits).then_some(meta.at));
        }
        if !is_held(order, line.course) {
            line.fired_at.get_or_insert(meta.at);
        }
        if kind != ItemChangeKind::Unspecified {
            line.change = Some(change(kind, text.to_owned(), meta));
        }
        order.items.push(line);
    }
}

fn changed(order: &mut Order, new: &OrderItem, text: &str, meta: &Meta) {
    if let Some(line) = item::find_mut(order, &new.id) {
        line.quantity = new.quantity;
        line.voided_quantity = new.voided_quantity;
        line.modifiers.clone_from(&new.modifiers);
        line.seat = new.seat;
        line.notes.clone_from(&new.notes);
        line.guest_allergies.clone_from(&new.guest_allergies);
        line.guest_allergy_note.clone_from(&new.guest_allergy_note);
        line.contains.clone_from(&new.contains);
        line.unit_price.clone_from(&new.unit_price);
        line.price_steps.clone_from(&new.price_steps);
        line.preps.clone_from(&new.preps);
        line.route.clone_from(&new.route);
        // What the kitchen has never seen has not changed for it.
        if item::is_fired(line) {
            line.change = Some(change(ItemChangeKind::Changed, text.to_owned(), meta));
        }
    }
}

fn void(order: &mut Order, part: &ItemQuantity, reason: &str, meta: &Meta) {
    let Some(line) = item::find_mut(order, &part.item_id).filter(|line| item::is_live(line)) else {
        return;
    };
    if part.quantity <= 0 || part.quantity >= line.quantity {
        void_line(line, reason, meta);
    } else {
        line.change = Some(change(ItemChangeKind::Changed, format!("was {}×", line.quantity), meta));
        line.quantity = line.quantity.saturating_sub(part.quantity);
        line.voided_quantity = line.voided_quantity.saturating_add(part.quantity);
    }
}

fn void_line(line: &mut OrderItem, reason: &str, meta: &Meta) {
    line.voided = Some(voided(reason, meta));
    line.change = Some(change(ItemChangeKind::Voided, format!("voided: {reason}"), meta));
}

fn moved_out(order: &mut Order, parts: &[ItemQuantity], to_number: i32, meta: &Meta) {
    let leaving: HashMap<&str, i32> = parts
        .iter()
        .map(|part| (part.item_id.as_str(), part.quantity))
        .collect();
    order.items.retain_mut(|line| match leaving.get(line.id.as_str()) {
        Some(&quantity) if quantity <= 0 || quantity >= line.quantity => false,
        Some(&quantity) => {
            let text = format!("was {}×, {quantity} moved to #{to_number}", line.quantity);
            line.change = Some(change(ItemChangeKind::Changed, text, meta));
            line.quantity = line.quantity.saturating_sub(quantity);
            true
        }
        None => true,
    });
}

fn bump(line: &mut OrderItem, station_id: &str, meta: &Meta) {
    if let Some(prep) = item::prep_mut(line, station_id).filter(|prep| !item::is_done(prep)) {
        prep.state = PrepState::Done.into();
        prep.started_at.get_or_insert(meta.at);
        prep.done_at = Some(meta.at);
        prep.recalled_at = None;
    }
}

/// Undoes a bump. The prep becomes started, never new: it was made once. At a station that does not make the line, which
/// is expo, only the handing out is undone.
fn call_back(line: &mut OrderItem, station_id: &str, meta: &Meta) {
    if let Some(prep) = item::prep_mut(line, station_id).filter(|prep| item::is_done(prep)) {
        prep.state = PrepState::Started.into();
        prep.done_at = None;
        prep.recalled_at = Some(meta.at);
    }
    line.fulfilled_at = None;
}

fn at_station(order: &mut Order, item_ids: &[String], mut act: impl FnMut(&mut OrderItem)) {
    order
        .items
        .iter_mut()
        .filter(|line| item_ids.contains(&line.id))
        .for_each(&mut act);
}

fn set_course(order: &mut Order, number: i32, fired_at: Option<Timestamp>) {
    let state = if fired_at.is_some() {
        CourseState::Fired
    } else {
        CourseState::Held
    };
    let now = Course {
        number,
        state: state.into(),
        fired_at,
    };
    match order.courses.iter_mut().find(|course| course.number == number) {
        Some(course) => *course = now,
        None => order.courses.push(now),
    }
    order.courses.sort_by_key(|course| course.number);
}

/// Whether the kitchen waits with a course.
pub fn is_held(order: &Order, number: i32) -> bool {
    order
        .courses
        .iter()
        .any(|course| course.number == number && course.state() == CourseState::Held)
}

fn change(kind: ItemChangeKind, text: String, meta: &Meta) -> ItemChange {
    ItemChange {
        kind: kind.into(),
        text,
        at: Some(meta.at),
    }
}

fn voided(reason: &str, meta: &Meta) -> Voided {
    Voided {
        reason: reason.to_owned(),
        by: Some(meta.actor.clone()),
        at: Some(meta.at),
    }
}

/// Everything that follows from the lines.
fn derive(order: &mut Order, meta: &Meta) {
    let mut total = 0_i64;
    let mut currency = money::currency(order.total.as_ref()).to_owned();
    for line in &mut order.items {
        let count = if item::is_live(line) { line.quantity } else { 0 };
        let units = money::times(money::units(line.unit_price.as_ref()), count);
        currency = money::currency(line.unit_price.as_ref()).to_owned();
        line.line_total = Some(money::of(units, &currency));
        total = total.saturating_add(units);
    }
    order.total = Some(money::of(total, &currency));
    let now = status::of(order);
    order.fulfilled_at = match now {
        OrderStatus::Fulfilled => order.fulfilled_at.or(Some(meta.at)),
        _ => None,
    };
    order.status = now.into();
    order.version = meta.version;
    order.updated_at = Some(meta.at);
}
