//! What orders writes to its log, and how it reads its own log and that of auth.

use muster_kernel::Error;
use muster_kernel::log::{NewEvent, StoredEvent};
use muster_kernel::time::to_proto;
use muster_proto::auth::v1::{LocationChanged, LocationState};
use muster_proto::orders::v1::{
    Actor, ActorKind, Category, MenuEvent, MenuItem, ModifierGroup, OrderEvent, RoutingRule, Station, StationEvent,
    StockCause, StockChanged, menu_event, station_event,
};
use uuid::Uuid;

use crate::domain::Event;
use crate::domain::order::Meta;
use crate::store::id;
use crate::store::location::Location;
use crate::store::stock::Kept;

/// Something happened to an order: [`OrderEvent`].
pub const ORDER: &str = "orders.order_changed";
/// Something happened to the menu: [`MenuEvent`].
pub const MENU: &str = "orders.menu_changed";
/// Something happened to stations or rules: [`StationEvent`].
pub const STATION: &str = "orders.station_changed";
/// Stock changed: [`StockChanged`].
pub const STOCK: &str = "orders.stock_changed";
/// Auth opened, changed or closed a location: [`LocationChanged`].
pub const LOCATION: &str = "auth.location_changed";

/// An event of an order.
pub fn of_order(order: Uuid, location: Uuid, version: i64, event: Event) -> NewEvent {
    NewEvent::new(ORDER, order, version, &OrderEvent { event: Some(event) }).at_location(location)
}

/// A category as it now is.
///
/// # Errors
/// If its id is not a UUID.
pub fn of_category(category: &Category) -> Result<NewEvent, Error> {
    let event = MenuEvent {
        event: Some(menu_event::Event::CategoryChanged(category.clone())),
    };
    Ok(NewEvent::new(MENU, id(&category.id)?, category.version, &event))
}

/// A menu item as it now is.
///
/// # Errors
/// If its id is not a UUID.
pub fn of_item(item: &MenuItem) -> Result<NewEvent, Error> {
    let event = MenuEvent {
        event: Some(menu_event::Event::ItemChanged(item.clone())),
    };
    Ok(NewEvent::new(MENU, id(&item.id)?, item.version, &event))
}

/// A modifier group as it now is.
///
/// # Errors
/// If its id is not a UUID.
pub fn of_group(group: &ModifierGroup) -> Result<NewEvent, Error> {
    let event = MenuEvent {
        event: Some(menu_event::Event::ModifierGroupChanged(group.clone())),
    };
    Ok(NewEvent::new(MENU, id(&group.id)?, group.version, &event))
}

/// A station as it now is.
///
/// # Errors
/// If an id is not a UUID.
pub fn of_station(station: &Station) -> Result<NewEvent, Error> {
    let event = StationEvent {
        event: Some(station_event::Event::StationChanged(station.clone())),
    };
    Ok(NewEvent::new(STATION, id(&station.id)?, station.version, &event).at_location(id(&station.location_id)?))
}

/// A rule as it now is, or as it was deleted.
///
/// # Errors
/// If an id is not a UUID.
pub fn of_rule(rule: &RoutingRule, deleted: bool) -> Result<NewEvent, Error> {
    let event = if deleted {
        station_event::Event::RuleDeleted(rule.clone())
    } else {
        station_event::Event::RuleChanged(rule.clone())
    };
    let event = StationEvent { event: Some(event) };
    Ok(NewEvent::new(STATION, id(&rule.id)?, rule.version, &event).at_location(id(&rule.location_id)?))
}

/// A level as it now is.
///
/// # Errors
/// If an id is not a UUID.
pub fn of_stock(kept: &Kept, cause: StockCause, order_id: &str) -> Result<NewEvent, Error> {
    let event = StockChanged {
        stock: Some(kept.level.clone()),
        cause: cause.into(),
        order_id: order_id.to_owned(),
    };
    Ok(NewEvent::new(STOCK, kept.id, kept.level.version, &event).at_location(id(&kept.level.location_id)?))
}

/// What the log keeps beside an event.
pub fn meta(stored: &StoredEvent) -> Meta {
    Meta {
        version: stored.version,
        at: to_proto(stored.at),
        actor: actor(&stored.actor),
    }
}

/// Who did it, from the log's `person:…`, `device:…` or `service:…`.
pub fn actor(text: &str) -> Actor {
    let (kind, id) = text.split_once(':').unwrap_or(("", text));
    let kind = match kind {
        "person" => ActorKind::Person,
        "device" => ActorKind::Device,
        "service" => ActorKind::Service,
        _ => ActorKind::Unspecified,
    };
    Actor {
        kind: kind.into(),
        id: id.to_owned(),
    }
}

/// What auth says of a location. None when it says nothing.
///
/// # Errors
/// If an id is not a UUID.
pub fn location(changed: LocationChanged) -> Result<Option<Location>, Error> {
    let Some(location) = changed.location else {
        return Ok(None);
    };
    Ok(Some(Location {
        id: id(&location.location_id)?,
        version: location.version,
        open: location.state() == LocationState::Open,
        name: location.display_name,
        zone: location.time_zone,
        currency: location.currency_code,
        kitchen_revision: 0,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_read_as_the_log_writes_them() {
        let cases = [
            ("person:7", ActorKind::Person, "7"),
            ("device:8", ActorKind::Device, "8"),
            ("service:pos", ActorKind::Service, "pos"),
            ("anonymous", ActorKind::Unspecified, "anonymous"),
        ];
        for (text, kind, id) in cases {
            assert_eq!(
                actor(text),
                Actor {
                    kind: kind.into(),
                    id: id.to_owned()
                }
            );
        }
    }
}
