//! The stores by themselves: the schema there and back, writers in each other's way, and news out of order.

use muster_kernel::db::migrate;
use muster_kernel::testing::Lab;
use muster_kernel::{both_engines, log};
use muster_orders::STEPS;
use muster_orders::domain::order::fold;
use muster_orders::events::meta;
use muster_orders::store::location::{self, Location};
use muster_orders::store::numbers::Numbers;
use muster_orders::store::stock::Kept;
use muster_orders::store::{order, stock};
use muster_proto::orders::v1::{OrderEvent, StockLevel, StockState};
use uuid::Uuid;

use crate::diner::*;

both_engines!(the_schema_goes_up_and_down_and_up, "orders", STEPS, async |lab: Lab| {
    lab.deps.db.close().await;
    migrate::down("orders", STEPS, &lab.target, 0).await.unwrap();
    migrate::up("orders", STEPS, &lab.target).await.unwrap();
    let states = migrate::status("orders", STEPS, &lab.target).await.unwrap();
    assert!(states.iter().all(|step| step.applied), "{states:?}");
});

both_engines!(
    an_order_is_written_over_the_version_that_was_read,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let mut order = diner.lunch().await;
        order.version = 2;
        let mut unit = diner.lab.unit_of(TENANT);
        let over_the_first = || order::changed_row(&order, 1, true).unwrap();
        unit.write(over_the_first()).await.unwrap();
        let late = unit.write(over_the_first()).await.unwrap_err();
        assert_eq!(late.reason, "CONFLICT");
        let conn = unit.conn().await.unwrap();
        assert_eq!(order::find(conn, OTHER, Uuid::from_u128(100)).await.unwrap(), None);
        assert_eq!(
            order::last_number(conn, TENANT, HERE, &order.business_date)
                .await
                .unwrap(),
            order.number
        );
        let again = unit.write(order::new_row(&order, true).unwrap()).await.unwrap_err();
        assert_eq!(again.reason, "ORDER_EXISTS");
    }
);

both_engines!(
    a_level_is_written_over_the_version_before,
    "orders",
    STEPS,
    async |lab: Lab| {
        let mut unit = lab.unit_of(TENANT);
        let conn = unit.conn().await.unwrap();
        let kept = |id: u128, version| Kept {
            id: Uuid::from_u128(id),
            level: StockLevel {
                location_id: here(),
                menu_item_id: burger(),
                state: StockState::Out.into(),
                version,
                ..StockLevel::default()
            },
        };
        stock::put(conn, TENANT, &kept(1, 1)).await.unwrap();
        stock::put(conn, TENANT, &kept(1, 2)).await.unwrap();
        for late in [kept(1, 2), kept(1, 4), kept(2, 3)] {
            assert_eq!(stock::put(conn, TENANT, &late).await.unwrap_err().reason, "CONFLICT");
        }
        assert_eq!(stock::list(conn, TENANT, HERE).await.unwrap(), [kept(1, 2)]);
        assert_eq!(stock::list(conn, TENANT, THERE).await.unwrap(), []);
    }
);

both_engines!(
    old_news_of_a_location_is_passed_over,
    "orders",
    STEPS,
    async |lab: Lab| {
        let mut unit = lab.unit_of(TENANT);
        let conn = unit.conn().await.unwrap();
        let news = |version, name: &str| Location {
            version,
            name: name.into(),
            ..Diner::location(HERE)
        };
        for news in [news(1, "first"), news(3, "third"), news(2, "second")] {
            location::put(conn, TENANT, &news).await.unwrap();
        }
        assert!(location::revise_kitchen(conn, TENANT, HERE).await.unwrap());
        assert!(!location::revise_kitchen(conn, TENANT, THERE).await.unwrap());
        location::put(conn, TENANT, &news(4, "fourth")).await.unwrap();
        let found = location::find(conn, TENANT, HERE).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.kitchen_revision), ("fourth", 1));
    }
);

both_engines!(the_row_is_the_fold_of_the_log, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.lunch().await;
    diner.bump(100, grill(), &[201]).await.unwrap();
    diner.bump(100, fry(), &[202]).await.unwrap();
    diner.bump(100, expo(), &[201, 202]).await.unwrap();
    let mut unit = diner.lab.unit_of(TENANT);
    let stored = log::history(unit.conn().await.unwrap(), TENANT, Uuid::from_u128(100), 0, 100)
        .await
        .unwrap();
    let events: Vec<_> = stored
        .iter()
        .map(|stored| (stored.decode::<OrderEvent>().unwrap().event.unwrap(), meta(stored)))
        .collect();
    let folded = fold(events.iter().map(|(event, meta)| (event, meta))).unwrap();
    drop(unit);
    assert_eq!(folded, diner.get(100).await);
});

both_engines!(
    the_check_finds_a_row_that_was_tampered_with,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let order = diner.lunch().await;
        diner.bump(100, grill(), &[201]).await.unwrap();
        let check = async |conn: &mut muster_kernel::db::Conn| muster_orders::check(conn).await.unwrap();
        let mut conn = diner.lab.deps.db.write(muster_kernel::db::Reach::System).await.unwrap();
        assert_eq!(check(&mut conn).await, Vec::<String>::new());
        let row = order::changed_row(&order, 2, true).unwrap();
        row.many.run(&mut conn, &[(TENANT, &row.values)]).await.unwrap();
        assert_eq!(
            check(&mut conn).await,
            [format!("order {}: its row is not the fold of its events", id(100))]
        );
        conn.rollback().await;
    }
);

both_engines!(a_closed_location_takes_no_orders, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let mut unit = diner.lab.unit_of(TENANT);
    let closed = Location {
        version: 2,
        open: false,
        ..Diner::location(HERE)
    };
    location::put(unit.conn().await.unwrap(), TENANT, &closed)
        .await
        .unwrap();
    unit.finish().await.unwrap();
    assert_eq!(
        reason(diner.place(100, vec![want(201, burger(), 1)]).await),
        "LOCATION_CLOSED"
    );
});

both_engines!(
    who_runs_again_gets_a_number_beside_those_on_their_way,
    "orders",
    STEPS,
    async |lab: Lab| {
        let (numbers, day) = (Numbers::default(), "2026-03-02");
        let mut on_its_way = lab.shared_unit_of(TENANT);
        assert_eq!(numbers.next(&mut on_its_way, HERE, day).await.unwrap(), 1);
        let mut alone = lab.unit_of(TENANT);
        assert_eq!(numbers.next(&mut alone, HERE, day).await.unwrap(), 2);
        drop(alone);
        let mut later = lab.shared_unit_of(TENANT);
        assert_eq!(numbers.next(&mut later, HERE, day).await.unwrap(), 3);
        assert_eq!(numbers.next(&mut later, THERE, day).await.unwrap(), 1);
    }
);
