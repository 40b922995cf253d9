//! What each station's screen shows of an order.
//!
//! A ticket is open while a line that was sent is not done there. Lines that were taken back count as undone until the
//! station has noted them.

use muster_proto::orders::v1::{
    AlsoAt, CourseState, Order, OrderItem, PrepState, RouteStep, Station, StationKind, Ticket, TicketItem, TicketState,
};
use prost_types::Timestamp;

use super::order::{item, status};
use super::routing::Kitchen;
use super::time;

/// `<order_id>/<station_id>`.
pub fn id(order_id: &str, station_id: &str) -> String {
    format!("{order_id}/{station_id}")
}

/// The station of a ticket's id.
pub fn station_of(ticket_id: &str) -> &str {
    ticket_id.split_once('/').map_or("", |(_, station_id)| station_id)
}

/// The tickets of an order, open and done, at all live stations.
pub fn tickets(order: &Order, kitchen: &Kitchen) -> Vec<Ticket> {
    kitchen
        .live()
        .filter_map(|station| ticket(order, station, kitchen))
        .collect()
}

/// The open tickets of an order.
pub fn open_tickets(order: &Order, kitchen: &Kitchen) -> Vec<Ticket> {
    tickets(order, kitchen).into_iter().filter(is_open).collect()
}

/// Whether anything is to be done.
pub fn is_open(ticket: &Ticket) -> bool {
    ticket.state() == TicketState::Open
}

/// The kitchen must know the order: it goes on, or some screen still shows it.
pub fn is_on_board(order: &Order, kitchen: &Kitchen) -> bool {
    status::is_open(order) || tickets(order, kitchen).iter().any(is_open)
}

/// The ticket of an order at a station. None when nothing was ever sent there.
pub fn ticket(order: &Order, station: &Station, kitchen: &Kitchen) -> Option<Ticket> {
    let expo = station.kind() == StationKind::Expo;
    let here = |line: &&OrderItem| expo || item::prep(line, &station.id).is_some();
    let sent: Vec<&OrderItem> = order
        .items
        .iter()
        .filter(here)
        .filter(|line| item::is_fired(line))
        .collect();
    let undone = sent.iter().filter(|line| done_at(line, station, expo).is_none());
    let oldest = undone.map(|line| time::key(line.fired_at.as_ref())).min();
    // Earlier rounds of the same order are over: only what was done since the oldest undone line was sent stays.
    let shown = |line: &&&OrderItem| match (oldest, done_at(line, station, expo)) {
        (Some(oldest), Some(done)) => time::key(Some(&done)) >= oldest,
        _ => true,
    };
    let lines: Vec<&OrderItem> = sent.iter().filter(shown).copied().collect();
    if lines.is_empty() {
        return None;
    }
    let open = oldest.is_some();
    let counted = lines
        .iter()
        .filter(|line| !open || done_at(line, station, expo).is_none());
    let fired_at = counted
        .filter_map(|line| line.fired_at)
        .min_by_key(|at| time::key(Some(at)));
    let last = lines
        .iter()
        .filter_map(|line| done_at(line, station, expo))
        .max_by_key(|at| time::key(Some(at)));
    let mut live = lines.iter().filter(|line| item::is_live(line)).peekable();
    Some(Ticket {
        id: id(&order.id, &station.id),
        order_id: order.id.clone(),
        station_id: station.id.clone(),
        number: order.number,
        dining_option: order.dining_option,
        table: order.table.clone(),
        guest_name: order.guest_name.clone(),
        server_name: order
            .server
            .as_ref()
            .map_or_else(String::new, |server| server.name.clone()),
        covers: order.covers,
        notes: order.notes.clone(),
        placed_at: order.placed_at,
        fired_at,
        items: lines.iter().map(|line| ticket_item(line, station, kitchen)).collect(),
        held_courses: held_courses(order, here),
        order_version: order.version,
        state: if open { TicketState::Open } else { TicketState::Done }.into(),
        bumped_at: if open { None } else { last },
        all_ready: live.peek().is_some() && live.all(|line| item::is_made(line)),
        order_voided: order.voided.is_some(),
        channel: order.channel.clone(),
    })
}

/// When the station was done with the line; at expo, when it was handed out.
fn done_at(line: &OrderItem, station: &Station, expo: bool) -> Option<Timestamp> {
    if expo {
        line.fulfilled_at
    } else {
        item::prep(line, &station.id).and_then(|prep| prep.done_at)
    }
}

fn held_courses(order: &Order, here: impl Fn(&&OrderItem) -> bool) -> Vec<i32> {
    let waits = |number: i32| {
        let mut lines = order.items.iter().filter(&here).filter(|line| item::is_live(line));
        lines.any(|line| line.course == number && !item::is_fired(line))
    };
    let held = order
        .courses
        .iter()
        .filter(|course| course.state() == CourseState::Held);
    held.map(|course| course.number)
        .filter(|number| waits(*number))
        .collect()
}

fn ticket_item(line: &OrderItem, station: &Station, kitchen: &Kitchen) -> TicketItem {
    let prep = item::prep(line, &station.id);
    let expo = station.kind() == StationKind::Expo;
    let state = match prep {
        _ if expo && line.fulfilled_at.is_some() => PrepState::Done,
        _ if expo && item::is_touched(line) => PrepState::Started,
        Some(prep) if !expo => prep.state(),
        _ => PrepState::New,
    };
    let first_start = || {
        line.preps
            .iter()
            .filter_map(|prep| prep.started_at)
            .min_by_key(|at| time::key(Some(at)))
    };
    TicketItem {
        item_id: line.id.clone(),
        menu_item_id: line.menu_item_id.clone(),
        name: line.kitchen_name.clone(),
        quantity: line.quantity,
        modifiers: line.modifiers.clone(),
        seat: line.seat,
        course: line.course,
        notes: line.notes.clone(),
        guest_allergies: line.guest_allergies.clone(),
        guest_allergy_note: line.guest_allergy_note.clone(),
        contains: line.contains.clone(),
        conflicts: item::conflicts(line),
        state: state.into(),
        started_at: if expo {
            first_start()
        } else {
            prep.and_then(|prep| prep.started_at)
        },
        done_at: done_at(line, station, expo),
        needs_acknowledgement: !expo && prep.is_some_and(|prep| item::needs_acknowledgement(line, prep)),
        ready: item::is_made(line),
        also_at: also_at(line, station, kitchen),
        route: route_steps(line, station, expo),
        change: line.change.clone(),
        voided: line.voided.clone(),
        fired_at: line.fired_at,
        recalled: prep.is_some_and(|prep| prep.recalled_at.is_some()),
    }
}

fn also_at(line: &OrderItem, station: &Station, kitchen: &Kitchen) -> Vec<AlsoAt> {
    let others = line.preps.iter().filter(|prep| prep.station_id != station.id);
    let name = |id: &str| kitchen.name(id).to_owned();
    let also = others.map(|prep| AlsoAt {
        station_id: prep.station_id.clone(),
        name: name(&prep.station_id),
        state: prep.state,
    });
    also.collect()
}

/// The steps that brought the line to this station. Expo shows them all.
fn route_steps(line: &OrderItem, station: &Station, expo: bool) -> Vec<RouteStep> {
    let steps = line.route.as_ref().map_or(&[][..], |route| route.steps.as_slice());
    let concerns = |step: &&RouteStep| expo || step.station_ids.contains(&station.id);
    steps.iter().filter(concerns).cloned().collect()
}
