//! Readers of the log: writers hold their transactions open and commit in any order, readers are interrupted, consumers
//! race and fail half-way. What was committed is handed out once and takes effect once; nothing else ever does.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_kernel::db::{Conn, Reach};
use muster_kernel::log::{Applied, Follower, Position, StoredEvent, apply_once, cursor, read_after};
use muster_kernel::testing::model::{Bench, ReferenceStateMachine, finds, holds};
use muster_kernel::testing::{Engine, Lab};
use muster_kernel::{Error, exec, on};
use proptest::prelude::*;
use uuid::Uuid;

use crate::lab;

#[derive(Debug, Clone)]
enum Step {
    /// A writer begins a transaction if it has none, and adds an event to it.
    Write(usize),
    /// Ends its transaction: committed, or undone.
    End { writer: usize, commit: bool },
    /// The follower reads on, for so many microseconds at most.
    Follow(u64),
    /// A consumer applies the next few events; it may fail in the middle.
    Apply { most: i64, fails: bool },
    /// Two consumers read the same cursor, and both apply.
    Race,
}

/// Which of the writers have a transaction open. `WRITERS` at once: SQLite has one.
struct Log<const WRITERS: usize>;

impl<const WRITERS: usize> ReferenceStateMachine for Log<WRITERS> {
    type State = BTreeSet<usize>;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<BTreeSet<usize>> {
        Just(BTreeSet::new()).boxed()
    }

    fn transitions(_: &BTreeSet<usize>) -> BoxedStrategy<Step> {
        prop_oneof![
            8 => (0..WRITERS).prop_map(Step::Write),
            5 => (0..WRITERS, prop::bool::weighted(0.85)).prop_map(|(writer, commit)| Step::End { writer, commit }),
            4 => (0..4_000_u64).prop_map(Step::Follow),
            4 => (1..4_i64, prop::bool::weighted(0.3)).prop_map(|(most, fails)| Step::Apply { most, fails }),
            1 => Just(Step::Race),
        ]
        .boxed()
    }

    fn preconditions(open: &BTreeSet<usize>, step: &Step) -> bool {
        match step {
            Step::End { writer, .. } => open.contains(writer),
            // One writer: who applies would wait for the other transaction, which this test ends only later.
            Step::Apply { .. } | Step::Race => WRITERS > 1 || open.is_empty(),
            _ => true,
        }
    }

    fn apply(mut open: BTreeSet<usize>, step: &Step) -> BTreeSet<usize> {
        match step {
            Step::Write(writer) => _ = open.insert(*writer),
            Step::End { writer, .. } => _ = open.remove(writer),
            _ => {}
        }
        open
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// Pages by the row's number alone.
    ById,
    /// Keeps the log's order, but does not wait for who is still writing.
    NoHorizon,
    /// The cursor moves before the effect, in a transaction of its own.
    CursorFirst,
    /// The cursor moves after the effect, in a transaction of its own.
    CursorLast,
}

struct Town<'l> {
    lab: &'l Lab,
    plant: Option<Plant>,
    tenant: Uuid,
    consumer: String,
    writers: Vec<Option<(Conn, Vec<i64>)>>,
    written: i64,
    committed: BTreeSet<i64>,
    follower: Follower,
    handed: Vec<i64>,
    /// How far the planted readers have come.
    by_id: i64,
}

fn nothing(_: &mut Conn) -> futures::future::BoxFuture<'_, Result<(), Error>> {
    Box::pin(async { Ok(()) })
}

/// Inserts a row per event under the event's number: a second time would fail on the key.
fn effect(
    tenant: Uuid,
    numbers: Vec<i64>,
    fails: bool,
) -> impl for<'c> FnOnce(&'c mut Conn) -> futures::future::BoxFuture<'c, Result<(), Error>> {
    move |conn| {
        Box::pin(async move {
            for number in numbers {
                let sql = "INSERT INTO things (tenant_id, name) VALUES ($1, $2)";
                exec!(conn, sqlx::query(sql).bind(tenant).bind(number.to_string()))?;
            }
            if fails {
                Err(Error::unavailable("FAILED", "half-way"))
            } else {
                Ok(())
            }
        })
    }
}

impl<'l> Town<'l> {
    async fn new(lab: &'l Lab, plant: Option<Plant>, writers: usize) -> Self {
        let deps = &lab.deps;
        let tenant = deps.world.new_id();
        let follower = Follower::from_end(deps.db.clone(), deps.world.clone(), &deps.bell)
            .await
            .unwrap();
        let consumer = tenant.to_string();
        let start = follower.position().to_string();
        let begun = apply_once(&deps.db, &consumer, "", &start, deps.world.now(), nothing).await;
        assert_eq!(begun.unwrap(), Applied::Yes);
        Self {
            lab,
            plant,
            tenant,
            consumer,
            writers: (0..writers).map(|_| None).collect(),
            written: 0,
            committed: BTreeSet::new(),
            follower,
            handed: Vec::new(),
            by_id: 0,
        }
    }

