//! How fast it is, beside a limit that is measured in the same run. `make bench`.
//!
//! Absolute figures depend on the machine; the ratios are what to look at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the machine's clock")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use muster_kernel::db::{Db, Reach};
use muster_kernel::exec;
use muster_proto::auth::v1::{CreateLocationRequest, CreateLocationResponse, WhoAmIRequest, WhoAmIResponse};
use muster_proto::orders::v1::{
    PlaceOrderRequest, PlaceOrderResponse, PutStationRequest, PutStationResponse, Station, StationKind,
    WatchKitchenRequest, watch_kitchen_response,
};
use muster_tests::client::Caller;
use muster_tests::stories::{two_burgers, until, watch};
use muster_tests::town::{Shape, Town};
use uuid::Uuid;

const WHO: &str = "/muster.auth.v1.SessionService/WhoAmI";
const OPEN: &str = "/muster.auth.v1.DirectoryService/CreateLocation";
const STATION: &str = "/muster.orders.v1.StationService/PutStation";
const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const WINDOW: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let one = Town::with_demo(Shape::AllInOne).await;
    let split = Town::with_demo(Shape::Split).await;
    gateway(&one, &split).await;
    for (name, town) in [
        ("SQLite, one process", &one),
        ("PostgreSQL, one role per process", &split),
    ] {
        orders(name, town).await;
        kitchen(name, town).await;
    }
}

/// A small read, 64 at once on 4 connections: through the gateway, and round it.
async fn gateway(one: &Town, split: &Town) {
    println!("\nSmall read (WhoAmI), 64 at once");
    let direct = callers(split, Some("auth")).await;
    let direct = rate("  auth called directly", direct, 16).await;
    let through = rate(
        "  through the gateway as its own process",
        callers(split, None).await,
        16,
    )
    .await;
    let inside = rate(
        "  through the gateway, all in one process",
        callers(one, None).await,
        16,
    )
    .await;
    println!(
        "  ratio to direct: {:.2} as its own process, {:.2} in one process",
        through / direct,
        inside / direct
    );
}

async fn callers(town: &Town, service: Option<&str>) -> Vec<Caller> {
    let token = Caller::sign_in(town.channel().await, "juniper", "sam").await.token;
    let mut callers = Vec::new();
    for _ in 0..4 {
        let channel = match service {
            Some(service) => town.channel_to(service).await,
            None => town.channel().await,
        };
        callers.push(Caller {
            channel,
            token: token.clone(),
        });
    }
    callers
}

async fn rate(name: &str, callers: Vec<Caller>, each: usize) -> f64 {
    let ends = Instant::now() + WINDOW;
    let work = callers
        .into_iter()
        .flat_map(|caller| vec![caller; each])
        .map(|caller| async move {
            let mut times = Vec::new();
            while Instant::now() < ends {
                let started = Instant::now();
                caller
                    .call::<_, WhoAmIResponse>(WHO, WhoAmIRequest::default())
                    .await
                    .expect("it answers");
                times.push(started.elapsed());
            }
            times
        });
    report(
        name,
        join_all(work.map(tokio::spawn))
            .await
            .into_iter()
            .flat_map(Result::unwrap)
            .collect(),
    )
}

/// Orders from 16 waiters, in as many restaurants and in one, beside the same rows written by bare SQL.
async fn orders(name: &str, town: &Town) {
    println!("\nOrders, 16 at once, {name}");
    let owner = Caller::sign_in(town.channel().await, "juniper", "olive").await;
    let mut locations = Vec::new();
    for number in 0..16 {
        locations.push(open_location(&owner, number).await);
    }
    let spread = place_at("  through the gateway, 16 restaurants", town, &owner, &locations).await;
    let one = place_at(
        "  through the gateway, one restaurant",
        town,
        &owner,
        std::slice::from_ref(&town.demo.location_id),
    )
    .await;
    let bare = bare_rows(town).await;
    println!(
        "  ratio to bare SQL: {:.2} in 16 restaurants, {:.2} in one",
        spread / bare,
        one / bare
    );
}

/// A restaurant with one station.
async fn open_location(owner: &Caller, number: i32) -> String {
    let display_name = format!("Restaurant {number}");
    let time_zone = "America/New_York".to_owned();
    let request = CreateLocationRequest {
        display_name,
        time_zone,
        ..CreateLocationRequest::default()
    };
    let opened: CreateLocationResponse = owner.call(OPEN, request).await.expect("a location is opened");
    let location_id = opened.location.expect("a location").location_id;
    let station = Station {
        id: Uuid::from_u128(0x57A7 + u128::from(number.unsigned_abs())).to_string(),
        location_id: location_id.clone(),
        name: "GRILL".to_owned(),
        kind: StationKind::Prep as i32,
        default_station: true,
        ..Station::default()
    };
    // Orders hears of the location a moment later.
    loop {
        let request = PutStationRequest {
            station: Some(station.clone()),
            ..PutStationRequest::default()
        };
        match owner.call::<_, PutStationResponse>(STATION, request).await {
            Ok(_) => return location_id,
            Err(status) if status.code() == tonic::Code::NotFound => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(status) => panic!("{status}"),
        }
    }
}

