//! `muster.orders.v1.StationService`.

use muster_proto::orders::v1::*;

use super::{Case, Things, case};

const SERVICE: &str = "orders.v1.StationService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let location = || things.location.clone();
    let station = Station {
        id: things.fry.clone(),
        location_id: location(),
        name: "FRY".to_owned(),
        kind: StationKind::Prep.into(),
        warn_after_seconds: 240,
        late_after_seconds: 420,
        ..Station::default()
    };
    let rule = RoutingRule {
        id: things.rule.clone(),
        location_id: location(),
        name: format!("Fried {}", things.tag),
        priority: 10,
        item_ids: vec![things.fries.clone()],
        category_ids: vec![things.category.clone()],
        station_ids: vec![things.fry.clone()],
        ..RoutingRule::default()
    };
    vec![
        case(
            SERVICE,
            "ListStations",
            "location",
            ListStationsRequest {
                location_id: location(),
                include_archived: false,
            },
        ),
        case(
            SERVICE,
            "PutStation",
            "location",
            PutStationRequest {
                station: Some(station),
                ..PutStationRequest::default()
            },
        ),
        case(
            SERVICE,
            "ArchiveStation",
            "spare",
            ArchiveStationRequest {
                station_id: things.spare.clone(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ListRoutingRules",
            "location",
            ListRoutingRulesRequest {
                location_id: location(),
            },
        ),
        case(
            SERVICE,
            "PutRoutingRule",
            "location",
            PutRoutingRuleRequest {
                rule: Some(rule),
                ..PutRoutingRuleRequest::default()
            },
        ),
        case(
            SERVICE,
            "DeleteRoutingRule",
            "rule",
            DeleteRoutingRuleRequest {
                rule_id: things.rule.clone(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ExplainRoute",
            "location",
            ExplainRouteRequest {
                location_id: location(),
                menu_item_id: things.fries.clone(),
                modifier_ids: vec![things.modifier.clone()],
                dining_option: DiningOption::DineIn.into(),
            },
        ),
    ]
}
