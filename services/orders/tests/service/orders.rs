use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::*;
use tonic::Code;

use crate::diner::*;

both_engines!(
    an_order_is_placed_numbered_and_read,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let order = diner.lunch().await;
        assert_eq!(
            (order.number, order.business_date.as_str(), order.version),
            (1, "2026-03-02", 1)
        );
        assert_eq!(order.total, usd(2800));
        assert_eq!(diner.get(100).await, order);
        let second = diner.place(101, vec![want(203, fries(), 1)]).await.unwrap();
        assert_eq!(second.number, 2);
        let again = diner.place(100, vec![want(204, fries(), 1)]).await;
        assert_eq!(again.as_ref().unwrap_err().code(), Code::AlreadyExists);
        assert_eq!(reason(again), "ORDER_EXISTS");
        assert_eq!(
            diner.place(102, vec![want(205, fries(), 1)]).await.unwrap().number,
            3,
            "a refusal uses no number"
        );
    }
);

both_engines!(
    a_dry_run_prices_and_leaves_nothing,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let request = PlaceOrderRequest {
            order_id: id(100),
            location_id: here(),
            dining_option: DiningOption::Takeout.into(),
            items: vec![want(201, burger(), 1)],
            validate_only: true,
            ..PlaceOrderRequest::default()
        };
        let order = diner
            .api
            .place_order(ask(request))
            .await
            .unwrap()
            .into_inner()
            .order
            .unwrap();
        assert_eq!(order.total, usd(1200));
        let gone = diner.api.get_order(ask(GetOrderRequest { order_id: id(100) })).await;
        assert_eq!(reason(gone), "ORDER_NOT_FOUND");
    }
);

both_engines!(lines_are_added_changed_and_voided, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    let request = AddItemsRequest {
        order_id: id(100),
        items: vec![want(203, fries(), 1)],
        validate_only: false,
    };
    let order = diner
        .api
        .add_items(ask(request))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert_eq!((order.version, order.items.len()), (2, 3));

    let request = ChangeItemRequest {
        order_id: id(100),
        item_id: id(201),
        item: Some(NewItem {
            notes: "rare".into(),
            ..want(204, burger(), 3)
        }),
        ..ChangeItemRequest::default()
    };
    let order = diner
        .api
        .change_item(ask(request))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert_eq!((order.version, order.items.len()), (4, 4));
    assert_eq!(order.items[0].notes, "rare");

    let items = vec![ItemQuantity {
        item_id: id(202),
        quantity: 0,
    }];
    let request = VoidItemsRequest {
        order_id: id(100),
        items,
        reason: "cold".into(),
        validate_only: false,
    };
    let order = diner
        .api
        .void_items(ask(request))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert_eq!(
        order.items[1].voided.as_ref().unwrap().by.as_ref().unwrap().kind(),
        ActorKind::Person
    );

    let request = VoidOrderRequest {
        order_id: id(100),
        reason: "left".into(),
        validate_only: false,
    };
    let order = diner
        .api
        .void_order(ask(request.clone()))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert_eq!(order.status(), OrderStatus::Voided);
    let again = diner
        .api
        .void_order(ask(request))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert_eq!(again.version, order.version);
    assert_eq!(diner.get(100).await, again);
});

both_engines!(
    tables_move_and_lines_split_and_merge,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        diner.lunch().await;
        let request = MoveOrderRequest {
            order_id: id(100),
            table: "7".into(),
            ..MoveOrderRequest::default()
        };
        let order = diner
            .api
            .move_order(ask(request))
            .await
            .unwrap()
            .into_inner()
            .order
            .unwrap();
        assert_eq!(order.table, "7");

        let items = vec![ItemQuantity {
            item_id: id(201),
            quantity: 1,
        }];
        let request = MoveItemsRequest {
            order_id: id(100),
            items,
            new_order_id: id(101),
            ..Default::default()
        };
        let split = diner.api.move_items(ask(request)).await.unwrap().into_inner();
        let (order, new) = (split.order.unwrap(), split.to_order.unwrap());
        assert_eq!((order.total, new.total.clone(), new.number), (usd(1600), usd(1200), 2));

        let items = vec![
            ItemQuantity {
                item_id: id(201),
                quantity: 0,
            },
            ItemQuantity {
                item_id: id(202),
                quantity: 0,
            },
        ];
        let request = MoveItemsRequest {
            order_id: id(100),
            items,
            to_order_id: id(101),
            ..Default::default()
        };
        let merged = diner.api.move_items(ask(request)).await.unwrap().into_inner();
        assert_eq!(merged.order.unwrap().status(), OrderStatus::Voided);
        assert_eq!(merged.to_order.unwrap().total, usd(2800));
        assert_eq!(diner.get(100).await.merged_into_order_id, id(101));
        assert_eq!(diner.on_board().await.len(), 1);
    }
);

