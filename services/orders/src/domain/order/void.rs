//! Taking lines and orders back.

use muster_proto::orders::v1::{ItemQuantity, ItemsVoided, Order, OrderItem, OrderVoided};

use super::super::{Event, Result};
use super::item;
use crate::error::OrdersError;

/// What a void comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Void {
    /// What happens. Empty when it had happened before.
    pub events: Vec<Event>,
    /// Menu items that nobody had started, and how many of each, which stock gets back.
    pub returned: Vec<(String, i32)>,
}

/// Voids lines, as a whole or in part. What is voided already stays so.
///
/// # Errors
/// `ITEM_NOT_FOUND`, or `MORE_THAN_THERE_IS`.
pub fn void_items(order: &Order, parts: &[ItemQuantity], reason: &str) -> Result<Void> {
    let mut void = Void::default();
    let mut items = Vec::with_capacity(parts.len());
    for (part, line) in explicit(order, parts)? {
        if item::is_live(line) {
            give_back(&mut void, line, part.quantity);
            items.push(part);
        }
    }
    if !items.is_empty() {
        void.events.push(Event::ItemsVoided(ItemsVoided {
            items,
            reason: reason.to_owned(),
        }));
    }
    Ok(void)
}

/// Voids the whole order. One that is voided already stays so.
pub fn void_order(order: &Order, reason: &str) -> Void {
    let mut void = Void::default();
    if order.voided.is_none() {
        order
            .items
            .iter()
            .filter(|line| item::is_live(line))
            .for_each(|line| give_back(&mut void, line, line.quantity));
        void.events.push(Event::OrderVoided(OrderVoided {
            reason: reason.to_owned(),
        }));
    }
    void
}

fn give_back(void: &mut Void, line: &OrderItem, quantity: i32) {
    if !item::is_touched(line) {
        void.returned.push((line.menu_item_id.clone(), quantity));
    }
}

/// Each line that is named, once, with its number spelled out.
///
/// # Errors
/// `ITEM_NOT_FOUND`, or `MORE_THAN_THERE_IS`.
pub fn explicit<'a>(order: &'a Order, parts: &[ItemQuantity]) -> Result<Vec<(ItemQuantity, &'a OrderItem)>> {
    let mut named: Vec<(ItemQuantity, &OrderItem)> = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let line = item::find(order, &part.item_id);
        let line = line.ok_or_else(|| OrdersError::ItemNotFound {
            field: format!("items[{index}].item_id"),
        })?;
        let quantity = if part.quantity == 0 {
            line.quantity
        } else {
            part.quantity
        };
        let before = named.iter_mut().find(|(named, _)| named.item_id == part.item_id);
        let sum = before
            .as_ref()
            .map_or(0, |(named, _)| named.quantity)
            .saturating_add(quantity);
        if sum > line.quantity {
            let field = format!("items[{index}].quantity");
            return Err(OrdersError::MoreThanThereIs {
                field,
                left: line.quantity,
            });
        }
        match before {
            Some((named, _)) => named.quantity = sum,
            None => named.push((
                ItemQuantity {
                    item_id: part.item_id.clone(),
                    quantity,
                },
                line,
            )),
        }
    }
    Ok(named)
}