    async fn write(&mut self, writer: usize) {
        self.written += 1;
        let number = self.written;
        let slot = &mut self.writers[writer];
        if slot.is_none() {
            let conn = self.lab.deps.db.write(Reach::Tenant(self.tenant)).await.unwrap();
            *slot = Some((conn, Vec::new()));
        }
        let (conn, numbers) = slot.as_mut().unwrap();
        let sql = "INSERT INTO events (tenant_id, kind, aggregate_id, version, actor, request_id, at, payload) \
                   VALUES ($1, 'test.added', $1, $2, 'test', 'test', $3, $4)";
        exec!(
            conn,
            sqlx::query(sql)
                .bind(self.tenant)
                .bind(number)
                .bind(self.lab.deps.world.now())
                .bind(number.to_string().into_bytes())
        )
        .unwrap();
        numbers.push(number);
    }

    async fn end(&mut self, writer: usize, commit: bool) {
        let Some((conn, numbers)) = self.writers[writer].take() else {
            return;
        };
        if commit {
            conn.commit().await.unwrap();
            self.committed.extend(numbers);
            self.lab.deps.bell.ring();
        } else {
            conn.rollback().await;
        }
    }

    /// Events of this sequence; the server is shared with others.
    fn own(&self, events: &[StoredEvent]) -> Vec<i64> {
        let own = events.iter().filter(|event| event.tenant_id == self.tenant);
        own.map(|event| event.version).collect()
    }

    async fn follow(&mut self, patience: Duration) -> Result<(), String> {
        let numbers = match self.plant {
            Some(Plant::ById | Plant::NoHorizon) => self.follow_badly().await,
            _ => match tokio::time::timeout(patience, self.follower.next()).await {
                Ok(batch) => self.own(&batch.unwrap().events),
                Err(_) => Vec::new(),
            },
        };
        for number in numbers {
            if !self.committed.contains(&number) {
                return Err(format!("{number} was handed out, and never committed"));
            }
            if self.handed.contains(&number) {
                return Err(format!("{number} was handed out twice"));
            }
            self.handed.push(number);
        }
        Ok(())
    }

    async fn follow_badly(&mut self) -> Vec<i64> {
        let mut conn = self.lab.deps.db.read(Reach::System).await.unwrap();
        let order = if self.plant == Some(Plant::ById) {
            "seq"
        } else {
            "tx * 1000000 + seq"
        };
        let sql = format!(
            "SELECT {order}, version FROM events WHERE tenant_id = $1 AND {order} > $2 ORDER BY {order} LIMIT 100"
        );
        let rows: Result<Vec<(i64, i64)>, _> = on!(&mut conn, |c| sqlx::query_as(sqlx::AssertSqlSafe(sql.clone()))
            .bind(self.tenant)
            .bind(self.by_id)
            .fetch_all(c));
        conn.rollback().await;
        let rows = rows.unwrap();
        self.by_id = rows.last().map_or(self.by_id, |(place, _)| *place);
        rows.into_iter().map(|(_, number)| number).collect()
    }

    async fn next_events(&self, from: &str, most: i64) -> (Vec<StoredEvent>, String) {
        let position: Position = from.parse().unwrap();
        let mut conn = self.lab.deps.db.read(Reach::System).await.unwrap();
        let events = read_after(&mut conn, position, most).await;
        conn.rollback().await;
        let events = events.unwrap();
        let to = events.last().map_or(position, StoredEvent::position).to_string();
        (events, to)
    }

