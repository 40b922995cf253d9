//! Units of work that end at the same moment: each is there as a whole or not at all, and none spoils another's.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use muster_kernel::db::Reach;
use muster_kernel::db::closing::{Check, Write};
use muster_kernel::db::many::{Does, Kind, Many, Value};
use muster_kernel::db::migrate::Step;
use muster_kernel::gather::Gather;
use muster_kernel::log::NewEvent;
use muster_kernel::testing::Lab;
use muster_kernel::{Error, both_engines, on};
use uuid::Uuid;

const THINGS: &[Step] = &[Step {
    name: "0001_things",
    up: "CREATE TABLE things (tenant_id UUID NOT NULL, id UUID NOT NULL, name TEXT NOT NULL, PRIMARY KEY (tenant_id, id));",
    down: "DROP TABLE things;",
}];

const TENANT: Uuid = Uuid::from_u128(0xA);
const OTHER: Uuid = Uuid::from_u128(0xB);

static INSERT: Many = Many {
    columns: &[("id", Kind::Uuid), ("name", Kind::Text)],
    text: "INSERT INTO things (tenant_id, id, name) SELECT tenant_id, id, name FROM new WHERE TRUE \
           ON CONFLICT (tenant_id, id) DO NOTHING",
    does: Does::Write,
};
static STILL: Many = Many {
    columns: &[("id", Kind::Uuid), ("name", Kind::Text)],
    text: "SELECT things.id FROM new JOIN things USING (tenant_id, id, name)",
    does: Does::Hold(" FOR SHARE OF things"),
};

fn thing(id: Uuid, name: &str) -> Write {
    Write {
        many: &INSERT,
        values: vec![Value::Uuid(id), Value::Text(name.to_owned().into())],
        taken: || Error::already_exists("THING_EXISTS", "there is such a thing"),
    }
}

fn still(id: Uuid, name: &str) -> Check {
    Check {
        many: &STILL,
        values: vec![Value::Uuid(id), Value::Text(name.to_owned().into())],
    }
}

async fn add(lab: &Lab, tenant: Uuid, id: Uuid, name: &str, seen: Option<Check>) -> Result<(), Error> {
    let mut unit = lab.shared_unit_of(tenant);
    assert!(unit.is_grouped());
    if let Some(check) = seen {
        unit.require(check);
    }
    unit.write(thing(id, name)).await?;
    unit.append(NewEvent {
        payload: name.into(),
        ..NewEvent::new("test.added", id, 1, &())
    });
    unit.finish().await
}

/// Ids with the names of their rows, and the ids of the events.
async fn kept(lab: &Lab, reach: Reach) -> (HashMap<Uuid, String>, HashSet<Uuid>) {
    let mut conn = lab.deps.db.read(reach).await.unwrap();
    let things: Vec<(Uuid, String)> = on!(&mut conn, |c| sqlx::query_as("SELECT id, name FROM things")
        .fetch_all(c))
    .unwrap();
    let events: Vec<(Uuid,)> = on!(&mut conn, |c| sqlx::query_as("SELECT aggregate_id FROM events")
        .fetch_all(c))
    .unwrap();
    conn.rollback().await;
    let ids: HashSet<Uuid> = events.iter().map(|(id,)| *id).collect();
    assert_eq!(ids.len(), events.len(), "an event is there twice");
    (things.into_iter().collect(), ids)
}

both_engines!(
    those_who_end_together_are_all_there,
    "things",
    THINGS,
    async |lab: Lab| {
        let units = (1..=200_u128).map(|number| {
            let tenant = if number % 3 == 0 { OTHER } else { TENANT };
            let lab = &lab;
            async move { add(lab, tenant, Uuid::from_u128(number), &format!("{number}"), None).await }
        });
        for outcome in join_all(units).await {
            outcome.unwrap();
        }
        let (things, events) = kept(&lab, Reach::System).await;
        assert_eq!((things.len(), events.len()), (200, 200));
        if lab.deps.db.is_postgres() {
            let (things, _) = kept(&lab, Reach::Tenant(OTHER)).await;
            assert_eq!(things.len(), 66, "each row belongs to the tenant of its unit");
        }
    }
);

