//! What a thousand tenants and a million orders cost. `scripts/bench scale`, at most five minutes.
//!
//! The same calls, one after the other, in a town with one tenant and 1,000 orders, with 1,000 tenants of 1,000 orders each,
//! and with a tenant that has 1,000,000. What is printed beside each figure is its ratio to the first. The orders of before
//! are written as rows, with an event each, while nobody serves. Arguments: `one` or `split` measures that shape alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the machine's clock")]

use std::time::{Duration, Instant};

use muster_kernel::db::Db;
use muster_proto::orders::v1::{
    BumpOrderRequest, BumpOrderResponse, ListOrdersRequest, ListOrdersResponse, Order, PlaceOrderRequest,
    PlaceOrderResponse, WatchKitchenRequest, watch_kitchen_response,
};
use muster_tests::bench::rows::{handed_out, owner_of};
use muster_tests::client::Caller;
use muster_tests::stories::{two_burgers, until, watch};
use muster_tests::town::{Shape, Town};
use uuid::Uuid;

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const BUMP: &str = "/muster.orders.v1.KitchenService/BumpOrder";
const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
/// Each call is made so often, and the median counts.
const TIMES: usize = 41;
/// A ratio up to this is flat: the machine itself is not steadier.
const FLAT: f64 = 1.5;
/// So much more is flat in any case. The first screen is seen once only, by a process that has just started.
const NOISE: Duration = Duration::from_millis(1);
const NOISE_OF_FIRST: Duration = Duration::from_millis(25);

const FIRST: &str = "watch, the first screen";
/// Whose orders are written, and how many.
struct Stage {
    name: &'static str,
    tenants: u32,
    own: u32,
}

const STAGES: [Stage; 3] = [
    Stage {
        name: "1 tenant, 10^3 orders",
        tenants: 1,
        own: 1_000,
    },
    Stage {
        name: "1,000 tenants, 10^3 orders each",
        tenants: 1_000,
        own: 1_000,
    },
    Stage {
        name: "1,000 tenants, one with 10^6 orders",
        tenants: 1_000,
        own: 1_000_000,
    },
];

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = |word: &str| words.iter().any(|known| known == word);
    let any = said("one") || said("split");
    for (word, shape, name) in [
        ("one", Shape::AllInOne, "one process, SQLite"),
        ("split", Shape::Split, "split, PostgreSQL and Redis"),
    ] {
        if !any || said(word) {
            measure(shape, name).await;
        }
    }
}

async fn measure(shape: Shape, name: &str) {
    let mut town = Town::with_demo(shape).await;
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let placed: PlaceOrderResponse = waiter
        .call_once(PLACE, "scale-first", two_burgers(&town))
        .await
        .unwrap();
    let order = placed.order.expect("an order");
    let (mut first, mut tenants, mut own) = (Vec::new(), 1, 0);
    println!(
        "\n{name}\n{:<40}{:>12}{:>10}{:>10}  verdict",
        "what", "p50 ms", "ratio", "aim"
    );
    for (number, stage) in STAGES.iter().enumerate() {
        let started = Instant::now();
        fill(&town, &order, (tenants, stage.tenants), (own, stage.own)).await;
        (tenants, own) = (stage.tenants, stage.own);
        let filled = started.elapsed();
        town.restart().await;
        println!("{} (filled in {:.0} s)", stage.name, filled.as_secs_f64());
        let seen = calls(&town, &order, number).await;
        for (place, (what, time)) in seen.iter().enumerate() {
            print(what, *time, first.get(place).map(|(_, time)| *time));
        }
        if number == 0 {
            first = seen;
        }
    }
}

fn print(what: &str, time: Duration, first: Option<Duration>) {
    let ms = time.as_secs_f64() * 1000.0;
    let Some(first) = first else {
        return println!("  {what:<38}{ms:>12.2}");
    };
    let ratio = time.as_secs_f64() / first.as_secs_f64();
    let noise = if what == FIRST { NOISE_OF_FIRST } else { NOISE };
    let verdict = if ratio <= FLAT || time <= first + noise {
        "met"
    } else {
        "MISSED"
    };
    println!("  {what:<38}{ms:>12.2}{ratio:>10.2}{FLAT:>10.1}  {verdict}");
}

