//! Changing a line. What is made is never made again: more of it is a new line.

use muster_proto::orders::v1::{
    ChangeItemRequest, ItemChanged, ItemsAdded, NewItem, NewModifier, Order, OrderItem, OrderModifier, PriceStep,
};

use super::super::mask::Mask;
use super::super::{Event, Result, money};
use super::line::{Ids, Shop, check_total, choose, dress, make};
use super::{MOST_LINES, item, must_stand};
use crate::error::OrdersError;

const FIELDS: [&str; 6] = [
    "quantity",
    "modifiers",
    "notes",
    "seat",
    "guest_allergies",
    "guest_allergy_note",
];

/// What changing a line comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// What happens.
    pub events: Vec<Event>,
    /// The new line, of which stock is to be taken.
    pub added: Option<OrderItem>,
    /// So many of the line, unmade, which stock gets back.
    pub returned: i32,
}

/// Changes a line.
///
/// # Errors
/// `ITEM_NOT_FOUND`, `ITEM_VOIDED`, `ITEM_ALREADY_MADE` for what every station is done with, `ITEM_STARTED` for less of
/// what one has started, or as for a new line.
pub fn change_item(
    shop: Shop<'_>,
    order: &Order,
    request: &ChangeItemRequest,
    wanted: &NewItem,
    ids: &mut Ids<'_>,
) -> Result<Change> {
    must_stand(order)?;
    let mask = Mask::of(request.update_mask.as_ref(), &FIELDS)?;
    let old = item::find(order, &request.item_id);
    let old = old.ok_or_else(|| OrdersError::ItemNotFound {
        field: "item_id".to_owned(),
    })?;
    if !item::is_live(old) {
        return Err(OrdersError::ItemVoided {
            field: "item_id".to_owned(),
        });
    }
    if wanted.menu_item_id != old.menu_item_id {
        return Err(OrdersError::Fixed {
            field: "item.menu_item_id".to_owned(),
        });
    }
    let mut new = old.clone();
    mask.put("seat", &mut new.seat, &wanted.seat);
    mask.put("notes", &mut new.notes, &wanted.notes);
    mask.put("guest_allergies", &mut new.guest_allergies, &wanted.guest_allergies);
    mask.put(
        "guest_allergy_note",
        &mut new.guest_allergy_note,
        &wanted.guest_allergy_note,
    );
    if mask.names("modifiers") && !same_modifiers(&old.modifiers, &wanted.modifiers) {
        redress(shop, order, &mut new, &wanted.modifiers)?;
    }
    let quantity = if mask.names("quantity") {
        wanted.quantity
    } else {
        old.quantity
    };
    let seat_only = OrderItem {
        seat: old.seat,
        ..new.clone()
    } == *old;
    if !seat_only && (item::is_made(old) || old.fulfilled_at.is_some()) {
        return Err(OrdersError::ItemAlreadyMade {
            name: old.kitchen_name.clone(),
        });
    }
    reask_allergies(old, &mut new);

    let mut change = Change::default();
    if quantity < old.quantity {
        if item::is_touched(old) {
            return Err(OrdersError::ItemStarted {
                name: old.kitchen_name.clone(),
            });
        }
        change.returned = old.quantity.saturating_sub(quantity);
        new.quantity = quantity;
        new.voided_quantity = new.voided_quantity.saturating_add(change.returned);
    }
    let others = money::units(order.total.as_ref()).saturating_sub(money::units(old.line_total.as_ref()));
    check_total(others, std::slice::from_ref(&new))?;
    if new != *old {
        let change_text = describe(old, &new);
        change.events.push(Event::ItemChanged(ItemChanged {
            item: Some(new.clone()),
            change_text,
        }));
    }
    if quantity > old.quantity {
        let more = more_of(
            shop,
            order,
            &new,
            quantity.saturating_sub(old.quantity),
            &wanted.id,
            ids,
        )?;
        check_total(others, &[new, more.clone()])?;
        change.events.push(Event::ItemsAdded(ItemsAdded {
            items: vec![more.clone()],
        }));
        change.added = Some(more);
    }
    Ok(change)
}

