//! Changes of orders that come at the same moment and share a transaction: each is done once, and none spoils another's.

use std::sync::Arc;

use futures::future::join_all;
use muster_kernel::both_engines;
use muster_kernel::db::Reach;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::station_service_server::StationService;
use muster_proto::orders::v1::*;
use tonic::Status;

use crate::diner::*;

/// Orders of a burger (1000 and on) and fries (2000 and on).
const ORDERS: std::ops::Range<u128> = 100..124;

async fn crowd(lab: Lab) -> Diner {
    let diner = Diner::open(lab).await;
    for order in ORDERS {
        let lines = vec![want(1000 + order, burger(), 1), want(2000 + order, fries(), 1)];
        diner.place(order, lines).await.unwrap();
    }
    diner
}

async fn move_to(diner: &Diner, order: u128, table: &str) -> Result<(), Status> {
    let request = MoveOrderRequest {
        order_id: id(order),
        table: table.into(),
        ..MoveOrderRequest::default()
    };
    diner.api.move_order(ask(request)).await.map(drop)
}

fn is_done(line: &OrderItem) -> bool {
    line.preps.iter().all(|prep| prep.done_at.is_some())
}

async fn findings(diner: &Diner) -> Vec<String> {
    let mut conn = diner.lab.deps.db.read(Reach::System).await.unwrap();
    let findings = muster_orders::check(&mut conn).await.unwrap();
    conn.rollback().await;
    findings
}

both_engines!(
    two_stations_and_a_waiter_all_have_their_way,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = crowd(lab).await;
        let changes = ORDERS.map(async |order| {
            let (grilled, fried) = ([1000 + order], [2000 + order]);
            let (one, two, moved) = tokio::join!(
                diner.bump(order, grill(), &grilled),
                diner.bump(order, fry(), &fried),
                move_to(&diner, order, "7"),
            );
            assert!(one.is_ok() && two.is_ok() && moved.is_ok(), "{one:?} {two:?} {moved:?}");
        });
        Box::pin(join_all(changes)).await;
        for order in ORDERS {
            let order = diner.get(order).await;
            assert_eq!((order.version, order.table.as_str()), (4, "7"));
            assert!(order.items.iter().all(is_done), "{order:?}");
        }
        assert_eq!(findings(&diner).await, Vec::<String>::new());
    }
);

both_engines!(
    who_is_refused_learns_why_and_the_others_go_on,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = crowd(lab).await;
        let changes = ORDERS.map(async |order| {
            let grilled = [1000 + order];
            match order % 4 {
                0 => reason(diner.bump(order, id(999), &grilled).await),
                1 => reason(diner.bump(order + 500, grill(), &grilled).await),
                2 => reason(diner.bump(order, grill(), &[9]).await),
                _ => {
                    diner.bump(order, grill(), &grilled).await.unwrap();
                    String::new()
                }
            }
        });
        let reasons = Box::pin(join_all(changes)).await;
        let wanted = ["STATION_NOT_FOUND", "ORDER_NOT_FOUND", "ITEM_NOT_FOUND", ""];
        for (order, reason) in ORDERS.zip(&reasons) {
            assert_eq!(reason, wanted[order as usize % 4]);
            let version = if order % 4 == 3 { 2 } else { 1 };
            assert_eq!(diner.get(order).await.version, version);
        }
        assert_eq!(findings(&diner).await, Vec::<String>::new());
    }
);

// What was done comes back to its station while that is closed: it is on a screen that is there, or the one or the other is
// refused.
both_engines!(
    nothing_comes_back_to_a_screen_that_is_gone,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Arc::new(Diner::open(lab).await);
        for order in 100..140_u128 {
            diner
                .put_station(station(12, "FRY", StationKind::Prep, false))
                .await
                .unwrap();
            diner.place(order, vec![want(2000 + order, fries(), 1)]).await.unwrap();
            diner.bump(order, fry(), &[2000 + order]).await.unwrap();
            let request = UnbumpItemsRequest {
                order_id: id(order),
                station_id: fry(),
                item_ids: vec![id(2000 + order)],
                validate_only: false,
            };
            let (api, closing) = (diner.api.clone(), Arc::clone(&diner));
            let back = tokio::spawn(async move { api.unbump_items(ask(request)).await.map(drop) });
            let request = ArchiveStationRequest {
                station_id: fry(),
                validate_only: false,
            };
            let closed = tokio::spawn(async move { closing.api.archive_station(ask(request)).await.map(drop) });
            let (came_back, is_closed) = (back.await.unwrap().is_ok(), closed.await.unwrap().is_ok());
            assert!(
                !(came_back && is_closed) || is_on_a_screen(&diner, order).await,
                "order {order} waits for a closed station"
            );
            let line = [2000 + order];
            let _ = diner.bump(order, fry(), &line).await;
            let _ = diner.bump(order, grill(), &line).await;
        }
    }
);

/// What is still to be made of an order is at stations that are not closed.
async fn is_on_a_screen(diner: &Diner, order: u128) -> bool {
    let request = ListStationsRequest {
        location_id: here(),
        include_archived: false,
    };
    let listed = diner.api.list_stations(ask(request)).await.unwrap().into_inner();
    let live: Vec<_> = listed.stations.into_iter().map(|station| station.id).collect();
    let order = diner.get(order).await;
    let preps = order.items.iter().flat_map(|line| &line.preps);
    preps
        .filter(|prep| prep.done_at.is_none())
        .all(|prep| live.contains(&prep.station_id))
}

both_engines!(
    a_dish_that_many_count_at_once_is_counted_by_each,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let counts = (1..=40).map(|left| diner.set_stock(burger(), StockState::Countdown, left));
        let mut versions: Vec<_> = Box::pin(join_all(counts))
            .await
            .iter()
            .map(|level| level.version)
            .collect();
        versions.sort_unstable();
        assert_eq!(versions, (1..=40).collect::<Vec<_>>());
    }
);
