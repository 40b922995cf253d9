//! What a caller may not see answers exactly as what is not there.

use muster_kernel::both_engines;
use muster_kernel::testing::{Lab, owner};
use muster_orders::STEPS;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::menu_service_server::MenuService;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::station_service_server::StationService;
use muster_proto::orders::v1::*;
use tonic::Status;

use crate::diner::*;

fn bytes<T>(outcome: Result<T, Status>) -> (tonic::Code, String, Vec<u8>) {
    let status = outcome.err().expect("a refusal");
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

both_engines!(strangers_learn_nothing, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    for stranger in [owner(OTHER), worker(THERE)] {
        let get = async |order| {
            diner
                .api
                .get_order(by(&stranger, GetOrderRequest { order_id: id(order) }))
                .await
        };
        assert_eq!(bytes(get(100).await), bytes(get(999).await));
        let void = async |order| {
            let request = VoidOrderRequest {
                order_id: id(order),
                reason: "x".into(),
                validate_only: false,
            };
            diner.api.void_order(by(&stranger, request)).await
        };
        assert_eq!(bytes(void(100).await), bytes(void(999).await));
        let bump = async |order| {
            let item_ids = vec![id(201)];
            let request = BumpItemsRequest {
                order_id: id(order),
                station_id: grill(),
                item_ids,
                validate_only: false,
            };
            diner.api.bump_items(by(&stranger, request)).await
        };
        assert_eq!(bytes(bump(100).await), bytes(bump(999).await));
        let archive = async |station| {
            let request = ArchiveStationRequest {
                station_id: id(station),
                validate_only: false,
            };
            diner.api.archive_station(by(&stranger, request)).await
        };
        assert_eq!(bytes(archive(11).await), bytes(archive(999).await));
        let rule = async |rule| {
            let request = DeleteRoutingRuleRequest {
                rule_id: id(rule),
                validate_only: false,
            };
            diner.api.delete_routing_rule(by(&stranger, request)).await
        };
        assert_eq!(bytes(rule(41).await), bytes(rule(999).await));
        let listed = diner
            .api
            .list_orders(by(&stranger, ListOrdersRequest::default()))
            .await
            .unwrap();
        assert_eq!(listed.into_inner().orders, []);
    }
    let stranger = worker(THERE);
    let stations = async |location| {
        let request = ListStationsRequest {
            location_id: id(location),
            include_archived: false,
        };
        diner.api.list_stations(by(&stranger, request)).await
    };
    assert_eq!(bytes(stations(1).await), bytes(stations(999).await));
    let watch = async |location| {
        let request = WatchKitchenRequest {
            location_id: id(location),
            ..WatchKitchenRequest::default()
        };
        diner.api.watch_kitchen(by(&stranger, request)).await
    };
    assert_eq!(bytes(watch(1).await), bytes(watch(999).await));
    let menu = GetMenuRequest {
        location_id: String::new(),
        include_archived: true,
    };
    assert_eq!(
        diner
            .api
            .get_menu(by(&owner(OTHER), menu))
            .await
            .unwrap()
            .into_inner()
            .items,
        []
    );
    assert_eq!(diner.get(100).await.version, 1);
});

both_engines!(
    lines_do_not_move_to_where_the_caller_may_not_look,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        diner.lunch().await;
        let to = async |order| {
            let items = vec![ItemQuantity {
                item_id: id(201),
                quantity: 1,
            }];
            let request = MoveItemsRequest {
                order_id: id(100),
                items,
                to_order_id: id(order),
                ..Default::default()
            };
            diner.api.move_items(ask(request)).await
        };
        assert_eq!(reason(to(999).await), "ORDER_NOT_FOUND");
        assert_eq!(reason(to(100).await), "SAME_ORDER");
    }
);
