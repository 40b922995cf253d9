use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::station_service_server::StationService;
use muster_proto::orders::v1::*;
use prost_types::FieldMask;

use crate::diner::*;

fn rule(number: u128, station_ids: Vec<String>) -> RoutingRule {
    let (id, location_id, name) = (id(number), here(), "Rule".to_owned());
    RoutingRule {
        id,
        location_id,
        name,
        station_ids,
        ..RoutingRule::default()
    }
}

async fn stations(diner: &Diner, include_archived: bool) -> Vec<Station> {
    let request = ListStationsRequest {
        location_id: here(),
        include_archived,
    };
    diner
        .api
        .list_stations(ask(request))
        .await
        .unwrap()
        .into_inner()
        .stations
}

both_engines!(
    without_a_station_nothing_is_placed,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        for number in [11, 12] {
            let request = ArchiveStationRequest {
                station_id: id(number),
                validate_only: false,
            };
            diner.api.archive_station(ask(request)).await.unwrap();
        }
        assert_eq!(
            reason(diner.place(100, vec![want(201, burger(), 1)]).await),
            "NO_STATION"
        );
    }
);

both_engines!(there_is_one_default_station, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner
        .put_station(station(12, "FRY", StationKind::Prep, true))
        .await
        .unwrap();
    let defaults: Vec<_> = stations(&diner, false)
        .await
        .into_iter()
        .filter(|one| one.default_station)
        .collect();
    assert_eq!(
        defaults.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        ["FRY"]
    );
    assert_eq!(
        (defaults[0].warn_after_seconds, defaults[0].late_after_seconds),
        (300, 480)
    );
    let order = diner.lunch().await;
    assert_eq!(
        order.items[0].route.as_ref().unwrap().station_ids,
        [fry()],
        "the kitchen in memory is not an old one"
    );

    let expo = station(14, "EXPO", StationKind::Expo, true);
    assert_eq!(reason(diner.put_station(expo).await), "DEFAULT_MUST_PREP");
    assert_eq!(
        reason(diner.put_station(station(14, "EXPO", StationKind::Prep, false)).await),
        "FIELD_IS_FIXED"
    );
    let moved = Station {
        location_id: THERE.to_string(),
        ..station(11, "GRILL", StationKind::Prep, false)
    };
    assert_eq!(reason(diner.put_station(moved).await), "FIELD_IS_FIXED");
    let nowhere = Station {
        location_id: id(9),
        ..station(19, "GRILL", StationKind::Prep, false)
    };
    assert_eq!(reason(diner.put_station(nowhere).await), "LOCATION_NOT_FOUND");
});

both_engines!(a_station_with_work_stays, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner
        .place(
            100,
            vec![NewItem {
                course: 2,
                ..want(201, burger(), 1)
            }],
        )
        .await
        .unwrap();
    let request = ArchiveStationRequest {
        station_id: grill(),
        validate_only: false,
    };
    assert_eq!(
        reason(diner.api.archive_station(ask(request.clone())).await),
        "STATION_BUSY"
    );
    diner.bump(100, grill(), &[201]).await.unwrap();
    let station = diner
        .api
        .archive_station(ask(request.clone()))
        .await
        .unwrap()
        .into_inner()
        .station
        .unwrap();
    assert!(station.archived && !station.default_station);
    diner.api.archive_station(ask(request)).await.unwrap();
    assert_eq!(
        (stations(&diner, false).await.len(), stations(&diner, true).await.len()),
        (2, 3)
    );
    let missing = ArchiveStationRequest {
        station_id: id(99),
        validate_only: false,
    };
    assert_eq!(
        reason(diner.api.archive_station(ask(missing)).await),
        "STATION_NOT_FOUND"
    );
});

