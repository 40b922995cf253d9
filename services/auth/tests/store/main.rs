//! The stores on both engines: every function called, also where nothing is found; the schema there and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod access;
mod devices;
mod directory;

use chrono::{DateTime, Utc};
use muster_auth::STEPS;
use muster_auth::store::Page;
use muster_kernel::both_engines;
use muster_kernel::db::{Conn, Reach, migrate};
use muster_kernel::testing::Lab;
use uuid::Uuid;

const ALL: Page = Page { after: None, size: 100 };

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 123_456_000).unwrap()
}

async fn write(lab: &Lab, reach: Reach) -> Conn {
    lab.deps.db.write(reach).await.unwrap()
}

both_engines!(there_and_back, "auth", STEPS, async |lab: Lab| {
    let before = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert!(before.len() > STEPS.len() && before.iter().all(|state| state.applied));
    migrate::down("auth", STEPS, &lab.target, 0).await.unwrap();
    let states = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    migrate::up("auth", STEPS, &lab.target).await.unwrap();
    let states = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert_eq!(states, before);
});