/// The calls, each with its median.
async fn calls(town: &Town, order: &Order, stage: usize) -> Vec<(&'static str, Duration)> {
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let location_id = town.demo.location_id.clone();
    let at_one = ListOrdersRequest {
        location_id: location_id.clone(),
        ..ListOrdersRequest::default()
    };
    let open = ListOrdersRequest {
        open_only: true,
        ..at_one.clone()
    };
    let of_day = ListOrdersRequest {
        business_date: order.business_date.clone(),
        ..at_one.clone()
    };
    let mut seen = vec![(FIRST, screen(town).await)];
    let mut times = Vec::new();
    for _ in 0..TIMES {
        times.push(screen(town).await);
    }
    seen.push(("watch, one more screen", median(times)));
    let mut placed = Vec::new();
    // What the filling left to be written down, and cold caches, are not what is measured.
    for number in 0..TIMES {
        placed.push(place(&waiter, &format!("scale-before-{stage}-{number}"), two_burgers(town)).await);
    }
    let mut times = Vec::new();
    for number in 0..TIMES {
        let (key, order) = (format!("scale-{stage}-{number}"), two_burgers(town));
        let started = Instant::now();
        placed.push(place(&waiter, &key, order).await);
        times.push(started.elapsed());
    }
    seen.push(("place", median(times)));
    for (what, request) in [
        ("list of one location", at_one),
        ("list of all locations", ListOrdersRequest::default()),
        ("list of what is open", open),
        ("list of a day", of_day),
    ] {
        let mut times = Vec::new();
        for _ in 0..TIMES {
            let started = Instant::now();
            let listed: ListOrdersResponse = waiter.call(LIST, request.clone()).await.expect("orders are listed");
            times.push(started.elapsed());
            assert!(!listed.orders.is_empty(), "{what}");
        }
        seen.push((what, median(times)));
    }
    clear(town, placed).await;
    seen
}

async fn place(waiter: &Caller, key: &str, order: PlaceOrderRequest) -> Order {
    let placed: Result<PlaceOrderResponse, _> = waiter.call_once(PLACE, key, order).await;
    placed.expect("an order is placed").order.expect("the order")
}

/// The kitchen has as much to do in the next stage as it had in this one.
async fn clear(town: &Town, orders: Vec<Order>) {
    let expo = Caller::sign_in(town.channel().await, "juniper", "rosa").await;
    for order in orders {
        let request = BumpOrderRequest {
            order_id: order.id.clone(),
            item_ids: order.items.iter().map(|item| item.id.clone()).collect(),
            force: true,
            ..BumpOrderRequest::default()
        };
        let bumped: Result<BumpOrderResponse, _> = expo.call_once(BUMP, &format!("bump-{}", order.id), request).await;
        bumped.expect("an order is handed out");
    }
}

/// From asking to watch to the snapshot.
async fn screen(town: &Town) -> Duration {
    let cook = Caller::sign_in(town.channel().await, "juniper", "kenji").await;
    let request = WatchKitchenRequest {
        location_id: town.demo.location_id.clone(),
        ..WatchKitchenRequest::default()
    };
    let started = Instant::now();
    let mut screen = watch(&cook, request).await.expect("a screen is opened");
    until(&mut screen, |message| {
        matches!(message.message, Some(watch_kitchen_response::Message::Snapshot(_))).then_some(())
    })
    .await;
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Writes the orders of more tenants, and more of the demo's, while nobody serves.
async fn fill(town: &Town, order: &Order, tenants: (u32, u32), own: (u32, u32)) {
    let db = Db::open("orders", &town.places["orders"]).await.unwrap();
    let (tenant, location) = owner_of(&db, order).await.unwrap();
    handed_out(&db, tenant, location, order, own).await.unwrap();
    for number in tenants.0..tenants.1 {
        let tenant = Uuid::from_u128(0x7E4A47 + u128::from(number));
        handed_out(&db, tenant, tenant, order, (0, 1_000)).await.unwrap();
    }
    db.close().await;
}