async fn place_at(name: &str, town: &Town, waiter: &Caller, locations: &[String]) -> f64 {
    let ends = Instant::now() + WINDOW;
    let work = (0..16).map(|worker| {
        let location_id = locations[worker % locations.len()].clone();
        let (waiter, order) = (
            waiter.clone(),
            PlaceOrderRequest {
                location_id,
                ..two_burgers(town)
            },
        );
        let alone = locations.len() == 1;
        async move {
            let mut times = Vec::new();
            while Instant::now() < ends {
                let key = format!("bench-{alone}-{worker}-{}", times.len());
                let started = Instant::now();
                let placed = waiter
                    .call_once::<_, PlaceOrderResponse>(PLACE, &key, order.clone())
                    .await;
                placed.expect("an order is placed");
                times.push(started.elapsed());
            }
            times
        }
    });
    report(
        name,
        join_all(work.map(tokio::spawn))
            .await
            .into_iter()
            .flat_map(Result::unwrap)
            .collect(),
    )
}

/// The rows that an order leaves (the order, its event, its idempotency record), each its own statement, in one transaction.
async fn bare_rows(town: &Town) -> f64 {
    let db = Arc::new(Db::open("orders", &town.places["orders"]).await.unwrap());
    let ends = Instant::now() + WINDOW;
    let work = (0..16_u128).map(|worker| {
        let db = Arc::clone(&db);
        async move {
            let tenant = Uuid::from_u128(0xBE7C4 + worker);
            let mut times = Vec::new();
            while Instant::now() < ends {
                let id = Uuid::from_u128((worker << 64) + times.len() as u128 + 1);
                let started = Instant::now();
                write_bare(&db, tenant, id).await.expect("rows are written");
                times.push(started.elapsed());
            }
            times
        }
    });
    let times = join_all(work.map(tokio::spawn))
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    db.close().await;
    report("  the same rows by bare SQL", times)
}

async fn write_bare(db: &Db, tenant: Uuid, id: Uuid) -> Result<(), muster_kernel::db::DbError> {
    let now = chrono::DateTime::UNIX_EPOCH;
    let mut conn = db.write(Reach::Tenant(tenant)).await?;
    let order = "INSERT INTO orders (tenant_id, id, location_id, number, business_date, status, on_board, placed_at, updated_at, \
                 bumped_at, version, state) VALUES ($1, $2, $2, 1, '2026-01-01', 1, FALSE, 0, 0, 0, 1, $3)";
    exec!(
        &mut conn,
        sqlx::query(order).bind(tenant).bind(id).bind(vec![7_u8; 700])
    )?;
    let event = "INSERT INTO events (tenant_id, kind, aggregate_id, version, actor, request_id, at, payload) \
                 VALUES ($1, 'bench', $2, 1, 'bench', 'bench', $3, $4)";
    exec!(
        &mut conn,
        sqlx::query(event).bind(tenant).bind(id).bind(now).bind(vec![7_u8; 500])
    )?;
    let record =
        "INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) VALUES ($1, $2, $2, $3, $4)";
    exec!(
        &mut conn,
        sqlx::query(record)
            .bind(tenant)
            .bind(id.as_bytes().to_vec())
            .bind(vec![7_u8; 800])
            .bind(now)
    )?;
    conn.commit().await
}

/// From the moment an order is sent to the moment a screen has it, with 100 screens watching.
async fn kitchen(name: &str, town: &Town) {
    println!("\nOrder sent → on each of 100 screens, {name}");
    let cook = Caller::sign_in(town.channel().await, "juniper", "kenji").await;
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let mut screens = Vec::new();
    for _ in 0..100 {
        let request = WatchKitchenRequest {
            location_id: town.demo.location_id.clone(),
            ..WatchKitchenRequest::default()
        };
        let mut screen = watch(&cook, request).await.unwrap();
        until(&mut screen, |m| {
            matches!(m.message, Some(watch_kitchen_response::Message::Snapshot(_))).then_some(())
        })
        .await;
        screens.push(screen);
    }
    let mut times = Vec::new();
    for round in 0..30 {
        let started = Instant::now();
        let key = format!("watch-{round}");
        let placed = waiter.call_once::<_, PlaceOrderResponse>(PLACE, &key, two_burgers(town));
        let seen = join_all(screens.iter_mut().map(|screen| async move {
            until(screen, |m| {
                matches!(m.message, Some(watch_kitchen_response::Message::Change(_))).then_some(())
            })
            .await;
            started.elapsed()
        }));
        let (placed, seen) = tokio::join!(placed, seen);
        placed.expect("an order is placed");
        times.extend(seen);
    }
    report("  order to screen", times);
}

/// Prints rate and percentiles, and answers the rate.
fn report(name: &str, mut times: Vec<Duration>) -> f64 {
    times.sort();
    let at = |per_mille: usize| times[(times.len() - 1) * per_mille / 1000].as_secs_f64() * 1000.0;
    let rate = times.len() as f64 / WINDOW.as_secs_f64();
    println!(
        "{name}: {rate:.0}/s, p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms",
        at(500),
        at(950),
        at(990)
    );
    rate
}
