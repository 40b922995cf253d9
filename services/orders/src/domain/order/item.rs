//! Questions about one line of an order.

use muster_proto::orders::v1::{Allergen, Order, OrderItem, Prep, PrepState};

/// Not taken back.
pub fn is_live(item: &OrderItem) -> bool {
    item.voided.is_none()
}

/// The kitchen was told.
pub fn is_fired(item: &OrderItem) -> bool {
    item.fired_at.is_some()
}

/// Every station is done with it.
pub fn is_made(item: &OrderItem) -> bool {
    item.preps.iter().all(is_done)
}

/// Some station has begun it.
pub fn is_touched(item: &OrderItem) -> bool {
    item.fulfilled_at.is_some() || item.preps.iter().any(|prep| prep.state() != PrepState::New)
}

/// The station is done.
pub fn is_done(prep: &Prep) -> bool {
    prep.state() == PrepState::Done
}

/// The guest must not eat something.
pub fn has_allergies(item: &OrderItem) -> bool {
    !item.guest_allergies.is_empty() || !item.guest_allergy_note.is_empty()
}

/// The station must take note of the guest's allergies before it can bump the line.
pub fn needs_acknowledgement(item: &OrderItem, prep: &Prep) -> bool {
    is_live(item) && has_allergies(item) && !is_done(prep) && prep.allergy_acknowledged_at.is_none()
}

/// What the guest must not eat and the menu says is in it.
pub fn conflicts(item: &OrderItem) -> Vec<i32> {
    let known = |allergen: &&i32| Allergen::try_from(**allergen).is_ok() && item.contains.contains(allergen);
    item.guest_allergies.iter().filter(known).copied().collect()
}

/// How far the line is at a station.
pub fn prep<'a>(item: &'a OrderItem, station_id: &str) -> Option<&'a Prep> {
    item.preps.iter().find(|prep| prep.station_id == station_id)
}

/// How far the line is at a station, to change it.
pub fn prep_mut<'a>(item: &'a mut OrderItem, station_id: &str) -> Option<&'a mut Prep> {
    item.preps.iter_mut().find(|prep| prep.station_id == station_id)
}

/// A prep that nobody has touched.
pub fn new_prep(station_id: &str) -> Prep {
    Prep {
        station_id: station_id.to_owned(),
        state: PrepState::New.into(),
        ..Prep::default()
    }
}

/// A line of an order.
pub fn find<'a>(order: &'a Order, item_id: &str) -> Option<&'a OrderItem> {
    order.items.iter().find(|item| item.id == item_id)
}

/// A line of an order, to change it.
pub fn find_mut<'a>(order: &'a mut Order, item_id: &str) -> Option<&'a mut OrderItem> {
    order.items.iter_mut().find(|item| item.id == item_id)
}

/// What cooks call it, with how many: `2× DBL CHZ`.
pub fn label(item: &OrderItem) -> String {
    format!("{}× {}", item.quantity, item.kitchen_name)
}