/// Prices and routes the line anew. The base price stays as it was frozen. Stations that have begun stay on the route.
fn redress(shop: Shop<'_>, order: &Order, line: &mut OrderItem, wanted: &[NewModifier]) -> Result<()> {
    let at = || OrdersError::MenuItemNotFound {
        field: "item.menu_item_id".to_owned(),
    };
    let sold = shop.menu.items.get(&line.menu_item_id).ok_or_else(at)?;
    let modifiers = choose(shop.menu, sold, wanted, "item")?;
    let frozen = PriceStep {
        text: line.name.clone(),
        amount: sold.price.clone(),
    };
    let base = line.price_steps.first().cloned().unwrap_or(frozen);
    let dressed = dress(shop, order.dining_option(), sold, base, &modifiers, "item")?;
    line.modifiers = dressed.modifiers;
    line.contains = dressed.contains;
    line.unit_price = Some(dressed.price.unit);
    line.price_steps = dressed.price.steps;
    let stays = |prep: &muster_proto::orders::v1::Prep| {
        dressed.route.station_ids.contains(&prep.station_id) || prep.state() != muster_proto::orders::v1::PrepState::New
    };
    line.preps.retain(stays);
    for station_id in &dressed.route.station_ids {
        if item::prep(line, station_id).is_none() {
            line.preps.push(item::new_prep(station_id));
        }
    }
    line.route = Some(dressed.route);
    Ok(())
}

/// Stations that are not done must take note anew when what the guest must not eat, or what is in it, changed.
fn reask_allergies(old: &OrderItem, new: &mut OrderItem) {
    let same = old.guest_allergies == new.guest_allergies
        && old.guest_allergy_note == new.guest_allergy_note
        && old.contains == new.contains;
    if !same {
        for prep in new.preps.iter_mut().filter(|prep| !item::is_done(prep)) {
            prep.allergy_acknowledged_at = None;
        }
    }
}

/// A new line with so many more of the same, at today's price.
fn more_of(
    shop: Shop<'_>,
    order: &Order,
    line: &OrderItem,
    quantity: i32,
    id: &str,
    ids: &mut Ids<'_>,
) -> Result<OrderItem> {
    if order.items.len() >= MOST_LINES {
        return Err(OrdersError::OrderFull);
    }
    let id = if id.is_empty() { ids() } else { id.to_owned() };
    if item::find(order, &id).is_some() {
        return Err(OrdersError::ItemExists {
            field: "item.id".to_owned(),
        });
    }
    let same = |one: &OrderModifier| NewModifier {
        modifier_id: one.modifier_id.clone(),
        quantity: one.quantity,
    };
    let wanted = NewItem {
        id: id.clone(),
        menu_item_id: line.menu_item_id.clone(),
        quantity,
        modifiers: line.modifiers.iter().map(same).collect(),
        seat: line.seat,
        course: line.course,
        notes: line.notes.clone(),
        guest_allergies: line.guest_allergies.clone(),
        guest_allergy_note: line.guest_allergy_note.clone(),
    };
    make(shop, order.dining_option(), &wanted, id, "item")
}

fn same_modifiers(old: &[OrderModifier], wanted: &[NewModifier]) -> bool {
    let count = |id: &str| -> i32 {
        wanted
            .iter()
            .filter(|one| one.modifier_id == id)
            .map(|one| one.quantity.max(1))
            .fold(0, i32::saturating_add)
    };
    old.iter().all(|one| count(&one.modifier_id) == one.quantity)
        && wanted
            .iter()
            .all(|one| old.iter().any(|kept| kept.modifier_id == one.modifier_id))
}

/// What the line was like, as far as it differs: `was 3×, no onion`.
fn describe(old: &OrderItem, new: &OrderItem) -> String {
    let mut was = Vec::new();
    if old.quantity != new.quantity {
        was.push(format!("{}×", old.quantity));
    }
    if old.modifiers != new.modifiers {
        let names: Vec<&str> = old.modifiers.iter().map(|one| one.kitchen_name.as_str()).collect();
        was.push(if names.is_empty() {
            "plain".to_owned()
        } else {
            names.join(", ")
        });
    }
    if old.notes != new.notes {
        was.push(if old.notes.is_empty() {
            "without a note".to_owned()
        } else {
            format!("\"{}\"", old.notes)
        });
    }
    if old.seat != new.seat {
        was.push(if old.seat == 0 {
            "without a seat".to_owned()
        } else {
            format!("seat {}", old.seat)
        });
    }
    if old.guest_allergies != new.guest_allergies || old.guest_allergy_note != new.guest_allergy_note {
        was.push(
            if item::has_allergies(old) {
                "other allergies"
            } else {
                "without allergies"
            }
            .to_owned(),
        );
    }
    // Fifty modifiers of forty letters are more than a ticket shows, and than the contract keeps.
    format!("was {}", was.join(", ")).chars().take(1000).collect()
}
