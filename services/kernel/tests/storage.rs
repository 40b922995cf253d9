//! The kernel's promises on both engines: one unit of work, one log, nothing lost and nothing doubled.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use muster_kernel::db::migrate::{self, Step};
use muster_kernel::db::{DbError, Reach};
use muster_kernel::log::{self, Applied, Follower, NewEvent, Position, apply_once, cursor};
use muster_kernel::testing::{Lab, owner};
use muster_kernel::{both_engines, exec, on};
use uuid::Uuid;

const THINGS: &[Step] = &[Step {
    name: "0001_things",
    up: "CREATE TABLE things (tenant_id UUID NOT NULL, id UUID NOT NULL, name TEXT NOT NULL, data BYTES, PRIMARY KEY (tenant_id, id));",
    down: "DROP TABLE things;",
}];

const TENANT: Uuid = Uuid::from_u128(0xA);
const OTHER: Uuid = Uuid::from_u128(0xB);

async fn add_thing(lab: &Lab, tenant: Uuid, name: &str) -> Result<Uuid, muster_kernel::Error> {
    let mut unit = lab.unit_of(tenant);
    let id = unit.new_id();
    let sql = "INSERT INTO things (tenant_id, id, name, data) VALUES ($1, $2, $3, $4)";
    exec!(
        unit.conn().await?,
        sqlx::query(sql).bind(tenant).bind(id).bind(name).bind(vec![1_u8, 2])
    )?;
    unit.append(NewEvent {
        payload: name.into(),
        ..NewEvent::new("test.added", id, 1, &())
    });
    unit.finish().await?;
    lab.deps.bell.ring();
    Ok(id)
}

async fn names(lab: &Lab, reach: Reach) -> Result<HashSet<String>, DbError> {
    let mut conn = lab.deps.db.read(reach).await?;
    let rows: Result<Vec<(String,)>, _> = on!(&mut conn, |c| sqlx::query_as("SELECT name FROM things").fetch_all(c));
    conn.rollback().await;
    Ok(rows?.into_iter().map(|(name,)| name).collect())
}

both_engines!(migrations_go_up_and_down_and_up, "things", THINGS, async |lab: Lab| {
    add_thing(&lab, TENANT, "before").await.unwrap();
    let applied = migrate::status("things", THINGS, &lab.target).await.unwrap();
    assert!(applied.iter().all(|step| step.applied), "{applied:?}");
    lab.deps.db.close().await;
    migrate::down("things", THINGS, &lab.target, 0).await.unwrap();
    let gone = migrate::status("things", THINGS, &lab.target).await.unwrap();
    assert!(gone.iter().all(|step| !step.applied), "{gone:?}");
    migrate::up("things", THINGS, &lab.target).await.unwrap();
    let again = muster_kernel::db::Db::open("things", &lab.place).await.unwrap();
    assert!(again.ping().await.is_ok());
});

both_engines!(a_unit_that_fails_leaves_nothing, "things", THINGS, async |lab: Lab| {
    let mut unit = lab.unit_of(TENANT);
    let id = unit.new_id();
    let sql = "INSERT INTO things (tenant_id, id, name) VALUES ($1, $2, 'half')";
    exec!(unit.conn().await.unwrap(), sqlx::query(sql).bind(TENANT).bind(id)).unwrap();
    drop(unit);
    add_thing(&lab, TENANT, "whole").await.unwrap();
    assert_eq!(
        names(&lab, Reach::Tenant(TENANT)).await.unwrap(),
        HashSet::from(["whole".to_owned()])
    );
});

both_engines!(
    two_writers_of_one_version_collide,
    "things",
    THINGS,
    async |lab: Lab| {
        let aggregate = Uuid::from_u128(7);
        for (version, expected) in [(1, None), (1, Some("CONFLICT")), (2, None)] {
            let mut unit = lab.unit_of(TENANT);
            unit.append(NewEvent::new("test.changed", aggregate, version, &()));
            assert_eq!(unit.finish().await.err().map(|error| error.reason), expected);
        }
    }
);

both_engines!(the_log_cannot_be_edited, "things", THINGS, async |lab: Lab| {
    add_thing(&lab, TENANT, "written").await.unwrap();
    for sql in ["UPDATE events SET kind = 'forged'", "DELETE FROM events"] {
        let mut conn = lab.deps.db.write(Reach::System).await.unwrap();
        assert!(exec!(&mut conn, sqlx::query(sql)).is_err(), "{sql}");
        conn.rollback().await;
    }
});