    /// Applies what comes next by the cursor. An event that is applied twice breaks the table's key.
    async fn apply(&self, from: &str, most: i64, fails: bool) -> Result<(), String> {
        let (events, to) = self.next_events(from, most).await;
        if to == from {
            return Ok(());
        }
        let (db, tenant, now) = (&self.lab.deps.db, self.tenant, self.lab.deps.world.now());
        let numbers = self.own(&events);
        let apart = format!("{} apart {to} {most} {}", self.consumer, self.written);
        let outcome = match self.plant {
            Some(Plant::CursorFirst) => {
                let moved = apply_once(db, &self.consumer, from, &to, now, nothing).await;
                assert!(moved.is_ok());
                apply_once(db, &apart, "", &to, now, effect(tenant, numbers, fails)).await
            }
            Some(Plant::CursorLast) => {
                let done = apply_once(db, &apart, "", &to, now, effect(tenant, numbers, false)).await;
                match done {
                    Ok(_) if fails => Err(Error::unavailable("FAILED", "half-way")),
                    Ok(_) => apply_once(db, &self.consumer, from, &to, now, nothing).await,
                    Err(error) => Err(error),
                }
            }
            _ => apply_once(db, &self.consumer, from, &to, now, effect(tenant, numbers, fails)).await,
        };
        match outcome {
            Err(error) if error.reason != "FAILED" => Err(format!("what was applied is applied again: {error}")),
            _ => Ok(()),
        }
    }

    async fn applied(&self) -> BTreeSet<i64> {
        let mut conn = self.lab.deps.db.read(Reach::Tenant(self.tenant)).await.unwrap();
        let sql = "SELECT name FROM things WHERE tenant_id = $1";
        let rows: Result<Vec<(String,)>, _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(self.tenant).fetch_all(c));
        conn.rollback().await;
        rows.unwrap().into_iter().map(|(name,)| name.parse().unwrap()).collect()
    }

    async fn cursor(&self) -> String {
        cursor(&self.lab.deps.db, &self.consumer).await.unwrap()
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Write(writer) => self.write(writer).await,
            Step::End { writer, commit } => self.end(writer, commit).await,
            Step::Follow(micros) => self.follow(Duration::from_micros(micros)).await?,
            Step::Apply { most, fails } => self.apply(&self.cursor().await, most, fails).await?,
            Step::Race => {
                let from = self.cursor().await;
                let (one, two) = tokio::join!(self.apply(&from, 100, false), self.apply(&from, 100, false));
                one.and(two)?;
            }
        }
        let applied = self.applied().await;
        match applied.difference(&self.committed).next() {
            Some(number) => Err(format!("{number} took effect, and was never committed")),
            None => Ok(()),
        }
    }

    /// Everybody ends; then, within a while, everything that was committed has been handed out and has taken effect.
    /// The horizon is the server's, so that others' transactions may hold it back.
    async fn settle(&mut self) -> Result<(), String> {
        for writer in 0..self.writers.len() {
            self.end(writer, false).await;
        }
        let patience = if self.plant.is_some() {
            Duration::from_millis(300)
        } else {
            Duration::from_secs(20)
        };
        let done = tokio::time::timeout(patience, async {
            loop {
                self.follow(Duration::from_millis(20)).await?;
                self.apply(&self.cursor().await, 100, false).await?;
                let handed: BTreeSet<i64> = self.handed.iter().copied().collect();
                if handed == self.committed && self.applied().await == self.committed {
                    return Ok(());
                }
            }
        });
        let missed = Err("some of what was committed is missed".to_owned());
        done.await.unwrap_or(missed)
    }
}

async fn run(lab: &Lab, plant: Option<Plant>, writers: usize, steps: &[Step]) -> Result<(), String> {
    let mut town = Town::new(lab, plant, writers).await;
    let mut outcome = Ok(());
    for step in steps {
        outcome = town.step(step).await.map_err(|what| format!("{step:?}: {what}"));
        if outcome.is_err() {
            break;
        }
    }
    let settled = town.settle().await;
    outcome.and(settled.map_err(|what| format!("{what}: committed {:?}, handed out {:?}", town.committed, town.handed)))
}

fn bench(cases: u32, steps: usize) -> Bench {
    let seeds = "proptest-regressions/model_reader.txt";
    Bench { cases, steps, seeds }
}

#[test]
fn nothing_is_missed_or_doubled_on_sqlite() {
    let (runtime, lab) = lab(Engine::Sqlite);
    holds::<Log<1>>(bench(60, 30), |_, steps| runtime.block_on(run(&lab, None, 1, steps)));
}

#[test]
fn nothing_is_missed_or_doubled_on_postgres() {
    let (runtime, lab) = lab(Engine::Postgres);
    holds::<Log<3>>(bench(40, 30), |_, steps| runtime.block_on(run(&lab, None, 3, steps)));
}

#[test]
fn planted_bugs_of_readers_are_found() {
    let (runtime, lab) = lab(Engine::Postgres);
    for plant in [Plant::ById, Plant::NoHorizon, Plant::CursorFirst, Plant::CursorLast] {
        let run = |steps: &[Step]| runtime.block_on(run(&lab, Some(plant), 3, steps));
        finds::<Log<3>>(bench(100, 30), &plant, |_, steps| run(steps));
    }
}
