//! What stations and routing rules may be.

use std::collections::HashSet;

use muster_proto::orders::v1::{RoutingRule, Station, StationKind};
use prost_types::FieldMask;

use super::Result;
use super::mask::Mask;
use super::menu::next_version;
use super::routing::Kitchen;
use crate::error::OrdersError;

/// Yellow after 5 minutes, when nothing is said.
pub const WARN_AFTER_SECONDS: i32 = 300;
/// Red after 8 minutes, when nothing is said.
pub const LATE_AFTER_SECONDS: i32 = 480;
/// So many live stations fit in a location.
pub const MOST_STATIONS: usize = 50;
/// So many rules fit in a location.
pub const MOST_RULES: usize = 500;

/// The stations that a Put changes: the one that was put, and the one that is no longer the default.
///
/// # Errors
/// When the station would move, change its kind, be a default that does not prep, or be one too many.
pub fn put_station(kitchen: &Kitchen, new: &Station, mask: Option<&FieldMask>, expected: i64) -> Result<Vec<Station>> {
    const FIELDS: [&str; 6] = [
        "name",
        "kind",
        "warn_after_seconds",
        "late_after_seconds",
        "default_station",
        "sort",
    ];
    let mask = Mask::of(mask, &FIELDS)?;
    let old = kitchen.station(&new.id);
    let mut station = old.unwrap_or(new).clone();
    if station.location_id != new.location_id {
        return Err(OrdersError::Fixed {
            field: "station.location_id".to_owned(),
        });
    }
    if mask.names("kind") && station.kind != new.kind {
        return Err(OrdersError::Fixed {
            field: "station.kind".to_owned(),
        });
    }
    mask.put("name", &mut station.name, &new.name);
    mask.put(
        "warn_after_seconds",
        &mut station.warn_after_seconds,
        &new.warn_after_seconds,
    );
    mask.put(
        "late_after_seconds",
        &mut station.late_after_seconds,
        &new.late_after_seconds,
    );
    mask.put("default_station", &mut station.default_station, &new.default_station);
    mask.put("sort", &mut station.sort, &new.sort);
    or_default(&mut station.warn_after_seconds, WARN_AFTER_SECONDS);
    or_default(
        &mut station.late_after_seconds,
        LATE_AFTER_SECONDS.max(station.warn_after_seconds),
    );
    // Putting a closed station opens it again.
    station.archived = false;
    if station.default_station && station.kind() != StationKind::Prep {
        return Err(OrdersError::DefaultMustPrep {
            field: "station.default_station".to_owned(),
        });
    }
    let others: Vec<&Station> = kitchen.live().filter(|other| other.id != new.id).collect();
    if others.len() >= MOST_STATIONS {
        return Err(OrdersError::Full { most: 50 });
    }
    station.version = next_version(old.map(|old| old.version), expected)?;
    let mut changed: Vec<Station> = if station.default_station {
        others
            .into_iter()
            .filter(|other| other.default_station)
            .map(no_longer_default)
            .collect()
    } else {
        Vec::new()
    };
    changed.push(station);
    Ok(changed)
}

fn no_longer_default(station: &Station) -> Station {
    Station {
        default_station: false,
        version: station.version.saturating_add(1),
        ..station.clone()
    }
}

fn or_default(value: &mut i32, default: i32) {
    if *value == 0 {
        *value = default;
    }
}

/// A station, closed. None when it is closed already.
///
/// # Errors
/// `STATION_BUSY` while it has undone tickets.
pub fn archive_station(station: &Station, busy: bool) -> Result<Option<Station>> {
    if station.archived {
        return Ok(None);
    }
    if busy {
        return Err(OrdersError::StationBusy);
    }
    Ok(Some(Station {
        archived: true,
        ..no_longer_default(station)
    }))
}

/// A rule as a Put makes it.
///
/// # Errors
/// When it would move, name a station that cannot make anything, or be one too many.
pub fn put_rule(kitchen: &Kitchen, new: &RoutingRule, mask: Option<&FieldMask>, expected: i64) -> Result<RoutingRule> {
    const FIELDS: [&str; 7] = [
        "name",
        "priority",
        "item_ids",
        "category_ids",
        "modifier_ids",
        "dining_options",
        "station_ids",
    ];
    let mask = Mask::of(mask, &FIELDS)?;
    let old = kitchen.rules.iter().find(|rule| rule.id == new.id);
    let mut rule = old.unwrap_or(new).clone();
    if rule.location_id != new.location_id {
        return Err(OrdersError::Fixed {
            field: "rule.location_id".to_owned(),
        });
    }
    mask.put("name", &mut rule.name, &new.name);
    mask.put("priority", &mut rule.priority, &new.priority);
    mask.put("item_ids", &mut rule.item_ids, &new.item_ids);
    mask.put("category_ids", &mut rule.category_ids, &new.category_ids);
    mask.put("modifier_ids", &mut rule.modifier_ids, &new.modifier_ids);
    mask.put("dining_options", &mut rule.dining_options, &new.dining_options);
    mask.put("station_ids", &mut rule.station_ids, &new.station_ids);
    let prep: HashSet<&str> = kitchen.live_prep().map(|station| station.id.as_str()).collect();
    if let Some(index) = rule
        .station_ids
        .iter()
        .position(|id| mask.names("station_ids") && !prep.contains(id.as_str()))
    {
        return Err(OrdersError::NotAPrepStation {
            field: format!("rule.station_ids[{index}]"),
        });
    }
    if old.is_none() && kitchen.rules.len() >= MOST_RULES {
        return Err(OrdersError::Full { most: 500 });
    }
    rule.version = next_version(old.map(|old| old.version), expected)?;
    Ok(rule)
}
