//! The two-tier cache: found here, found in Redis, dropped everywhere, and working without Redis.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::time::Duration;

use muster_kernel::Error;
use muster_kernel::cache::{Cache, CacheHub};
use muster_kernel::clock::World;
use muster_kernel::redis::Redis;
use muster_proto::r#type::v1::Money;

fn redis() -> Redis {
    let url = std::env::var("MUSTER_TEST_REDIS_URL").expect("MUSTER_TEST_REDIS_URL; `make test` starts one");
    Redis::open(&url, World::system()).unwrap()
}

/// A name that no other test uses.
fn fresh(name: &str) -> String {
    format!("{name}-{}", World::system().new_id())
}

fn money(minor_units: i64) -> Result<Money, Error> {
    Ok(Money {
        minor_units,
        currency_code: "USD".into(),
    })
}

async fn get(cache: &Cache<Money>, key: &str, tag: &str, loads: i64) -> i64 {
    cache
        .get_or_load(key, tag, async { money(loads) })
        .await
        .unwrap()
        .minor_units
}

#[tokio::test]
async fn a_process_finds_what_another_loaded_and_drops_what_another_drops() {
    let (one, two) = (CacheHub::new(Some(redis())), CacheHub::new(Some(redis())));
    let minute = Duration::from_secs(60);
    let (first, second) = (one.cache("prices", 10, minute), two.cache("prices", 10, minute));
    let (key, tag) = (fresh("key"), fresh("tag"));
    assert_eq!(get(&first, &key, &tag, 1).await, 1, "loaded");
    assert_eq!(get(&first, &key, &tag, 2).await, 1, "found here");
    assert_eq!(get(&second, &key, &tag, 3).await, 1, "found in Redis");
    let stats = (first.stats(), second.stats());
    assert_eq!(
        (stats.0.misses, stats.0.local_hits, stats.1.shared_hits, stats.1.misses),
        (1, 1, 1, 0)
    );

    two.drop_tag(&tag).await;
    assert_eq!(get(&second, &key, &tag, 4).await, 4, "dropped where it was said");
    let deadline = tokio::time::timeout(Duration::from_secs(5), async {
        while get(&first, &key, &tag, 5).await == 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(deadline.await.is_ok(), "dropped where it was heard");
}

#[tokio::test]
async fn a_load_that_a_drop_overtook_is_not_kept() {
    let hub = CacheHub::new(None);
    let cache: Cache<Money> = hub.cache("prices", 10, Duration::from_secs(60));
    let load = async {
        hub.drop_tag("tag").await;
        money(1)
    };
    assert_eq!(
        Box::pin(cache.get_or_load("key", "tag", load))
            .await
            .unwrap()
            .minor_units,
        1
    );
    assert_eq!(get(&cache, "key", "tag", 2).await, 2);
}

#[tokio::test]
async fn without_redis_it_is_slower_and_never_wrong() {
    let nobody_there = Redis::open("redis://127.0.0.1:1/", World::system()).unwrap();
    let hub = CacheHub::new(Some(nobody_there));
    let cache: Cache<Money> = hub.cache("prices", 10, Duration::from_secs(60));
    assert_eq!(get(&cache, "key", "tag", 1).await, 1);
    assert_eq!(get(&cache, "key", "tag", 2).await, 1);
    hub.drop_tag("tag").await;
    assert_eq!(get(&cache, "key", "tag", 3).await, 3);
    assert_eq!(hub.stats().len(), 1);
}

/// a Redis that accepts and says nothing costs one short wait, and is used again soon after it speaks.
#[tokio::test]
async fn a_silent_redis_costs_one_short_wait_and_its_return_is_noticed() {
    let (wall, at) = silent_then_open().await;
    let redis = Redis::open(&at, World::system()).unwrap();
    let started = tokio::time::Instant::now();
    for _ in 0..20 {
        let error = redis.run::<String>(&redis::cmd("PING")).await.unwrap_err();
        assert_eq!(error.code, tonic::Code::Unavailable);
    }
    let waited = started.elapsed();
    assert!(waited < Duration::from_millis(160), "twenty uses waited {waited:?}");
    let mut heard = None;
    wall.send(true).unwrap();
    let open = tokio::time::Instant::now();
    while heard.is_none() {
        assert!(open.elapsed() < Duration::from_secs(5), "its return is not noticed");
        tokio::time::sleep(Duration::from_millis(10)).await;
        heard = redis.run::<String>(&redis::cmd("PING")).await.ok();
    }
    println!(
        "R-10: twenty uses of a silent Redis waited {waited:?}; used again {:?} after it spoke",
        open.elapsed()
    );
}

/// A Redis behind a wall: connections are accepted, and nothing passes until the wall is open.
async fn silent_then_open() -> (tokio::sync::watch::Sender<bool>, String) {
    let url = std::env::var("MUSTER_TEST_REDIS_URL").expect("MUSTER_TEST_REDIS_URL; `make test` starts one");
    let (before, address) = url.rsplit_once('@').unwrap();
    let address = address.split('/').next().unwrap().to_owned();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("{before}@{}/0", listener.local_addr().unwrap());
    let (wall, is_open) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (mut is_open, address) = (is_open.clone(), address.clone());
            tokio::spawn(async move {
                if is_open.wait_for(|open| *open).await.is_ok() {
                    let mut server = tokio::net::TcpStream::connect(address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    (wall, here)
}
