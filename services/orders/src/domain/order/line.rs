//! A line of an order, made from what was asked for: named, priced, routed, and from then on independent of the menu.

use std::collections::HashSet;

use muster_proto::orders::v1::{
    DiningOption, MenuItem, Modifier, ModifierGroup, NewItem, NewModifier, Order, OrderItem, OrderModifier, PriceStep,
    Route,
};

use super::super::menu::{Menu, kitchen_name};
use super::super::pricing::{Price, price};
use super::super::routing::{Kitchen, route};
use super::super::{Result, money};
use super::{MOST_LINES, item};
use crate::error::OrdersError;

/// What a location sells and where it makes it.
#[derive(Debug, Clone, Copy)]
pub struct Shop<'a> {
    /// What is sold.
    pub menu: &'a Menu,
    /// Where it is made.
    pub kitchen: &'a Kitchen,
    /// What it is paid in.
    pub currency: &'a str,
}

/// Where new ids come from.
pub type Ids<'a> = dyn FnMut() -> String + Send + 'a;

/// Makes the lines of a request. `path` is the name of the field, for example `items`.
///
/// # Errors
/// When an item or modifier is not on the menu, a choice is missing, an id is taken, nobody would make it, or there are too
/// many lines.
pub fn make_all(
    shop: Shop<'_>,
    order: Option<&Order>,
    option: DiningOption,
    new: &[NewItem],
    ids: &mut Ids<'_>,
) -> Result<Vec<OrderItem>> {
    let standing = order.map_or(&[][..], |order| order.items.as_slice());
    if standing.len().saturating_add(new.len()) > MOST_LINES {
        return Err(OrdersError::OrderFull);
    }
    let mut taken: HashSet<String> = standing.iter().map(|line| line.id.clone()).collect();
    let mut lines = Vec::with_capacity(new.len());
    for (index, wanted) in new.iter().enumerate() {
        let field = format!("items[{index}]");
        let id = if wanted.id.is_empty() { ids() } else { wanted.id.clone() };
        if !taken.insert(id.clone()) {
            return Err(OrdersError::ItemExists {
                field: format!("{field}.id"),
            });
        }
        lines.push(make(shop, option, wanted, id, &field)?);
    }
    Ok(lines)
}

/// Makes one line.
///
/// # Errors
/// As [`make_all`].
pub fn make(shop: Shop<'_>, option: DiningOption, wanted: &NewItem, id: String, field: &str) -> Result<OrderItem> {
    let at = format!("{field}.menu_item_id");
    let sold = shop.menu.items.get(&wanted.menu_item_id);
    let sold = sold.ok_or_else(|| OrdersError::MenuItemNotFound { field: at.clone() })?;
    if sold.archived {
        return Err(OrdersError::ItemNotSold {
            field: at,
            name: sold.name.clone(),
        });
    }
    let modifiers = choose(shop.menu, sold, &wanted.modifiers, field)?;
    let base = PriceStep {
        text: sold.name.clone(),
        amount: sold.price.clone(),
    };
    let dressed = dress(shop, option, sold, base, &modifiers, field)?;
    Ok(OrderItem {
        id,
        menu_item_id: sold.id.clone(),
        category_id: sold.category_id.clone(),
        name: sold.name.clone(),
        kitchen_name: kitchen_name(&sold.kitchen_name, &sold.name),
        quantity: wanted.quantity,
        modifiers: dressed.modifiers,
        seat: wanted.seat,
        course: wanted.course,
        notes: wanted.notes.clone(),
        guest_allergies: wanted.guest_allergies.clone(),
        guest_allergy_note: wanted.guest_allergy_note.clone(),
        contains: dressed.contains,
        unit_price: Some(dressed.price.unit),
        price_steps: dressed.price.steps,
        preps: dressed.route.station_ids.iter().map(|id| item::new_prep(id)).collect(),
        route: Some(dressed.route),
        ..OrderItem::default()
    })
}

