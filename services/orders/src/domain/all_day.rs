//! How many of each item are still to be made, over all orders.

use std::collections::{BTreeMap, HashSet};

use muster_proto::orders::v1::{AllDayLine, AllDayModifier, Order, OrderItem, Prep, PrepState};

use super::order::item;

/// The counts, the most first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AllDay {
    /// Per item.
    pub items: Vec<AllDayLine>,
    /// Per modifier, over all items.
    pub modifiers: Vec<AllDayModifier>,
}

#[derive(Default)]
struct Count {
    name: String,
    quantity: i32,
    started: i32,
    modifiers: BTreeMap<String, (String, i32)>,
}

/// Counts the lines that were sent and are not done at these stations; at all stations, when none is named.
pub fn count<'a>(orders: impl Iterator<Item = &'a Order>, station_ids: &[String]) -> AllDay {
    let wanted: HashSet<&str> = station_ids.iter().map(String::as_str).collect();
    let mut items: BTreeMap<&str, Count> = BTreeMap::new();
    let mut modifiers: BTreeMap<String, (String, i32)> = BTreeMap::new();
    let to_make = |line: &&OrderItem| item::is_live(line) && item::is_fired(line);
    for line in orders.flat_map(|order| &order.items).filter(to_make) {
        let here = |prep: &&Prep| wanted.is_empty() || wanted.contains(prep.station_id.as_str());
        let mut undone = line
            .preps
            .iter()
            .filter(here)
            .filter(|prep| !item::is_done(prep))
            .peekable();
        if undone.peek().is_none() {
            continue;
        }
        let count = items.entry(line.menu_item_id.as_str()).or_default();
        count.name.clone_from(&line.kitchen_name);
        count.quantity = count.quantity.saturating_add(line.quantity);
        if undone.any(|prep| prep.state() == PrepState::Started) {
            count.started = count.started.saturating_add(line.quantity);
        }
        for modifier in &line.modifiers {
            let quantity = modifier.quantity.saturating_mul(line.quantity);
            for counts in [&mut count.modifiers, &mut modifiers] {
                let entry = counts.entry(modifier.modifier_id.clone()).or_default();
                entry.0.clone_from(&modifier.kitchen_name);
                entry.1 = entry.1.saturating_add(quantity);
            }
        }
    }
    let line = |(id, count): (&str, Count)| AllDayLine {
        menu_item_id: id.to_owned(),
        name: count.name,
        quantity: count.quantity,
        started: count.started,
        modifiers: most_first(count.modifiers),
    };
    let mut items: Vec<AllDayLine> = items.into_iter().map(line).collect();
    items.sort_by(|a, b| b.quantity.cmp(&a.quantity).then_with(|| a.name.cmp(&b.name)));
    AllDay {
        items,
        modifiers: most_first(modifiers),
    }
}

fn most_first(counts: BTreeMap<String, (String, i32)>) -> Vec<AllDayModifier> {
    let modifier = |(modifier_id, (name, quantity))| AllDayModifier {
        modifier_id,
        name,
        quantity,
    };
    let mut modifiers: Vec<AllDayModifier> = counts.into_iter().map(modifier).collect();
    modifiers.sort_by(|a, b| b.quantity.cmp(&a.quantity).then_with(|| a.name.cmp(&b.name)));
    modifiers
}