both_engines!(rules_come_go_and_come_back, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    assert_eq!(
        reason(diner.put_rule(rule(42, vec![expo()])).await),
        "NOT_A_PREP_STATION"
    );
    assert_eq!(diner.put_rule(rule(42, vec![grill()])).await.unwrap().version, 1);
    let list = async || {
        let request = ListRoutingRulesRequest { location_id: here() };
        diner
            .api
            .list_routing_rules(ask(request))
            .await
            .unwrap()
            .into_inner()
            .rules
            .len()
    };
    assert_eq!(list().await, 2);
    let delete = DeleteRoutingRuleRequest {
        rule_id: id(42),
        validate_only: false,
    };
    diner.api.delete_routing_rule(ask(delete.clone())).await.unwrap();
    assert_eq!(
        reason(diner.api.delete_routing_rule(ask(delete)).await),
        "ROUTING_RULE_NOT_FOUND"
    );
    assert_eq!(list().await, 1);
    assert_eq!(diner.put_rule(rule(42, vec![grill()])).await.unwrap().version, 3);
    let mask = FieldMask {
        paths: vec!["priority".into()],
    };
    let request = PutRoutingRuleRequest {
        rule: Some(RoutingRule {
            priority: 9,
            ..rule(42, vec![expo()])
        }),
        update_mask: Some(mask),
        ..Default::default()
    };
    let masked = diner
        .api
        .put_routing_rule(ask(request))
        .await
        .unwrap()
        .into_inner()
        .rule
        .unwrap();
    assert_eq!(
        (masked.priority, masked.station_ids, masked.version),
        (9, vec![grill()], 4)
    );
});

both_engines!(a_route_is_explained, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let mut request = ExplainRouteRequest {
        location_id: here(),
        menu_item_id: fries(),
        modifier_ids: vec![id(51)],
        dining_option: DiningOption::DineIn.into(),
    };
    let route = diner
        .api
        .explain_route(ask(request.clone()))
        .await
        .unwrap()
        .into_inner()
        .route
        .unwrap();
    assert_eq!(route.steps[0].text, "rule 'Fried' matched category Sides → FRY");
    request.modifier_ids = vec![id(99)];
    assert_eq!(
        reason(diner.api.explain_route(ask(request)).await),
        "MODIFIER_NOT_OFFERED"
    );
});

// A station is closed while orders come in: each line lands on a screen that is there, or the station stays.
both_engines!(
    nothing_is_sent_to_a_screen_that_is_gone,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = std::sync::Arc::new(Diner::open(lab).await);
        for round in 0..6_u128 {
            diner
                .put_station(station(12, "FRY", StationKind::Prep, false))
                .await
                .unwrap();
            let orders: Vec<_> = (0..6_u128)
                .map(|number| {
                    let (diner, number) = (std::sync::Arc::clone(&diner), 1000 + round * 10 + number);
                    tokio::spawn(async move {
                        diner
                            .place(number, vec![want(5000 + number, fries(), 1)])
                            .await
                            .map(drop)
                    })
                })
                .collect();
            let request = ArchiveStationRequest {
                station_id: fry(),
                validate_only: false,
            };
            let _ = diner.api.archive_station(ask(request)).await;
            for order in orders {
                order.await.unwrap().unwrap();
            }
            let live: Vec<_> = stations(&diner, false)
                .await
                .into_iter()
                .map(|station| station.id)
                .collect();
            for order in diner.on_board().await {
                for prep in order.items.iter().flat_map(|line| &line.preps) {
                    assert!(
                        live.contains(&prep.station_id),
                        "order {} waits for a closed station",
                        order.number
                    );
                }
                let request = VoidOrderRequest {
                    order_id: order.id.clone(),
                    reason: "test".into(),
                    validate_only: false,
                };
                diner.api.void_order(ask(request)).await.unwrap();
                let item = order.items[0].id.clone();
                for station_id in [order.items[0].preps[0].station_id.clone(), expo()] {
                    let request = BumpItemsRequest {
                        order_id: order.id.clone(),
                        station_id,
                        item_ids: vec![item.clone()],
                        validate_only: false,
                    };
                    diner.api.bump_items(ask(request)).await.unwrap();
                }
            }
        }
    }
);