// Many units at once share commits; some fail, some are dropped half-way, and none harms another.
both_engines!(
    groups_keep_the_good_and_drop_the_bad,
    "things",
    THINGS,
    async |lab: Lab| {
        let lab = Arc::new(lab);
        let tasks: Vec<_> = (0..120)
            .map(|index| {
                let lab = Arc::clone(&lab);
                tokio::spawn(async move {
                    match index % 4 {
                        0 => {
                            let mut unit = lab.unit_of(TENANT);
                            exec!(
                                unit.conn().await.unwrap(),
                                sqlx::query("INSERT INTO things (tenant_id) VALUES ($1)").bind(TENANT)
                            )
                            .unwrap_err();
                        }
                        1 => {
                            let work = add_thing(&lab, TENANT, "cancelled or not");
                            let _ = tokio::time::timeout(Duration::from_millis(index % 7), work).await;
                        }
                        _ => drop(add_thing(&lab, TENANT, &format!("good {index}")).await.unwrap()),
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let good = names(&lab, Reach::Tenant(TENANT)).await.unwrap();
        assert_eq!(good.iter().filter(|name| name.starts_with("good")).count(), 60);
    }
);

fn nothing(_: &mut muster_kernel::db::Conn) -> futures::future::BoxFuture<'_, Result<(), muster_kernel::Error>> {
    Box::pin(async { Ok(()) })
}

both_engines!(
    cursors_only_move_forward_from_where_they_were,
    "things",
    THINGS,
    async |lab: Lab| {
        let db = &lab.deps.db;
        let now = lab.deps.world.now();
        assert_eq!(
            apply_once(db, "reader", "", "1.1", now, nothing).await.unwrap(),
            Applied::Yes
        );
        assert_eq!(
            apply_once(db, "reader", "", "1.1", now, nothing).await.unwrap(),
            Applied::Overtaken
        );
        assert_eq!(
            apply_once(db, "reader", "1.1", "1.2", now, nothing).await.unwrap(),
            Applied::Yes
        );
        assert_eq!(cursor(db, "reader").await.unwrap(), "1.2");
    }
);

// twelve writers whose transactions last differently long, two readers with one cursor. What is committed is
// applied, once. A reader that pages by `id > last` loses a quarter of it on PostgreSQL.
both_engines!(nothing_is_lost_or_applied_twice, "things", THINGS, async |lab: Lab| {
    let lab = Arc::new(lab);
    let writers: Vec<_> = (0..12_u64)
        .map(|writer| {
            let lab = Arc::clone(&lab);
            tokio::spawn(async move {
                let mut written = Vec::new();
                for round in 0..25_u64 {
                    let mut unit = lab.unit_of(TENANT);
                    let id = unit.new_id();
                    let name = format!("{writer}/{round}");
                    // The log row is written first, the commit comes later: commits land out of order.
                    unit.append(NewEvent {
                        payload: name.clone().into(),
                        ..NewEvent::new("test.added", id, 1, &())
                    });
                    if writer.is_multiple_of(2) {
                        unit.conn().await.unwrap();
                        tokio::time::sleep(Duration::from_millis((writer * 7 + round * 3) % 9)).await;
                    }
                    unit.finish().await.unwrap();
                    lab.deps.bell.ring();
                    written.push(name);
                }
                written
            })
        })
        .collect();
    let readers: Vec<_> = (0..2).map(|_| tokio::spawn(consume(Arc::clone(&lab)))).collect();
    let mut written = HashSet::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    let deadline = tokio::time::timeout(Duration::from_secs(20), async {
        while names(&lab, Reach::System).await.unwrap().len() < written.len() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(deadline.await.is_ok(), "every event is applied in the end");
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(names(&lab, Reach::System).await.unwrap(), written);
});

// Applies each event by inserting a row under the event's own id: a second time would fail on the key.
async fn consume(lab: Arc<Lab>) {
    loop {
        let from = cursor(&lab.deps.db, "copy").await.unwrap();
        let position: Position = from.parse().unwrap();
        let mut follower = Follower::from(lab.deps.db.clone(), lab.deps.world.clone(), &lab.deps.bell, position);
        let batch = follower.next().await.unwrap();
        if batch.events.is_empty() {
            continue;
        }
        let to = batch.position.to_string();
        let applied = apply_once(&lab.deps.db, "copy", &from, &to, lab.deps.world.now(), |conn| {
            Box::pin(async move {
                for event in batch.events {
                    let sql = "INSERT INTO things (tenant_id, id, name) VALUES ($1, $2, $3)";
                    let name = String::from_utf8(event.payload).unwrap();
                    exec!(
                        conn,
                        sqlx::query(sql)
                            .bind(event.tenant_id)
                            .bind(event.aggregate_id)
                            .bind(name)
                    )?;
                }
                Ok(())
            })
        });
        if let Err(error) = applied.await {
            assert_eq!(error.reason, "CONFLICT", "an event was applied twice: {error}");
        }
    }
}

// Z-08, Z-09: on PostgreSQL the database itself refuses other tenants' rows, and everything where no tenant is set.
#[tokio::test]
async fn row_level_security_is_a_net() {
    let lab = Lab::new(muster_kernel::testing::Engine::Postgres, "things", THINGS).await;
    add_thing(&lab, TENANT, "mine").await.unwrap();
    add_thing(&lab, OTHER, "theirs").await.unwrap();
    assert_eq!(
        names(&lab, Reach::Tenant(TENANT)).await.unwrap(),
        HashSet::from(["mine".to_owned()])
    );
    assert_eq!(
        names(&lab, Reach::Tenant(OTHER)).await.unwrap(),
        HashSet::from(["theirs".to_owned()])
    );
    assert_eq!(names(&lab, Reach::System).await.unwrap().len(), 2);
    let mut unit = lab.unit(owner(TENANT));
    let sql = "INSERT INTO things (tenant_id, id, name) VALUES ($1, $2, 'smuggled')";
    let refused = exec!(
        unit.conn().await.unwrap(),
        sqlx::query(sql).bind(OTHER).bind(Uuid::from_u128(9))
    );
    assert!(refused.is_err(), "a row of another tenant is not written");
}

both_engines!(
    history_reads_one_aggregate_in_order,
    "things",
    THINGS,
    async |lab: Lab| {
        let aggregate = Uuid::from_u128(8);
        for version in 1..=3 {
            let mut unit = lab.unit_of(TENANT);
            unit.append(NewEvent::new("test.changed", aggregate, version, &()));
            unit.finish().await.unwrap();
        }
        let mut conn = lab.deps.db.read(Reach::Tenant(TENANT)).await.unwrap();
        let events = log::history(&mut conn, TENANT, aggregate, 1, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.version).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(log::history(&mut conn, OTHER, aggregate, 0, 10).await.unwrap().len(), 0);
        conn.rollback().await;
    }
);

both_engines!(
    events_of_one_unit_keep_their_order,
    "things",
    THINGS,
    async |lab: Lab| {
        let aggregate = Uuid::from_u128(11);
        let mut unit = lab.unit_of(TENANT);
        for version in 1..=5 {
            let event = NewEvent::new("test.changed", aggregate, version, &());
            unit.append(if version == 3 { event.at_location(OTHER) } else { event });
        }
        unit.finish().await.unwrap();
        // Transactions of other databases of the server hold the horizon back too, so the reader may have to wait.
        let (db, world) = (lab.deps.db.clone(), lab.deps.world.clone());
        let mut follower = Follower::from(db, world, &lab.deps.bell, Position::default());
        let events = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let batch = follower.next().await.unwrap();
                if !batch.events.is_empty() {
                    return batch.events;
                }
            }
        });
        let events = events.await.expect("the events become final");
        let read: Vec<_> = events.iter().map(|event| (event.version, event.location_id)).collect();
        assert_eq!(read, [(1, None), (2, None), (3, Some(OTHER)), (4, None), (5, None)]);
    }
);

/// G-13: what a caller no longer waits for does not go on in the database.
#[tokio::test]
async fn a_statement_ends_when_its_caller_is_gone() {
    let lab = Lab::new(muster_kernel::testing::Engine::Postgres, "things", THINGS).await;
    let mut unit = lab.unit_of(TENANT);
    let conn = unit.conn().await.unwrap();
    let sleep = async { exec!(conn, sqlx::query("SELECT pg_sleep(4)")) };
    assert!(tokio::time::timeout(Duration::from_millis(100), sleep).await.is_err());
    drop(unit);
    let running = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(4)%' \
                   AND query NOT LIKE '%pg_stat_activity%' AND state = 'active'";
    let ended = tokio::time::timeout(Duration::from_secs(1), async {
        loop {
            let mut conn = lab.deps.db.read(Reach::System).await.unwrap();
            let (count,): (i64,) = on!(&mut conn, |c| sqlx::query_as(running).fetch_one(c)).unwrap();
            conn.rollback().await;
            if count == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(ended.await.is_ok(), "the statement goes on");
}
