//! The databases of an installation, read from outside: what was really done.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use muster_kernel::db::{Conn, Db, DbError, Reach};
use muster_kernel::log::Position;
use muster_kernel::on;
use muster_proto::orders::v1::Order;
use prost::Message;
use uuid::Uuid;

use crate::town::Town;

/// What a request wrote: in how many transactions.
pub type Effects = BTreeMap<String, i64>;

/// Open databases of an installation. They are read directly, by no wire of the lab.
pub struct Books {
    databases: BTreeMap<&'static str, Db>,
}

/// An event as far as streams are concerned.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Its place in the log.
    pub position: Position,
    /// When.
    pub at: DateTime<Utc>,
    /// The order.
    pub order: String,
    /// Its version by then.
    pub version: i64,
}

impl Books {
    /// Opens them.
    pub async fn of(town: &Town) -> Self {
        let mut databases = BTreeMap::new();
        for (service, place) in &town.places {
            databases.insert(*service, Db::open(service, place).await.expect("the database opens"));
        }
        Self { databases }
    }

    /// Closes them.
    pub async fn close(self) {
        for db in self.databases.into_values() {
            db.close().await;
        }
    }

    /// Effects of requests whose id begins with `run`, in every service. One transaction has one moment, so a request that
    /// was carried out twice shows two.
    ///
    /// # Errors
    /// If a database is out of reach.
    pub async fn effects(&self, run: &str) -> Result<Effects, DbError> {
        let sql = "SELECT request_id, CAST(COUNT(DISTINCT at) AS BIGINT) FROM events WHERE request_id LIKE $1 GROUP BY request_id";
        let mut effects = Effects::new();
        for db in self.databases.values() {
            let mut conn = db.read(Reach::System).await?;
            let rows: Vec<(String, i64)> =
                on!(&mut conn, |c| sqlx::query_as(sql).bind(format!("{run}-%")).fetch_all(c))?;
            conn.rollback().await;
            for (request, count) in rows {
                *effects.entry(request).or_default() += count;
            }
        }
        Ok(effects)
    }

    /// The lines of every order, by order.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn orders(&self) -> Result<BTreeMap<Uuid, Vec<String>>, DbError> {
        let mut conn = self.read("orders").await?;
        let rows: Vec<(Uuid, Vec<u8>)> = on!(&mut conn, |c| sqlx::query_as("SELECT id, state FROM orders")
            .fetch_all(c))?;
        conn.rollback().await;
        let lines = |state: Vec<u8>| {
            let order = Order::decode(state.as_slice()).unwrap_or_default();
            order.items.into_iter().map(|line| line.id).collect()
        };
        Ok(rows.into_iter().map(|(id, state)| (id, lines(state))).collect())
    }

    /// What happened to the orders of a location, in log order.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn happened(&self, location: Uuid) -> Result<Vec<Happened>, DbError> {
        let sql = "SELECT tx, seq, at, aggregate_id, version FROM events \
                   WHERE location_id = $1 AND kind = 'orders.order_changed' ORDER BY tx, seq";
        let mut conn = self.read("orders").await?;
        let rows: Vec<(i64, i64, DateTime<Utc>, Uuid, i64)> =
            on!(&mut conn, |c| sqlx::query_as(sql).bind(location).fetch_all(c))?;
        conn.rollback().await;
        let read = |(tx, seq, at, order, version): (i64, i64, DateTime<Utc>, Uuid, i64)| Happened {
            position: format!("{tx}.{seq}").parse().unwrap_or_default(),
            at,
            order: order.to_string(),
            version,
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// How many connections hold a transaction open for longer than ten seconds (PostgreSQL only; I-18).
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn stuck(&self) -> Result<i64, DbError> {
        let mut conn = self.read("orders").await?;
        let mut count = 0;
        if conn.is_postgres() {
            let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                       AND xact_start < clock_timestamp() - interval '10 seconds' AND pid <> pg_backend_pid()";
            (count,) = on!(&mut conn, |c| sqlx::query_as(sql).fetch_one(c))?;
        }
        conn.rollback().await;
        Ok(count)
    }

    /// Locations as auth has them and as orders has heard of them: what one has and the other has not (I-12).
    ///
    /// # Errors
    /// If a database is out of reach.
    pub async fn unheard(&self) -> Result<BTreeSet<Uuid>, DbError> {
        let mut sides = Vec::new();
        for (service, sql) in [
            ("auth", "SELECT location_id FROM location"),
            ("orders", "SELECT id FROM locations"),
        ] {
            let mut conn = self.read(service).await?;
            let rows: Vec<(Uuid,)> = on!(&mut conn, |c| sqlx::query_as(sql).fetch_all(c))?;
            conn.rollback().await;
            sides.push(rows.into_iter().map(|(id,)| id).collect::<BTreeSet<_>>());
        }
        match sides.as_slice() {
            [left, right] => Ok(left.symmetric_difference(right).copied().collect()),
            _ => Ok(BTreeSet::new()),
        }
    }

    async fn read(&self, service: &str) -> Result<Conn, DbError> {
        self.databases
            .get(service)
            .expect("a service")
            .read(Reach::System)
            .await
    }
}
