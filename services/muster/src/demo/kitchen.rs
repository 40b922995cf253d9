//! The stations of the demo kitchen, and which dish goes where.

use muster_proto::orders::v1::station_service_client::StationServiceClient;
use muster_proto::orders::v1::{PutRoutingRuleRequest, PutStationRequest, RoutingRule, Station, StationKind};

use super::menu::{category_id, item_id};
use super::{Client, Demo, fixed_id, once};

const STATIONS: &[(&str, StationKind, i32, i32)] = &[
    ("GRILL", StationKind::Prep, 360, 600),
    ("FRY", StationKind::Prep, 240, 420),
    ("COLD", StationKind::Prep, 180, 360),
    ("BAR", StationKind::Prep, 180, 300),
    ("EXPO", StationKind::Expo, 600, 900),
];

/// Name, categories, items, stations.
type Rule = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// In order of priority.
const RULES: &[Rule] = &[
    (
        "Fish and chips takes two hands",
        &[],
        &["Fish & Chips"],
        &["FRY", "COLD"],
    ),
    ("Fried", &["Sides"], &[], &["FRY"]),
    ("Cold", &["Salads", "Desserts"], &[], &["COLD"]),
    ("Drinks", &["Drinks"], &[], &["BAR"]),
    ("From the grill", &["Burgers", "Mains"], &[], &["GRILL"]),
];

/// Puts the stations in place.
pub(super) async fn set_up(client: &Client, demo: &Demo) -> anyhow::Result<()> {
    let mut stations = StationServiceClient::new(client.clone());
    for (sort, (name, kind, warn, late)) in (0..).zip(STATIONS) {
        let station = Station {
            id: station_id(name),
            location_id: demo.location_id.clone(),
            name: (*name).to_owned(),
            kind: *kind as i32,
            warn_after_seconds: *warn,
            late_after_seconds: *late,
            default_station: *name == "GRILL",
            sort,
            ..Station::default()
        };
        let request = PutStationRequest {
            station: Some(station),
            ..PutStationRequest::default()
        };
        stations.put_station(request).await?;
    }
    Ok(())
}

/// Routes the menu.
pub(super) async fn route(client: &Client, demo: &Demo) -> anyhow::Result<()> {
    let mut stations = StationServiceClient::new(client.clone());
    for (priority, (name, categories, items, to)) in (1..).zip(RULES) {
        let rule = RoutingRule {
            id: fixed_id(&["rule", name]).to_string(),
            location_id: demo.location_id.clone(),
            name: (*name).to_owned(),
            priority: priority * 10,
            category_ids: categories.iter().map(|name| category_id(name)).collect(),
            item_ids: items.iter().map(|name| item_id(name)).collect(),
            station_ids: to.iter().map(|name| station_id(name)).collect(),
            ..RoutingRule::default()
        };
        let request = PutRoutingRuleRequest {
            rule: Some(rule),
            ..PutRoutingRuleRequest::default()
        };
        stations.put_routing_rule(once(&["rule", name], request)).await?;
    }
    Ok(())
}

fn station_id(name: &str) -> String {
    fixed_id(&["station", name]).to_string()
}