both_engines!(a_unit_spoils_only_its_own_work, "things", THINGS, async |lab: Lab| {
    let one = Uuid::from_u128(1);
    let units = (1..=60_u128).map(|number| {
        let id = if number % 2 == 0 {
            one
        } else {
            Uuid::from_u128(1000 + number)
        };
        let lab = &lab;
        async move { (id, add(lab, TENANT, id, &format!("{number}"), None).await) }
    });
    let mut winners = 0;
    for (id, outcome) in join_all(units).await {
        match outcome {
            Ok(()) => winners += usize::from(id == one),
            Err(error) => {
                assert_eq!(id, one, "{error:?}");
                assert_eq!(error.reason, "THING_EXISTS");
            }
        }
    }
    assert_eq!(winners, 1);
    let (things, events) = kept(&lab, Reach::System).await;
    assert_eq!((things.len(), events.len()), (31, 31));
});

both_engines!(what_was_read_must_still_be_so, "things", THINGS, async |lab: Lab| {
    let place = Uuid::from_u128(1);
    add(&lab, TENANT, place, "open", None).await.unwrap();
    let units = (2..=40_u128).map(|number| {
        let seen = if number % 2 == 0 { "open" } else { "closed" };
        let lab = &lab;
        async move {
            let outcome = add(lab, TENANT, Uuid::from_u128(number), "new", Some(still(place, seen))).await;
            (seen, outcome)
        }
    });
    for (seen, outcome) in join_all(units).await {
        match seen {
            "open" => outcome.unwrap(),
            _ => assert_eq!(outcome.unwrap_err().reason, "CONFLICT"),
        }
    }
    let (things, events) = kept(&lab, Reach::System).await;
    assert_eq!((things.len(), events.len()), (21, 21));
    let elsewhere = add(&lab, OTHER, Uuid::from_u128(99), "new", Some(still(place, "open"))).await;
    assert_eq!(
        elsewhere.unwrap_err().reason,
        "CONFLICT",
        "another tenant's row is not there"
    );
});

both_engines!(
    who_goes_away_leaves_all_or_nothing,
    "things",
    THINGS,
    async |lab: Lab| {
        let lab = Arc::new(lab);
        for number in 1..=100_u128 {
            let unit = {
                let lab = Arc::clone(&lab);
                async move { add(&lab, TENANT, Uuid::from_u128(number), "new", None).await }
            };
            let task = tokio::spawn(unit);
            for _ in 0..number % 7 {
                tokio::task::yield_now().await;
            }
            task.abort();
            let _ = task.await;
        }
        // Behind those that were on their way.
        add(&lab, TENANT, Uuid::from_u128(1000), "last", None).await.unwrap();
        add(&lab, TENANT, Uuid::from_u128(1001), "last", None).await.unwrap();
        let (things, events) = kept(&lab, Reach::System).await;
        assert_eq!(things.keys().copied().collect::<HashSet<_>>(), events);
    }
);

#[tokio::test]
async fn those_who_ask_together_are_asked_for_together() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let squares: Gather<u64, u64> = Gather::new(move |keys: Vec<u64>| {
        count.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            if keys.contains(&0) {
                return Err(Error::unavailable("GONE", "not now"));
            }
            Ok(keys
                .into_iter()
                .filter(|key| *key < 100)
                .map(|key| (key, key * key))
                .collect())
        })
    });
    let answers = join_all((1..=120_u64).map(|key| squares.ask(key % 110 + 1))).await;
    for (key, answer) in (1..=120_u64).zip(answers) {
        let key = key % 110 + 1;
        assert_eq!(answer.unwrap(), (key < 100).then_some(key * key));
    }
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked <= 10, "120 questions took {asked} round trips");
    assert_eq!(squares.ask(0).await.unwrap_err().reason, "GONE");
}
