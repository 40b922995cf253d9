//! The limit: the rows that an order leaves, written by bare SQL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::join_all;
use muster_kernel::db::Place;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Pace, WINDOW};

use muster_tests::town::Town;

const TENANT: Uuid = Uuid::from_u128(0xBE7C4);
/// Orders that share a commit on SQLite.
const GROUP: usize = 16;
/// What Muster writes for the order of the benchmark, in bytes: the order, its event, the sealed answer.
const STATE: usize = 480;
const PAYLOAD: usize = 430;
const ANSWER: usize = 520;

/// The connections that write.
pub enum Bare {
    /// One statement an order; each client has a connection.
    Postgres(PgPool, AtomicU64),
    /// Groups in one transaction, on one connection.
    Sqlite(Mutex<SqliteConnection>, AtomicU64),
}

const ORDER: &str = "INSERT INTO orders (tenant_id, id, location_id, number, business_date, status, on_board, placed_at, \
                     updated_at, bumped_at, version, state) \
                     VALUES ($1, $2, $3, $4, '2026-01-01', 1, FALSE, $5, $5, 0, 1, $6)";
const EVENT: &str = "INSERT INTO events (tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, \
                     payload) VALUES ($1, 'bench', $2, 1, $3, 'bench', 'bench', $4, $5)";
const RECORD: &str =
    "INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) VALUES ($1, $2, $3, $4, $5)";
const ALL: &str = "WITH written AS (INSERT INTO orders (tenant_id, id, location_id, number, business_date, status, \
                     on_board, placed_at, updated_at, bumped_at, version, state) \
                     VALUES ($1, $2, $3, $4, '2026-01-01', 1, FALSE, $5, $5, 0, 1, $6)), \
                   record AS (INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) \
                     VALUES ($1, $7, $8, $9, $10)) \
                   INSERT INTO events (tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, \
                     payload) VALUES ($1, 'bench', $2, 1, $3, 'bench', 'bench', $10, $11)";

impl Bare {
    /// Connects to the orders of a town.
    pub async fn open(town: &Town) -> Self {
        match &town.places["orders"] {
            Place::Postgres { url, .. } => {
                let options: PgConnectOptions = url.parse().unwrap();
                let tenant = TENANT.to_string();
                let options = options.options([("search_path", "orders"), ("app.tenant", tenant.as_str())]);
                let pool = PgPoolOptions::new().max_connections(64).test_before_acquire(false);
                Self::Postgres(pool.connect_lazy_with(options), AtomicU64::new(1))
            }
            Place::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path);
                let options = options.synchronous(SqliteSynchronous::Full);
                // As our writer has it.
                let options = options
                    .pragma("cache_size", "-16384")
                    .pragma("wal_autocheckpoint", "4000");
                let connection = SqliteConnection::connect_with(&options).await.unwrap();
                Self::Sqlite(Mutex::new(connection), AtomicU64::new(1))
            }
        }
    }

    /// What it is.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Postgres(..) => "the same rows by bare SQL, one statement each",
            Self::Sqlite(..) => "the same rows by bare SQL, sixteen orders a commit",
        }
    }

    /// Writes as fast as it can.
    pub async fn write(&self, clients: usize, _round: usize) -> Pace {
        let ends = Instant::now() + WINDOW;
        let times = match self {
            Self::Postgres(pool, next) => {
                let work = (0..clients).map(|client| async move {
                    let location = Uuid::from_u128(client as u128 % 16);
                    let mut times = Vec::new();
                    while Instant::now() < ends {
                        let started = Instant::now();
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        one_statement(pool, location, number).await.unwrap();
                        times.push(started.elapsed());
                    }
                    times
                });
                join_all(work).await.into_iter().flatten().collect()
            }
            Self::Sqlite(connection, next) => {
                let mut connection = connection.lock().await;
                let mut times = Vec::new();
                while Instant::now() < ends {
                    let started = Instant::now();
                    group(&mut connection, next).await.unwrap();
                    times.extend([started.elapsed(); GROUP]);
                }
                times
            }
        };
        Pace::of(times, WINDOW)
    }

    /// Closes the connections. The rows stay: no promise is about them.
    pub async fn close(self) {
        match self {
            Self::Postgres(pool, _) => {
                let tables = ["orders", "idempotency"];
                for table in tables {
                    let delete = format!("DELETE FROM {table} WHERE tenant_id = $1");
                    let delete = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(TENANT);
                    delete.execute(&pool).await.unwrap();
                }
                pool.close().await;
            }
            Self::Sqlite(connection, _) => {
                let mut connection = connection.into_inner();
                let delete = sqlx::query("DELETE FROM orders WHERE tenant_id = $1").bind(TENANT);
                delete.execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}

fn key(number: u64) -> Vec<u8> {
    // Spread like a digest is.
    let spread = u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C834);
    [spread.to_le_bytes(), spread.to_be_bytes()].concat()
}

async fn one_statement(pool: &PgPool, location: Uuid, number: u64) -> Result<(), sqlx::Error> {
    let now = chrono::Utc::now();
    let query = sqlx::query(ALL)
        .bind(TENANT)
        .bind(Uuid::now_v7())
        .bind(location)
        .bind(i32::try_from(number).unwrap())
        .bind(now.timestamp_micros())
        .bind(vec![7_u8; STATE])
        .bind(key(number))
        .bind(vec![7_u8; 32])
        .bind(vec![7_u8; ANSWER])
        .bind(now)
        .bind(vec![7_u8; PAYLOAD]);
    query.execute(pool).await.map(drop)
}

async fn group(connection: &mut SqliteConnection, next: &AtomicU64) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for client in 0..GROUP {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let (id, location, now) = (Uuid::now_v7(), Uuid::from_u128(client as u128), chrono::Utc::now());
        let order = sqlx::query(ORDER)
            .bind(TENANT)
            .bind(id)
            .bind(location)
            .bind(i32::try_from(number).unwrap())
            .bind(now.timestamp_micros())
            .bind(vec![7_u8; STATE]);
        order.execute(&mut *transaction).await?;
        let event = sqlx::query(EVENT)
            .bind(TENANT)
            .bind(id)
            .bind(location)
            .bind(now)
            .bind(vec![7_u8; PAYLOAD]);
        event.execute(&mut *transaction).await?;
        let record = sqlx::query(RECORD)
            .bind(TENANT)
            .bind(key(number))
            .bind(vec![7_u8; 32])
            .bind(vec![7_u8; ANSWER])
            .bind(now);
        record.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
