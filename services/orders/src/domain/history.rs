//! What happened to an order, in words.

use muster_proto::orders::v1::{ItemQuantity, Order, OrderItem};

use super::Event;
use super::order::item;
use super::routing::Kitchen;

/// So long is a sentence at most.
const MOST: usize = 2000;

/// The sentence of an event. `before` is the order as it was then.
pub fn describe(before: Option<&Order>, event: &Event, kitchen: &Kitchen) -> String {
    let labels = |ids: &[String]| {
        let label = |id: &String| before.and_then(|order| item::find(order, id)).map(item::label);
        ids.iter().filter_map(label).collect::<Vec<_>>().join(", ")
    };
    let station = |id: &str| kitchen.name(id).to_owned();
    let text = match event {
        Event::Placed(event) if event.items.is_empty() => "opened to take lines of another order".to_owned(),
        Event::Placed(event) => format!("placed with {}", lines(&event.items)),
        Event::ItemsAdded(event) => format!("added {}", lines(&event.items)),
        Event::ItemChanged(event) => {
            let label = event.item.as_ref().map(item::label).unwrap_or_default();
            format!("changed {label}: {}", event.change_text)
        }
        Event::ItemsVoided(event) => format!("voided {}: {}", parts(before, &event.items), event.reason),
        Event::OrderVoided(event) => format!("voided the order: {}", event.reason),
        Event::Moved(event) => format!(
            "moved from table {} to {}",
            or_none(&event.from_table),
            or_none(&event.table)
        ),
        Event::ItemsMovedOut(event) => format!("moved {} to #{}", parts(before, &event.items), event.to_number),
        Event::ItemsMovedIn(event) => format!("took {} from #{}", lines(&event.items), event.from_number),
        Event::CourseHeld(event) => format!("held course {}", event.course),
        Event::CourseFired(event) => format!("fired course {}", event.course),
        Event::ItemsStarted(event) => format!("{} started {}", station(&event.station_id), labels(&event.item_ids)),
        Event::ItemsBumped(event) => format!("{} bumped {}", station(&event.station_id), labels(&event.item_ids)),
        Event::ItemsUnbumped(event) => {
            format!(
                "{} took back its bump of {}",
                station(&event.station_id),
                labels(&event.item_ids)
            )
        }
        Event::TicketRecalled(event) => format!("{} recalled {}", station(&event.station_id), labels(&event.item_ids)),
        Event::ItemsFulfilled(event) => {
            let early = if event.forced { " before it was ready" } else { "" };
            format!("handed out {}{early}", labels(&event.item_ids))
        }
        Event::AllergiesAcknowledged(event) => {
            format!(
                "{} noted the allergies of {}",
                station(&event.station_id),
                labels(&event.item_ids)
            )
        }
    };
    text.chars().take(MOST).collect()
}

fn lines(items: &[OrderItem]) -> String {
    items.iter().map(item::label).collect::<Vec<_>>().join(", ")
}

fn parts(before: Option<&Order>, parts: &[ItemQuantity]) -> String {
    let label = |part: &ItemQuantity| {
        let line = before.and_then(|order| item::find(order, &part.item_id))?;
        Some(format!("{}× {}", part.quantity, line.kitchen_name))
    };
    parts.iter().filter_map(label).collect::<Vec<_>>().join(", ")
}

fn or_none(table: &str) -> &str {
    if table.is_empty() { "none" } else { table }
}
