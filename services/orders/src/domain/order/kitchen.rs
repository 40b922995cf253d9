//! What stations do with lines.
//!
//! Every decision passes over what is so already, and answers no event when nothing is left: a bump that was queued offline
//! may arrive late or twice.

use muster_proto::orders::v1::{
    AllergiesAcknowledged, ItemsBumped, ItemsFulfilled, ItemsStarted, ItemsUnbumped, Order, OrderItem, PrepState,
    StationKind, TicketRecalled,
};

use super::super::routing::Kitchen;
use super::super::{Event, Result, time};
use super::item;
use crate::error::OrdersError;

/// A station begins with lines.
///
/// # Errors
/// When the order has no such line, or it is not made there.
pub fn start(order: &Order, station_id: &str, item_ids: &[String]) -> Result<Vec<Event>> {
    let lines = named(order, item_ids)?;
    all_made_at(&lines, station_id)?;
    let new = |line: &&OrderItem| {
        item::is_live(line) && item::prep(line, station_id).is_some_and(|prep| prep.state() == PrepState::New)
    };
    Ok(event(lines, new, |item_ids| {
        Event::ItemsStarted(ItemsStarted {
            station_id: station_id.to_owned(),
            item_ids,
        })
    }))
}

/// A station is done with lines. At expo: they are handed out.
///
/// Where there is no expo, what is done at its last station is handed out by it.
///
/// # Errors
/// `ALLERGY_NOT_ACKNOWLEDGED`; at expo `ORDER_NOT_READY`; or when the order has no such line, or it is not made there.
pub fn bump(kitchen: &Kitchen, order: &Order, station_id: &str, item_ids: &[String]) -> Result<Vec<Event>> {
    if is_expo(kitchen, station_id) {
        return hand_out(kitchen, order, item_ids, false);
    }
    let lines = named(order, item_ids)?;
    all_made_at(&lines, station_id)?;
    let undone = |line: &&OrderItem| item::prep(line, station_id).is_some_and(|prep| !item::is_done(prep));
    let unnoted: Vec<&OrderItem> = lines.iter().copied().filter(undone).collect();
    acknowledged(&unnoted, |prep| prep.station_id == station_id)?;
    let mut events = event(lines, undone, |item_ids| {
        Event::ItemsBumped(ItemsBumped {
            station_id: station_id.to_owned(),
            item_ids,
        })
    });
    if !kitchen.has_expo() && !events.is_empty() {
        let bumped = |line: &OrderItem, station: &str| station == station_id && item_ids.contains(&line.id);
        let made = |line: &&OrderItem| {
            item::is_live(line)
                && line.fulfilled_at.is_none()
                && line
                    .preps
                    .iter()
                    .all(|prep| item::is_done(prep) || bumped(line, &prep.station_id))
        };
        events.extend(event(order.items.iter().collect(), made, |item_ids| {
            Event::ItemsFulfilled(ItemsFulfilled {
                item_ids,
                forced: false,
            })
        }));
    }
    Ok(events)
}

/// Takes a bump back. At expo: a handing out.
///
/// # Errors
/// When the order has no such line, or it is not made there.
pub fn unbump(kitchen: &Kitchen, order: &Order, station_id: &str, item_ids: &[String]) -> Result<Vec<Event>> {
    let lines = named(order, item_ids)?;
    let expo = is_expo(kitchen, station_id);
    if !expo {
        all_made_at(&lines, station_id)?;
    }
    let done = |line: &&OrderItem| done_at(line, station_id, expo).is_some();
    Ok(event(lines, done, |item_ids| {
        Event::ItemsUnbumped(ItemsUnbumped {
            station_id: station_id.to_owned(),
            item_ids,
        })
    }))
}

/// Brings the lines back that a station bumped last. Nothing happens while its ticket is still open.
///
/// # Errors
/// `TICKET_NOT_FOUND` when the station has bumped nothing of the order.
pub fn recall(kitchen: &Kitchen, order: &Order, station_id: &str) -> Result<Vec<Event>> {
    let expo = is_expo(kitchen, station_id);
    let here = |line: &&OrderItem| item::is_fired(line) && (expo || item::prep(line, station_id).is_some());
    let lines: Vec<&OrderItem> = order.items.iter().filter(here).collect();
    if lines.is_empty() {
        return Err(OrdersError::TicketNotFound);
    }
    if lines.iter().any(|line| done_at(line, station_id, expo).is_none()) {
        return Ok(Vec::new());
    }
    let last = lines.iter().filter_map(|line| done_at(line, station_id, expo)).max();
    let bumped_last = |line: &&OrderItem| done_at(line, station_id, expo) == last;
    Ok(event(lines, bumped_last, |item_ids| {
        Event::TicketRecalled(TicketRecalled {
            station_id: station_id.to_owned(),
            item_ids,
        })
    }))
}

