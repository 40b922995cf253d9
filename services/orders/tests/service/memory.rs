//! What a process remembers of a location, while it changes. No change tells the memory, so it is as if another process
//! made it.

use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_orders::store::location::{self, Location};
use muster_proto::orders::v1::*;

use crate::diner::*;

impl Diner {
    /// An order of this one item, in a process that remembers what it saw at its last one.
    async fn sell(&self, order: u128, item: String) -> Result<Order, tonic::Status> {
        self.place(order, vec![want(order + 5_000, item, 1)]).await
    }
}

fn stations(order: &Order) -> Vec<&str> {
    let places = order.items[0].preps.iter();
    places.map(|place| place.station_id.as_str()).collect()
}

async fn put_location(diner: &Diner, version: i64, open: bool) {
    let mut unit = diner.lab.unit_of(TENANT);
    let news = Location {
        version,
        open,
        ..Diner::location(HERE)
    };
    location::put(unit.conn().await.unwrap(), TENANT, &news).await.unwrap();
    unit.finish().await.unwrap();
}

both_engines!(
    what_is_out_is_not_sold_from_memory,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        for order in 100..103 {
            diner.sell(order, burger()).await.unwrap();
        }
        diner.set_stock(burger(), StockState::Out, 0).await;
        assert_eq!(reason(diner.sell(103, burger()).await), "ITEM_OUT_OF_STOCK");
        diner.sell(104, fries()).await.unwrap();
        diner.sell(105, fries()).await.unwrap();
        assert_eq!(reason(diner.sell(106, burger()).await), "ITEM_OUT_OF_STOCK");
        diner.set_stock(burger(), StockState::InStock, 0).await;
        diner.sell(107, burger()).await.unwrap();
        diner.sell(108, burger()).await.unwrap();
        diner.set_stock(burger(), StockState::Countdown, 1).await;
        diner.sell(109, burger()).await.unwrap();
        assert_eq!(reason(diner.sell(110, burger()).await), "ITEM_OUT_OF_STOCK");
    }
);

both_engines!(nobody_is_refused_from_memory, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    diner.set_stock(burger(), StockState::Out, 0).await;
    diner.sell(100, fries()).await.unwrap();
    diner.sell(101, fries()).await.unwrap();
    diner.set_stock(burger(), StockState::InStock, 0).await;
    diner.sell(102, burger()).await.unwrap();
    put_location(&diner, 2, false).await;
    assert_eq!(reason(diner.sell(103, burger()).await), "LOCATION_CLOSED");
    put_location(&diner, 3, true).await;
    diner.sell(104, burger()).await.unwrap();
});

both_engines!(
    a_new_price_and_a_new_rule_hold_at_once,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        diner.sell(100, burger()).await.unwrap();
        assert_eq!(diner.sell(101, burger()).await.unwrap().total, usd(1200));
        diner.put_item(31, 21, "Burger", 1500).await;
        assert_eq!(diner.sell(102, burger()).await.unwrap().total, usd(1500));
        let placed = diner.sell(103, burger()).await.unwrap();
        assert_eq!(stations(&placed), [grill()]);
        diner.put_rule(fried(42, "Mains", 21)).await.unwrap();
        let placed = diner.sell(104, burger()).await.unwrap();
        assert_eq!(stations(&placed), [fry()]);
    }
);