/// What modifiers make of an item.
pub struct Dressed {
    /// The modifiers as the line keeps them.
    pub modifiers: Vec<OrderModifier>,
    /// What is then in it.
    pub contains: Vec<i32>,
    /// What one then costs.
    pub price: Price,
    /// Where it is then made.
    pub route: Route,
}

/// Prices and routes an item with its modifiers.
///
/// # Errors
/// When the currencies differ or nobody would make it.
pub fn dress(
    shop: Shop<'_>,
    option: DiningOption,
    sold: &MenuItem,
    base: PriceStep,
    modifiers: &[(&Modifier, i32)],
    field: &str,
) -> Result<Dressed> {
    let modifier_ids: Vec<&str> = modifiers.iter().map(|(modifier, _)| modifier.id.as_str()).collect();
    let mut contains = sold.allergens.clone();
    contains.extend(modifiers.iter().flat_map(|(modifier, _)| &modifier.allergens));
    contains.sort_unstable();
    contains.dedup();
    Ok(Dressed {
        modifiers: modifiers
            .iter()
            .map(|(modifier, count)| keep(modifier, *count))
            .collect(),
        contains,
        price: price(base, modifiers, shop.currency, &format!("{field}.menu_item_id"))?,
        route: route(shop.kitchen, shop.menu, sold, &modifier_ids, option)?,
    })
}

fn keep(modifier: &Modifier, quantity: i32) -> OrderModifier {
    OrderModifier {
        modifier_id: modifier.id.clone(),
        name: modifier.name.clone(),
        kitchen_name: kitchen_name(&modifier.kitchen_name, &modifier.name),
        quantity,
    }
}

/// Looks up the modifiers that were chosen, each once with its count, and checks every group's least and most.
///
/// # Errors
/// `MODIFIER_NOT_OFFERED`, `TOO_FEW_MODIFIERS` or `TOO_MANY_MODIFIERS`.
pub fn choose<'a>(
    menu: &'a Menu,
    sold: &'a MenuItem,
    wanted: &[NewModifier],
    field: &str,
) -> Result<Vec<(&'a Modifier, i32)>> {
    let mut chosen: Vec<(&ModifierGroup, &Modifier, i32)> = Vec::with_capacity(wanted.len());
    for (index, one) in wanted.iter().enumerate() {
        let found = menu.modifier(sold, &one.modifier_id);
        let at = || OrdersError::ModifierNotOffered {
            field: format!("{field}.modifiers[{index}].modifier_id"),
        };
        let (group, modifier) = found.ok_or_else(at)?;
        let count = one.quantity.max(1);
        match chosen.iter_mut().find(|(_, same, _)| same.id == modifier.id) {
            Some((_, _, counted)) => *counted = counted.saturating_add(count),
            None => chosen.push((group, modifier, count)),
        }
    }
    for group in menu.groups_of(sold) {
        let count: i32 = chosen
            .iter()
            .filter(|(of, _, _)| of.id == group.id)
            .map(|(_, _, count)| *count)
            .fold(0, i32::saturating_add);
        let (field, name) = (format!("{field}.modifiers"), group.name.clone());
        if count < group.min {
            return Err(OrdersError::TooFewModifiers {
                field,
                group: name,
                least: group.min,
            });
        }
        if group.max != 0 && count > group.max {
            return Err(OrdersError::TooManyModifiers {
                field,
                group: name,
                most: group.max,
            });
        }
    }
    Ok(chosen
        .into_iter()
        .map(|(_, modifier, count)| (modifier, count))
        .collect())
}

/// Refuses a total that Muster does not count.
///
/// # Errors
/// `AMOUNT_TOO_LARGE`.
pub fn check_total(standing: i64, lines: &[OrderItem]) -> Result<()> {
    let units = |line: &OrderItem| money::times(money::units(line.unit_price.as_ref()), line.quantity);
    let total = lines.iter().map(units).fold(standing, i64::saturating_add);
    if total > money::MOST {
        return Err(OrdersError::AmountTooLarge {
            field: "items".to_owned(),
        });
    }
    Ok(())
}