/// Hands lines out. Voided ones that are named leave expo's screen.
///
/// # Errors
/// `ORDER_NOT_READY` unless forced; `ALLERGY_NOT_ACKNOWLEDGED`, forced or not; `ITEM_NOT_FOUND`.
pub fn hand_out(kitchen: &Kitchen, order: &Order, item_ids: &[String], force: bool) -> Result<Vec<Event>> {
    let lines = named(order, item_ids)?;
    let open = |line: &&OrderItem| line.fulfilled_at.is_none();
    let live: Vec<&OrderItem> = lines
        .iter()
        .copied()
        .filter(open)
        .filter(|line| item::is_live(line))
        .collect();
    if !force {
        let waiting: Vec<String> = live
            .iter()
            .filter_map(|line| waiting_for(kitchen, line))
            .take(5)
            .collect();
        if !waiting.is_empty() {
            return Err(OrdersError::OrderNotReady {
                waiting: waiting.join("; "),
            });
        }
    }
    acknowledged(&live, |_| true)?;
    let forced = live.iter().any(|line| !item::is_made(line) || !item::is_fired(line));
    Ok(event(lines, open, |item_ids| {
        Event::ItemsFulfilled(ItemsFulfilled { item_ids, forced })
    }))
}

/// A station takes note of what the guest must not eat.
///
/// # Errors
/// When the order has no such line, or it is not made there.
pub fn acknowledge(order: &Order, station_id: &str, item_ids: &[String]) -> Result<Vec<Event>> {
    let lines = named(order, item_ids)?;
    all_made_at(&lines, station_id)?;
    let unnoted =
        |line: &&OrderItem| item::prep(line, station_id).is_some_and(|prep| item::needs_acknowledgement(line, prep));
    Ok(event(lines, unnoted, |item_ids| {
        Event::AllergiesAcknowledged(AllergiesAcknowledged {
            station_id: station_id.to_owned(),
            item_ids,
        })
    }))
}

fn is_expo(kitchen: &Kitchen, station_id: &str) -> bool {
    kitchen
        .station(station_id)
        .is_some_and(|station| station.kind() == StationKind::Expo)
}

/// When the station was done with the line; at expo, when it was handed out.
fn done_at(line: &OrderItem, station_id: &str, expo: bool) -> Option<(i64, i32)> {
    let at = if expo {
        line.fulfilled_at
    } else {
        item::prep(line, station_id).and_then(|prep| prep.done_at)
    };
    at.map(|at| time::key(Some(&at)))
}

fn named<'a>(order: &'a Order, item_ids: &[String]) -> Result<Vec<&'a OrderItem>> {
    let find = |(index, id): (usize, &String)| {
        item::find(order, id).ok_or_else(|| OrdersError::ItemNotFound {
            field: format!("item_ids[{index}]"),
        })
    };
    item_ids.iter().enumerate().map(find).collect()
}

fn all_made_at(lines: &[&OrderItem], station_id: &str) -> Result<()> {
    match lines
        .iter()
        .enumerate()
        .find(|(_, line)| item::prep(line, station_id).is_none())
    {
        Some((index, line)) => Err(OrdersError::ItemNotAtStation {
            field: format!("item_ids[{index}]"),
            name: line.kitchen_name.clone(),
        }),
        None => Ok(()),
    }
}

fn acknowledged(lines: &[&OrderItem], here: impl Fn(&muster_proto::orders::v1::Prep) -> bool) -> Result<()> {
    let unnoted = |line: &&&OrderItem| {
        line.preps
            .iter()
            .any(|prep| here(prep) && item::needs_acknowledgement(line, prep))
    };
    let names: Vec<String> = lines
        .iter()
        .filter(unnoted)
        .map(|line| item::label(line))
        .take(5)
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(OrdersError::AllergyNotAcknowledged {
            names: names.join(", "),
        })
    }
}

/// What keeps a line from being handed out: `2× DBL CHZ at GRILL`.
fn waiting_for(kitchen: &Kitchen, line: &OrderItem) -> Option<String> {
    if !item::is_fired(line) {
        return Some(format!("{} (course {} held)", item::label(line), line.course));
    }
    let undone = line.preps.iter().filter(|prep| !item::is_done(prep));
    let stations: Vec<&str> = undone.map(|prep| kitchen.name(&prep.station_id)).collect();
    (!stations.is_empty()).then(|| format!("{} at {}", item::label(line), stations.join(", ")))
}

fn event(
    lines: Vec<&OrderItem>,
    concerned: impl Fn(&&OrderItem) -> bool,
    make: impl FnOnce(Vec<String>) -> Event,
) -> Vec<Event> {
    let item_ids: Vec<String> = lines
        .into_iter()
        .filter(|line| concerned(line))
        .map(|line| line.id.clone())
        .collect();
    if item_ids.is_empty() {
        Vec::new()
    } else {
        vec![make(item_ids)]
    }
}
