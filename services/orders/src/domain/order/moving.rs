//! Moving an order to another table, and lines to another order: split and merge.
//!
//! A line takes with it how far it is, so that nothing is made a second time.

use muster_proto::orders::v1::{
    ItemQuantity, ItemsMovedIn, ItemsMovedOut, Order, OrderItem, OrderMoved, OrderPlaced, Server,
};

use super::super::{Event, Result, money};
use super::line::{Ids, check_total};
use super::place::Head;
use super::void::explicit;
use super::{MOST_LINES, item, must_stand};
use crate::error::OrdersError;

/// Gives an order another table or server.
///
/// # Errors
/// `ORDER_VOIDED`.
pub fn move_order(order: &Order, table: &str, server: Option<&Server>) -> Result<Vec<Event>> {
    must_stand(order)?;
    let server = server.or(order.server.as_ref());
    if order.table == table && order.server.as_ref() == server {
        return Ok(Vec::new());
    }
    let from_table = order.table.clone();
    Ok(vec![Event::Moved(OrderMoved {
        table: table.to_owned(),
        server: server.cloned(),
        from_table,
    })])
}

/// The event that opens an order like this one, without lines, for a split.
pub fn split_off(order: &Order, head: Head, table: &str) -> Event {
    let new = Order {
        id: head.id,
        number: head.number,
        business_date: head.business_date,
        table: if table.is_empty() {
            order.table.clone()
        } else {
            table.to_owned()
        },
        total: Some(money::of(0, money::currency(order.total.as_ref()))),
        location_id: order.location_id.clone(),
        dining_option: order.dining_option,
        channel: order.channel.clone(),
        guest_name: order.guest_name.clone(),
        notes: order.notes.clone(),
        server: order.server.clone(),
        reference: order.reference.clone(),
        ..Order::default()
    };
    Event::Placed(OrderPlaced {
        order: Some(new),
        items: Vec::new(),
        held_courses: Vec::new(),
    })
}

/// Moves lines from one order to another: the event of the one, and that of the other.
///
/// # Errors
/// When they are the same order or not at the same location, one is voided, a line is missing or voided, or the other
/// order is full.
pub fn move_items(from: &Order, to: &Order, parts: &[ItemQuantity], ids: &mut Ids<'_>) -> Result<(Event, Event)> {
    if from.id == to.id {
        return Err(OrdersError::SameOrder {
            field: "to_order_id".to_owned(),
        });
    }
    if from.location_id != to.location_id {
        return Err(OrdersError::OrdersApart {
            field: "to_order_id".to_owned(),
        });
    }
    must_stand(from)?;
    must_stand(to)?;
    let mut leaving = Vec::with_capacity(parts.len());
    let mut arriving = Vec::with_capacity(parts.len());
    for (index, (part, line)) in explicit(from, parts)?.into_iter().enumerate() {
        if !item::is_live(line) {
            return Err(OrdersError::ItemVoided {
                field: format!("items[{index}].item_id"),
            });
        }
        let whole = part.quantity == line.quantity;
        // The line keeps its id where it can, so that a bump that is under way still finds it in the log.
        let id = if whole && item::find(to, &line.id).is_none() {
            line.id.clone()
        } else {
            ids()
        };
        let voided_quantity = if whole { line.voided_quantity } else { 0 };
        arriving.push(OrderItem {
            id,
            quantity: part.quantity,
            voided_quantity,
            ..line.clone()
        });
        leaving.push(part);
    }
    if to.items.len().saturating_add(arriving.len()) > MOST_LINES {
        return Err(OrdersError::OrderFull);
    }
    check_total(money::units(to.total.as_ref()), &arriving)?;
    let out = ItemsMovedOut {
        items: leaving,
        to_order_id: to.id.clone(),
        to_number: to.number,
    };
    let into = ItemsMovedIn {
        items: arriving,
        from_order_id: from.id.clone(),
        from_number: from.number,
    };
    Ok((Event::ItemsMovedOut(out), Event::ItemsMovedIn(into)))
}
