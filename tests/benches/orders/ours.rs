//! Orders through the gateway, with a token, a key and every check.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use muster_proto::auth::v1::{CreateLocationRequest, CreateLocationResponse};
use muster_proto::orders::v1::{
    PlaceOrderRequest, PlaceOrderResponse, PutStationRequest, PutStationResponse, Station, StationKind,
};
use muster_tests::client::Caller;
use muster_tests::stories::two_burgers;
use muster_tests::town::Town;
use tonic::{Code, Status};
use uuid::Uuid;

use super::{Pace, WINDOW};

const OPEN: &str = "/muster.auth.v1.DirectoryService/CreateLocation";
const STATION: &str = "/muster.orders.v1.StationService/PutStation";
const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";

/// Sixteen restaurants of one owner, and somebody who places orders on a few connections.
pub struct Shop {
    waiters: Vec<Caller>,
    orders: Vec<PlaceOrderRequest>,
    next: AtomicU64,
}

impl Shop {
    /// Opens the restaurants.
    pub async fn open(town: &Town) -> Self {
        let owner = Caller::sign_in(town.channel().await, "juniper", "olive").await;
        let mut orders = Vec::new();
        for number in 0..16 {
            let location_id = open_location(&owner, number).await;
            orders.push(PlaceOrderRequest {
                location_id,
                ..two_burgers(town)
            });
        }
        let mut waiters = Vec::new();
        for _ in 0..4 {
            let (channel, token) = (town.channel().await, owner.token.clone());
            waiters.push(Caller { channel, token });
        }
        let next = AtomicU64::new(0);
        Self { waiters, orders, next }
    }

    /// So many clients, each of whom places the next order when the last was answered.
    pub async fn place(&self, clients: usize, spread: bool) -> Pace {
        let ends = Instant::now() + WINDOW;
        let work = (0..clients).map(|client| async move {
            let mut times = Vec::new();
            while Instant::now() < ends {
                let started = Instant::now();
                let placed = self.one(client, if spread { client } else { 0 }).await;
                placed.expect("an order is placed");
                times.push(started.elapsed());
            }
            times
        });
        Pace::of(join_all(work).await.into_iter().flatten().collect(), WINDOW)
    }

    /// So many orders a second, whether or not those before were answered; times count from when each should have been
    /// sent. Who is refused is as badly off as who waits for all of it.
    pub async fn place_at(&self, rate: f64) -> Pace {
        let started = Instant::now();
        let every = Duration::from_secs_f64(1.0 / rate);
        let count = u32::try_from((WINDOW.as_secs_f64() * rate) as u64).unwrap();
        let work = (0..count).map(|number| async move {
            let due = started + every * number;
            tokio::time::sleep_until(due.into()).await;
            match self.one(number as usize, number as usize).await {
                Ok(()) => due.elapsed(),
                Err(status) if status.code() == Code::ResourceExhausted => WINDOW,
                Err(status) => panic!("an order is placed: {status:?}"),
            }
        });
        Pace::of(join_all(work).await, WINDOW)
    }

    async fn one(&self, client: usize, restaurant: usize) -> Result<(), Status> {
        let key = format!("bench-{}", self.next.fetch_add(1, Ordering::Relaxed));
        let order = self.orders[restaurant % self.orders.len()].clone();
        let waiter = &self.waiters[client % self.waiters.len()];
        let placed = waiter.call_once::<_, PlaceOrderResponse>(PLACE, &key, order).await;
        placed.map(drop)
    }
}

/// A restaurant with one station.
async fn open_location(owner: &Caller, number: i32) -> String {
    let request = CreateLocationRequest {
        display_name: format!("Restaurant {number}"),
        time_zone: "America/New_York".to_owned(),
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
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => panic!("{status}"),
        }
    }
}
