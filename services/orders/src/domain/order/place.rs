//! Placing an order, and adding to it.

use muster_proto::orders::v1::{ItemsAdded, NewItem, Order, OrderPlaced, PlaceOrderRequest};

use super::super::{Event, Result, money};
use super::line::{Ids, Shop, check_total, make_all};
use super::must_stand;

/// What an order is known by.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its id.
    pub id: String,
    /// Its short number.
    pub number: i32,
    /// The day of business.
    pub business_date: String,
}

/// Places an order.
///
/// # Errors
/// As [`make_all`].
pub fn place(shop: Shop<'_>, request: &PlaceOrderRequest, head: Head, ids: &mut Ids<'_>) -> Result<Event> {
    let items = make_all(shop, None, request.dining_option(), &request.items, ids)?;
    check_total(0, &items)?;
    let order = Order {
        id: head.id,
        number: head.number,
        business_date: head.business_date,
        location_id: request.location_id.clone(),
        dining_option: request.dining_option,
        channel: request.channel.clone(),
        table: request.table.clone(),
        guest_name: request.guest_name.clone(),
        covers: request.covers,
        notes: request.notes.clone(),
        server: request.server.clone(),
        reference: request.reference.clone(),
        total: Some(money::of(0, shop.currency)),
        ..Order::default()
    };
    Ok(Event::Placed(OrderPlaced {
        order: Some(order),
        items,
        held_courses: request.held_courses.clone(),
    }))
}

/// Adds lines to an order. One that was handed out is open again by it.
///
/// # Errors
/// `ORDER_VOIDED`, or as [`make_all`].
pub fn add_items(shop: Shop<'_>, order: &Order, new: &[NewItem], ids: &mut Ids<'_>) -> Result<Event> {
    must_stand(order)?;
    let items = make_all(shop, Some(order), order.dining_option(), new, ids)?;
    check_total(money::units(order.total.as_ref()), &items)?;
    Ok(Event::ItemsAdded(ItemsAdded { items }))
}
