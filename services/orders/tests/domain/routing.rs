use muster_orders::domain::routing::{Kitchen, route};
use muster_proto::orders::v1::{DiningOption, RouteStepKind, RoutingRule};

use crate::diner::*;

fn words(kitchen: &Kitchen, item: &str, modifiers: &[&str], option: DiningOption) -> (Vec<String>, Vec<String>) {
    let menu = menu();
    let route = route(kitchen, &menu, &menu.items[item], modifiers, option).unwrap();
    let names = route.station_ids.iter().map(|id| kitchen.name(id).to_owned()).collect();
    (names, route.steps.into_iter().map(|step| step.text).collect())
}

#[test]
fn every_item_lands_somewhere_and_says_why() {
    let egg = fried_egg();
    type Case<'a> = (String, Vec<&'a str>, &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 4] = [
        (
            fries(),
            vec![],
            &["FRY"],
            &["rule 'Fried' matched category Sides → FRY"],
        ),
        (
            beer(),
            vec![],
            &["BAR"],
            &["rule 'Drinks' matched category Drinks → BAR"],
        ),
        (burger(), vec![], &["GRILL"], &["no rule decided → GRILL, the default"]),
        (
            burger(),
            vec![&egg],
            &["GRILL", "FRY"],
            &[
                "no rule decided → GRILL, the default",
                "rule 'Eggs' matched modifier Fried egg → also FRY",
            ],
        ),
    ];
    for (item, modifiers, stations, steps) in cases {
        let (at, why) = words(&kitchen(true), &item, &modifiers, DiningOption::DineIn);
        assert_eq!(
            (at.as_slice(), why.as_slice()),
            (&owned(stations)[..], &owned(steps)[..])
        );
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_dimension_that_is_named_must_match() {
    let mut kitchen = kitchen(false);
    let window = RoutingRule {
        item_ids: vec![fries()],
        dining_options: vec![DiningOption::DriveThru.into()],
        ..rule(40, "Window", &[grill()])
    };
    kitchen = Kitchen::new(kitchen.stations, [kitchen.rules, vec![window]].concat());
    let (at, why) = words(&kitchen, &fries(), &[], DiningOption::DriveThru);
    assert_eq!(
        (at, why),
        (
            owned(&["GRILL"]),
            owned(&["rule 'Window' matched item Fries and drive-thru → GRILL"])
        )
    );
    assert_eq!(words(&kitchen, &fries(), &[], DiningOption::DineIn).0, owned(&["FRY"]));
}

#[test]
fn a_closed_station_is_passed_over_in_words() {
    let mut kitchen = kitchen(false);
    for station in kitchen.stations.iter_mut().filter(|station| station.id == fry()) {
        station.archived = true;
    }
    let (at, why) = words(&kitchen, &fries(), &[], DiningOption::DineIn);
    assert_eq!(at, owned(&["GRILL"]));
    let expected = [
        "rule 'Fried' matched category Sides, but FRY is closed",
        "no rule decided → GRILL, the default",
    ];
    assert_eq!(why, owned(&expected));
}

#[test]
fn without_a_default_the_first_station_makes_it_and_without_a_station_nobody_does() {
    let mut kitchen = kitchen(true);
    kitchen
        .stations
        .iter_mut()
        .for_each(|station| station.default_station = false);
    let menu = menu();
    let burger = &menu.items[&burger()];
    let fallback = route(&kitchen, &menu, burger, &[], DiningOption::DineIn).unwrap();
    assert_eq!(fallback.steps[0].kind(), RouteStepKind::Fallback);
    kitchen.stations.retain(|station| station.id == expo());
    assert_eq!(
        refused(route(&kitchen, &menu, burger, &[], DiningOption::DineIn)),
        "NO_STATION"
    );
}
