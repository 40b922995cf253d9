//! Telling and reading a busy log: no more often than readers can use, in this process and across.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures::StreamExt;
use muster_kernel::clock::World;
use muster_kernel::log::{Doorbell, Follower, NewEvent};
use muster_kernel::redis::Redis;
use muster_kernel::testing::Lab;
use muster_kernel::{both_engines, db::migrate::Step};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

const NOTHING: &[Step] = &[];
const TENANT: Uuid = Uuid::from_u128(0xA);
/// Two looks and two rings for others are so far apart.
const APART: Duration = Duration::from_millis(4);

fn redis() -> Redis {
    let url = std::env::var("MUSTER_TEST_REDIS_URL").expect("MUSTER_TEST_REDIS_URL; `make test` starts one");
    Redis::open(&url, World::system()).unwrap()
}

/// Rings until the other process hears: its connection is there then.
async fn until_heard(bell: &Doorbell, other: &mut watch::Receiver<u64>) {
    let heard = timeout(Duration::from_secs(10), async {
        while !other.has_changed().unwrap() {
            bell.ring();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    heard.await.expect("another process hears the bell");
    other.mark_unchanged();
}

#[tokio::test]
async fn a_thousand_rings_are_a_few_for_others_and_none_for_who_rang() {
    let service: &'static str = String::leak(format!("bell-{}", World::system().new_id()));
    let (here, there) = (
        Doorbell::new(service, Some(redis())),
        Doorbell::new(service, Some(redis())),
    );
    let (mut own, mut other) = (here.listen(), there.listen());
    until_heard(&here, &mut other).await;
    until_heard(&there, &mut own).await;
    // What the other told before it was heard may still be on its way.
    while timeout(Duration::from_millis(500), own.changed()).await.is_ok() {}
    let third = redis();
    let mut told = third.subscribe(&format!("muster:log:{service}")).await.unwrap();
    let before = *own.borrow();
    for _ in 0..1_000 {
        here.ring();
    }
    let mut messages = 0;
    while let Ok(Some(_)) = timeout(Duration::from_millis(500), told.next()).await {
        messages += 1;
    }
    assert!(
        (1..100).contains(&messages),
        "a thousand rings were told in {messages} messages"
    );
    assert_eq!(*own.borrow(), before + 1_000, "who rang does not hear himself again");
}

both_engines!(a_busy_log_is_read_by_the_dozen, "things", NOTHING, async |lab: Lab| {
    const EVENTS: u64 = 60;
    let deps = &lab.deps;
    let mut follower = Follower::from_end(deps.db.clone(), deps.world.clone(), &deps.bell)
        .await
        .unwrap();
    let commits = async {
        for _ in 0..EVENTS {
            let mut unit = lab.unit_of(TENANT);
            unit.append(NewEvent::new("test.added", unit.new_id(), 1, &()));
            unit.finish().await.unwrap();
            deps.bell.ring();
        }
    };
    let reads = async {
        let (mut read, mut batches, began) = (0, 0, Instant::now());
        while read < EVENTS {
            let batch = follower.next().await.unwrap();
            read += batch.events.len() as u64;
            batches += 1;
        }
        (batches, began.elapsed())
    };
    let both = Box::pin(async { tokio::join!(commits, reads) });
    let done = timeout(Duration::from_secs(60), both).await;
    let ((), (batches, took)) = done.expect("every event is read");
    assert!(
        APART * (batches - 1) <= took,
        "{EVENTS} events were read in {batches} batches within {took:?}"
    );
});
