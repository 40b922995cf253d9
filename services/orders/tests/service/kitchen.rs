use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::*;

use crate::diner::*;

both_engines!(from_the_grill_to_the_guest, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    let request = StartItemsRequest {
        order_id: id(100),
        station_id: grill(),
        item_ids: vec![id(201)],
        validate_only: false,
    };
    let started = diner
        .api
        .start_items(ask(request))
        .await
        .unwrap()
        .into_inner()
        .result
        .unwrap();
    assert_eq!((started.order_version, started.tickets.len()), (2, 3));
    let bumped = diner.bump(100, grill(), &[201]).await.unwrap();
    assert_eq!(bumped.removed_ticket_ids, [format!("{}/{}", id(100), grill())]);
    assert_eq!(
        diner.bump(100, grill(), &[201]).await.unwrap().order_version,
        3,
        "a bump twice is a bump once"
    );

    let mut request = BumpOrderRequest {
        order_id: id(100),
        item_ids: vec![id(201), id(202)],
        force: false,
        validate_only: false,
    };
    assert_eq!(
        reason(diner.api.bump_order(ask(request.clone())).await),
        "ORDER_NOT_READY"
    );
    request.force = true;
    diner.api.bump_order(ask(request)).await.unwrap();
    let order = diner.get(100).await;
    assert_eq!(order.status(), OrderStatus::Fulfilled);
    assert_eq!(diner.on_board().await, []);
});

both_engines!(bumps_are_taken_back_and_recalled, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    diner.bump(100, grill(), &[201]).await.unwrap();
    let request = UnbumpItemsRequest {
        order_id: id(100),
        station_id: grill(),
        item_ids: vec![id(201)],
        validate_only: false,
    };
    let back = diner
        .api
        .unbump_items(ask(request))
        .await
        .unwrap()
        .into_inner()
        .result
        .unwrap();
    assert_eq!(back.tickets.len(), 3);
    diner.bump(100, grill(), &[201]).await.unwrap();
    let recent = ListRecentTicketsRequest {
        location_id: here(),
        station_ids: vec![],
    };
    let tickets = diner
        .api
        .list_recent_tickets(ask(recent.clone()))
        .await
        .unwrap()
        .into_inner()
        .tickets;
    assert_eq!(
        tickets
            .iter()
            .map(|ticket| ticket.station_id.clone())
            .collect::<Vec<_>>(),
        [grill()]
    );
    let request = RecallTicketRequest {
        order_id: id(100),
        station_id: grill(),
        validate_only: false,
    };
    let back = diner
        .api
        .recall_ticket(ask(request))
        .await
        .unwrap()
        .into_inner()
        .result
        .unwrap();
    assert!(back.tickets.iter().any(|ticket| ticket.station_id == grill()));
    diner.bump(100, grill(), &[201]).await.unwrap();
    diner.lab.clock.advance(chrono::TimeDelta::minutes(16));
    assert_eq!(
        diner
            .api
            .list_recent_tickets(ask(recent))
            .await
            .unwrap()
            .into_inner()
            .tickets,
        []
    );
});

both_engines!(allergies_are_noted_first, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let allergic = NewItem {
        guest_allergies: vec![Allergen::Peanuts.into()],
        ..want(201, burger(), 1)
    };
    diner.place(100, vec![allergic]).await.unwrap();
    assert_eq!(
        reason(diner.bump(100, grill(), &[201]).await),
        "ALLERGY_NOT_ACKNOWLEDGED"
    );
    let request = AcknowledgeAllergiesRequest {
        order_id: id(100),
        station_id: grill(),
        item_ids: vec![id(201)],
        validate_only: false,
    };
    diner.api.acknowledge_allergies(ask(request)).await.unwrap();
    diner.bump(100, grill(), &[201]).await.unwrap();
});

both_engines!(all_day_counts_over_orders, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    diner.place(101, vec![want(203, burger(), 3)]).await.unwrap();
    let request = GetAllDayRequest {
        location_id: here(),
        station_ids: vec![],
    };
    let counts = diner.api.get_all_day(ask(request)).await.unwrap().into_inner();
    let counts: Vec<_> = counts
        .items
        .iter()
        .map(|line| (line.name.as_str(), line.quantity))
        .collect();
    assert_eq!(counts, [("Burger", 5), ("Fries", 1)]);
});
