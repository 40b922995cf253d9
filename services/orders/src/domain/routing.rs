//! Where a line is made, and why there.
//!
//! Every line lands on at least one live prep station, or is refused.

use std::collections::HashSet;

use muster_proto::orders::v1::{
    DiningOption, MenuItem, Route, RouteStep, RouteStepKind, RoutingRule, Station, StationKind,
};

use super::Result;
use super::menu::Menu;
use crate::error::OrdersError;

/// The stations and rules of a location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kitchen {
    /// All stations, closed ones included, in the order in which they are shown.
    pub stations: Vec<Station>,
    /// The rules, in the order in which they are tried.
    pub rules: Vec<RoutingRule>,
}

impl Kitchen {
    /// Puts together a kitchen, sorting what it is given.
    pub fn new(mut stations: Vec<Station>, mut rules: Vec<RoutingRule>) -> Self {
        stations.sort_by(|a, b| (a.sort, &a.name, &a.id).cmp(&(b.sort, &b.name, &b.id)));
        rules.sort_by(|a, b| (a.priority, &a.id).cmp(&(b.priority, &b.id)));
        Self { stations, rules }
    }

    /// A station, closed or not.
    pub fn station(&self, id: &str) -> Option<&Station> {
        self.stations.iter().find(|station| station.id == id)
    }

    /// The stations that are not closed.
    pub fn live(&self) -> impl Iterator<Item = &Station> {
        self.stations.iter().filter(|station| !station.archived)
    }

    /// The live stations at which items are made.
    pub fn live_prep(&self) -> impl Iterator<Item = &Station> {
        self.live().filter(|station| station.kind() == StationKind::Prep)
    }

    /// Orders are put together at a station of their own.
    pub fn has_expo(&self) -> bool {
        self.live().any(|station| station.kind() == StationKind::Expo)
    }

    /// The name of a station, or its id when it is gone.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.station(id).map_or(id, |station| station.name.as_str())
    }

    fn names(&self, ids: &[String]) -> String {
        ids.iter().map(|id| self.name(id)).collect::<Vec<_>>().join(", ")
    }

    fn live_of(&self, rule: &RoutingRule) -> Vec<String> {
        let live: HashSet<&str> = self.live_prep().map(|station| station.id.as_str()).collect();
        rule.station_ids
            .iter()
            .filter(|id| live.contains(id.as_str()))
            .cloned()
            .collect()
    }
}

/// Decides where an item with these modifiers is made.
///
/// # Errors
/// `NO_STATION` when the location has no live prep station.
pub fn route(
    kitchen: &Kitchen,
    menu: &Menu,
    item: &MenuItem,
    modifier_ids: &[&str],
    option: DiningOption,
) -> Result<Route> {
    let mut route = Route::default();
    let adds = |rule: &&RoutingRule| !rule.modifier_ids.is_empty();
    for rule in kitchen.rules.iter().filter(|rule| !adds(rule)) {
        let Some(why) = matched(rule, menu, item, &[], option) else {
            continue;
        };
        if try_rule(&mut route, kitchen, rule, &why, RouteStepKind::Matched) {
            break;
        }
    }
    if route.station_ids.is_empty() {
        fall_back(&mut route, kitchen)?;
    }
    for rule in kitchen.rules.iter().filter(adds) {
        if let Some(why) = matched(rule, menu, item, modifier_ids, option) {
            try_rule(&mut route, kitchen, rule, &why, RouteStepKind::Added);
        }
    }
    Ok(route)
}

/// Takes over the live stations of a rule. False when it has none.
fn try_rule(route: &mut Route, kitchen: &Kitchen, rule: &RoutingRule, why: &str, kind: RouteStepKind) -> bool {
    let station_ids = kitchen.live_of(rule);
    let (kind, text) = if station_ids.is_empty() {
        let closed = kitchen.names(&rule.station_ids);
        (
            RouteStepKind::Skipped,
            format!("rule '{}' {why}, but {closed} is closed", rule.name),
        )
    } else {
        let also = if kind == RouteStepKind::Added { "also " } else { "" };
        (
            kind,
            format!("rule '{}' {why} → {also}{}", rule.name, kitchen.names(&station_ids)),
        )
    };
    for id in &station_ids {
        if !route.station_ids.contains(id) {
            route.station_ids.push(id.clone());
        }
    }
    let decided = !station_ids.is_empty();
    route.steps.push(RouteStep {
        kind: kind.into(),
        text,
        rule_id: rule.id.clone(),
        station_ids,
    });
    decided
}

fn fall_back(route: &mut Route, kitchen: &Kitchen) -> Result<()> {
    let default = kitchen.live_prep().find(|station| station.default_station);
    let (kind, how) = match default {
        Some(_) => (RouteStepKind::Default, "the default"),
        None => (RouteStepKind::Fallback, "the first station, as there is no default"),
    };
    let station = default
        .or_else(|| kitchen.live_prep().next())
        .ok_or(OrdersError::NoStation)?;
    route.station_ids.push(station.id.clone());
    route.steps.push(RouteStep {
        kind: kind.into(),
        text: format!("no rule decided → {}, {how}", station.name),
        rule_id: String::new(),
        station_ids: vec![station.id.clone()],
    });
    Ok(())
}

/// Why the rule matches, in words; none when it does not.
fn matched(
    rule: &RoutingRule,
    menu: &Menu,
    item: &MenuItem,
    modifier_ids: &[&str],
    option: DiningOption,
) -> Option<String> {
    let mut why = Vec::new();
    if !rule.item_ids.is_empty() {
        rule.item_ids.contains(&item.id).then_some(())?;
        why.push(format!("item {}", item.name));
    }
    if !rule.category_ids.is_empty() {
        rule.category_ids.contains(&item.category_id).then_some(())?;
        why.push(format!("category {}", menu.category_name(&item.category_id)));
    }
    if !rule.modifier_ids.is_empty() {
        let id = rule
            .modifier_ids
            .iter()
            .find(|id| modifier_ids.contains(&id.as_str()))?;
        let name = menu
            .modifier(item, id)
            .map_or(id.as_str(), |(_, modifier)| modifier.name.as_str());
        why.push(format!("modifier {name}"));
    }
    if !rule.dining_options.is_empty() {
        rule.dining_options.contains(&option.into()).then_some(())?;
        why.push(option_name(option).to_owned());
    }
    if why.is_empty() {
        Some("matches everything".to_owned())
    } else {
        Some(format!("matched {}", why.join(" and ")))
    }
}

/// What staff call a dining option.
pub fn option_name(option: DiningOption) -> &'static str {
    match option {
        DiningOption::Unspecified => "any",
        DiningOption::DineIn => "dine in",
        DiningOption::Takeout => "takeout",
        DiningOption::Delivery => "delivery",
        DiningOption::Curbside => "curbside",
        DiningOption::DriveThru => "drive-thru",
        DiningOption::Catering => "catering",
    }
}