both_engines!(courses_wait_and_fire, "orders", STEPS, async |lab: Lab| {
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
    let hold = HoldCourseRequest {
        order_id: id(100),
        course: 2,
        validate_only: false,
    };
    let order = diner
        .api
        .hold_course(ask(hold))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert!(order.items[0].fired_at.is_none());
    let fire = FireCourseRequest {
        order_id: id(100),
        course: 2,
        validate_only: false,
    };
    let order = diner
        .api
        .fire_course(ask(fire))
        .await
        .unwrap()
        .into_inner()
        .order
        .unwrap();
    assert!(order.items[0].fired_at.is_some());
});

both_engines!(history_tells_who_did_what, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    diner.bump(100, grill(), &[201]).await.unwrap();
    let request = MoveOrderRequest {
        order_id: id(100),
        table: "7".into(),
        ..MoveOrderRequest::default()
    };
    diner.api.move_order(ask(request)).await.unwrap();
    let mut request = GetOrderHistoryRequest {
        order_id: id(100),
        page_size: 2,
        ..Default::default()
    };
    let first = diner
        .api
        .get_order_history(ask(request.clone()))
        .await
        .unwrap()
        .into_inner();
    let texts: Vec<_> = first.entries.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(texts, ["placed with 2× Burger, 1× Fries", "GRILL bumped 2× Burger"]);
    assert_eq!(first.entries[0].actor.as_ref().unwrap().id, id(1));
    request.page_token = first.next_page_token;
    let last = diner.api.get_order_history(ask(request)).await.unwrap().into_inner();
    assert_eq!(last.entries[0].text, "moved from table 12 to 7");
    assert_eq!(last.next_page_token, "");
});

both_engines!(a_countdown_is_never_oversold, "orders", STEPS, async |lab: Lab| {
    let diner = std::sync::Arc::new(Diner::open(lab).await);
    diner.set_stock(burger(), StockState::Countdown, 7).await;
    let orders: Vec<_> = (0..8_u128)
        .map(|number| {
            let diner = std::sync::Arc::clone(&diner);
            tokio::spawn(async move { diner.place(300 + number, vec![want(400 + number, burger(), 2)]).await })
        })
        .collect();
    let mut sold = 0;
    for order in orders {
        match order.await.unwrap() {
            Ok(_) => sold += 2,
            Err(status) => assert_eq!(reason::<()>(Err(status)), "ITEM_OUT_OF_STOCK"),
        }
    }
    assert_eq!(sold, 6);
    assert_eq!(diner.stock().await[0].remaining, 1);
    let short = diner
        .place(500, vec![want(501, fries(), 1), want(502, burger(), 2)])
        .await;
    assert_eq!(field(short), "items[1].menu_item_id");

    let request = VoidOrderRequest {
        order_id: id(300),
        reason: "oops".into(),
        validate_only: false,
    };
    if diner.api.void_order(ask(request)).await.is_ok() {
        assert_eq!(
            diner.stock().await[0].remaining,
            3,
            "what nobody made can be sold again"
        );
    }
    diner.set_stock(burger(), StockState::Out, 0).await;
    assert_eq!(
        reason(diner.place(503, vec![want(504, burger(), 1)]).await),
        "ITEM_OUT_OF_STOCK"
    );
    diner.set_stock(burger(), StockState::InStock, 0).await;
    diner.place(505, vec![want(506, burger(), 9)]).await.unwrap();
    assert_eq!(diner.stock().await, []);
});

both_engines!(
    two_hands_on_one_order_both_get_through,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = std::sync::Arc::new(Diner::open(lab).await);
        diner.lunch().await;
        let hands: Vec<_> = (0..5_u128)
            .map(|number| {
                let diner = std::sync::Arc::clone(&diner);
                tokio::spawn(async move {
                    let items = vec![want(300 + number, fries(), 1)];
                    let request = AddItemsRequest {
                        order_id: id(100),
                        items,
                        validate_only: false,
                    };
                    diner.api.add_items(ask(request)).await.map(drop)
                })
            })
            .collect();
        for hand in hands {
            hand.await.unwrap().unwrap();
        }
        let order = diner.get(100).await;
        assert_eq!((order.items.len(), order.version), (7, 6));
    }
);
