//! The menu as orders read it, and what may be put on it.

use std::collections::{HashMap, HashSet};

use muster_proto::orders::v1::{Category, MenuEvent, MenuItem, Modifier, ModifierGroup, menu_event};
use prost_types::FieldMask;

use super::mask::Mask;
use super::{Result, money};
use crate::error::OrdersError;

/// Everything that a tenant sells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Menu {
    /// The headings by id.
    pub categories: HashMap<String, Category>,
    /// The items by id, archived ones included.
    pub items: HashMap<String, MenuItem>,
    /// The modifier groups by id.
    pub groups: HashMap<String, ModifierGroup>,
}

impl Menu {
    /// Puts together a menu.
    pub fn new(categories: Vec<Category>, items: Vec<MenuItem>, groups: Vec<ModifierGroup>) -> Self {
        Self {
            categories: categories
                .into_iter()
                .map(|category| (category.id.clone(), category))
                .collect(),
            items: items.into_iter().map(|item| (item.id.clone(), item)).collect(),
            groups: groups.into_iter().map(|group| (group.id.clone(), group)).collect(),
        }
    }

    /// Takes over a change.
    pub fn apply(&mut self, event: MenuEvent) {
        match event.event {
            Some(menu_event::Event::CategoryChanged(category)) => {
                self.categories.insert(category.id.clone(), category);
            }
            Some(menu_event::Event::ItemChanged(item)) => {
                self.items.insert(item.id.clone(), item);
            }
            Some(menu_event::Event::ModifierGroupChanged(group)) => {
                self.groups.insert(group.id.clone(), group);
            }
            None => {}
        }
    }

    /// The name of a category, or its id when it is gone.
    pub fn category_name<'a>(&'a self, id: &'a str) -> &'a str {
        self.categories.get(id).map_or(id, |category| category.name.as_str())
    }

    /// The modifier groups of an item, in the order in which they are asked.
    pub fn groups_of<'a>(&'a self, item: &'a MenuItem) -> impl Iterator<Item = &'a ModifierGroup> {
        item.modifier_group_ids.iter().filter_map(|id| self.groups.get(id))
    }

    /// A modifier that the item offers, with its group.
    pub fn modifier<'a>(&'a self, item: &'a MenuItem, id: &str) -> Option<(&'a ModifierGroup, &'a Modifier)> {
        self.groups_of(item)
            .find_map(|group| Some((group, group.modifiers.iter().find(|one| one.id == id)?)))
    }
}

/// What cooks read: the kitchen's own name, or else the name.
pub fn kitchen_name(kitchen_name: &str, name: &str) -> String {
    if kitchen_name.is_empty() {
        name.to_owned()
    } else {
        kitchen_name.to_owned()
    }
}

/// The version after a change, unless somebody else was quicker.
///
/// # Errors
/// `VERSION_MISMATCH`.
pub fn next_version(current: Option<i64>, expected: i64) -> Result<i64> {
    let current = current.unwrap_or(0);
    if expected != 0 && expected != current {
        return Err(OrdersError::VersionMismatch { current });
    }
    Ok(current.saturating_add(1))
}

/// A category as a Put makes it.
///
/// # Errors
/// When the mask names what cannot be changed, or the version is not the expected one.
pub fn put_category(
    old: Option<&Category>,
    new: &Category,
    mask: Option<&FieldMask>,
    expected: i64,
) -> Result<Category> {
    let mask = Mask::of(mask, &["name", "sort"])?;
    let mut category = old.unwrap_or(new).clone();
    mask.put("name", &mut category.name, &new.name);
    mask.put("sort", &mut category.sort, &new.sort);
    category.version = next_version(old.map(|old| old.version), expected)?;
    Ok(category)
}

/// An item as a Put makes it. `menu` tells whether what it names exists.
///
/// # Errors
/// When it names a category or group that is not there, its price is negative, the mask names what cannot be changed, or
/// the version is not the expected one.
pub fn put_item(
    menu: &Menu,
    old: Option<&MenuItem>,
    new: &MenuItem,
    mask: Option<&FieldMask>,
    expected: i64,
) -> Result<MenuItem> {
    const FIELDS: [&str; 8] = [
        "category_id",
        "name",
        "kitchen_name",
        "price",
        "modifier_group_ids",
        "allergens",
        "sort",
        "archived",
    ];
    let mask = Mask::of(mask, &FIELDS)?;
    let mut item = old.unwrap_or(new).clone();
    mask.put("category_id", &mut item.category_id, &new.category_id);
    mask.put("name", &mut item.name, &new.name);
    mask.put("kitchen_name", &mut item.kitchen_name, &new.kitchen_name);
    mask.put("price", &mut item.price, &new.price);
    mask.put(
        "modifier_group_ids",
        &mut item.modifier_group_ids,
        &new.modifier_group_ids,
    );
    mask.put("allergens", &mut item.allergens, &new.allergens);
    mask.put("sort", &mut item.sort, &new.sort);
    mask.put("archived", &mut item.archived, &new.archived);
    if money::units(item.price.as_ref()) < 0 {
        return Err(OrdersError::NegativePrice {
            field: "item.price".to_owned(),
        });
    }
    if !menu.categories.contains_key(&item.category_id) {
        return Err(OrdersError::CategoryNotFound {
            field: "item.category_id".to_owned(),
        });
    }
    for (index, id) in item.modifier_group_ids.iter().enumerate() {
        if !menu.groups.contains_key(id) {
            return Err(OrdersError::ModifierGroupNotFound {
                field: format!("item.modifier_group_ids[{index}]"),
            });
        }
    }
    item.version = next_version(old.map(|old| old.version), expected)?;
    Ok(item)
}

/// A modifier group as a Put makes it.
///
/// # Errors
/// When its numbers do not fit, a modifier is there twice, the mask names what cannot be changed, or the version is not the
/// expected one.
pub fn put_group(
    old: Option<&ModifierGroup>,
    new: &ModifierGroup,
    mask: Option<&FieldMask>,
    expected: i64,
) -> Result<ModifierGroup> {
    let mask = Mask::of(mask, &["name", "min", "max", "modifiers"])?;
    let mut group = old.unwrap_or(new).clone();
    mask.put("name", &mut group.name, &new.name);
    mask.put("min", &mut group.min, &new.min);
    mask.put("max", &mut group.max, &new.max);
    mask.put("modifiers", &mut group.modifiers, &new.modifiers);
    if group.max != 0 && group.max < group.min {
        return Err(OrdersError::BadChoiceRange {
            field: "modifier_group.max".to_owned(),
        });
    }
    let mut seen = HashSet::new();
    for (index, modifier) in group.modifiers.iter().enumerate() {
        if !seen.insert(modifier.id.as_str()) {
            return Err(OrdersError::DuplicateModifier {
                field: format!("modifier_group.modifiers[{index}].id"),
            });
        }
    }
    group.version = next_version(old.map(|old| old.version), expected)?;
    Ok(group)
}
