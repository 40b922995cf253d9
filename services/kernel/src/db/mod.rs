//! The database: one SQL text on SQLite and on PostgreSQL.
//!
//! A store function takes a [`Conn`] and runs its statement through [`on!`](crate::on), which runs the same text on
//! whichever engine is there, with a time-out around it:
//!
//! ```ignore
//! pub async fn find(conn: &mut Conn, tenant: Uuid, id: Uuid) -> Result<Option<Row>, DbError> {
//!     on!(conn, |c| sqlx::query_as("SELECT … WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).fetch_optional(c))
//! }
//! ```
//!
//! Nothing but [`UnitOfWork`](crate::uow::UnitOfWork) and the log's consumers begin or commit.

pub mod closing;
mod error;
pub(crate) mod group;
mod lane;
pub mod many;
pub mod migrate;
mod postgres;
mod sqlite;
mod suspicion;

use std::path::PathBuf;
use std::time::Duration;

pub use error::DbError;
use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use self::many::Part;
use crate::error::Error;
use crate::idempotency::{self, Found};

/// No statement may take longer.
pub const STATEMENT_LIMIT: Duration = Duration::from_secs(5);

/// Where a service keeps its data.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file of its own. The folder must exist.
    Sqlite(PathBuf),
    /// A schema of its own, named after the service.
    Postgres {
        /// Connection URL of the role that the service works as: neither owner nor superuser, or row-level security
        /// does not hold it.
        url: String,
        /// Connections at most.
        connections: u32,
    },
}

/// Whose rows a connection may see. On PostgreSQL the database enforces it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One tenant's.
    Tenant(Uuid),
    /// Everybody's: log readers, sign-in before the tenant is known, operator commands.
    System,
}

/// One service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: DbEngine,
    group: group::Group,
}

#[derive(Clone)]
enum DbEngine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// A connection in the hands of one request.
pub struct Conn(Held);

enum Held {
    SqliteRead(sqlx::pool::PoolConnection<sqlx::Sqlite>),
    SqliteWrite(sqlite::WriteUnit),
    Postgres(postgres::Transaction),
    PostgresLane(lane::Lane),
}

/// What [`on!`](crate::on) hands to the statement.
pub enum Engine<'c> {
    /// SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// PostgreSQL.
    Postgres(&'c mut PgConnection),
}

/// Runs one statement on whichever engine the connection belongs to, within [`STATEMENT_LIMIT`].
#[macro_export]
macro_rules! on {
    ($conn:expr, |$c:ident| $statement:expr) => {{
        let conn: &mut $crate::db::Conn = $conn;
        let outcome = match conn.engine() {
            Ok($crate::db::Engine::Sqlite($c)) => $crate::db::bounded($statement).await,
            Ok($crate::db::Engine::Postgres($c)) => $crate::db::bounded($statement).await,
            Err(error) => Err(error),
        };
        conn.settle(outcome)
    }};
}

/// Runs one statement that returns no rows, and answers how many it changed.
#[macro_export]
macro_rules! exec {
    ($conn:expr, $query:expr) => {
        $crate::on!($conn, |c| async {
            $query.execute(c).await.map(|done| done.rows_affected())
        })
    };
}

/// The statement's result, or [`DbError::TimedOut`].
///
/// # Errors
/// The statement's own error, or that it took too long.
pub async fn bounded<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    match tokio::time::timeout(STATEMENT_LIMIT, statement).await {
        Ok(outcome) => outcome.map_err(DbError::from),
        Err(_) => Err(DbError::TimedOut),
    }
}

impl Db {
    /// Opens the database of `service`. Connections are made when they are needed.
    ///
    /// # Errors
    /// If the URL or the file name is not usable.
    pub async fn open(service: &'static str, place: &Place) -> Result<Self, Error> {
        let engine = match place {
            Place::Sqlite(path) => DbEngine::Sqlite(sqlite::Sqlite::open(path).await?),
            Place::Postgres { url, connections } => {
                DbEngine::Postgres(postgres::Postgres::open(service, url, *connections)?)
            }
        };
        let group = group::Group::start(engine.clone());
        Ok(Self { engine, group })
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn read(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn(match &self.engine {
            DbEngine::Sqlite(sqlite) => Held::SqliteRead(sqlite.reader().await?),
            DbEngine::Postgres(postgres) => Held::Postgres(postgres.begin(reach, true, "").await?.0),
        }))
    }

    /// A connection for one question that many asked, who come together: it begins nothing, so that the answer costs one
    /// round trip. For [`Gather`](crate::gather::Gather); there are few of them.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn glance(&self, reach: Reach) -> Result<Conn, DbError> {
        self.engine.glance(reach).await
    }

    /// A connection inside a writing transaction.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time; `RESOURCE_EXHAUSTED` if too many wait for the one writer.
    pub async fn write(&self, reach: Reach) -> Result<Conn, DbError> {
        self.engine.write(reach).await
    }

    /// [`write`](Self::write), and what is kept under an idempotency key; on PostgreSQL in the same round trip.
    pub(crate) async fn write_and_find(
        &self,
        reach: Reach,
        tenant: Uuid,
        key_digest: &[u8; 32],
    ) -> Result<(Conn, Option<Found>), DbError> {
        if let DbEngine::Postgres(postgres) = &self.engine {
            let digest: String = key_digest.iter().map(|byte| format!("{byte:02x}")).collect();
            // Both are ours, a UUID and hexadecimal digits: the simple protocol has no parameters.
            let look = format!(
                "; SELECT request_digest, answer FROM idempotency WHERE tenant_id = '{tenant}' AND key_digest = '\\x{digest}'"
            );
            let (transaction, rows) = postgres.begin(reach, false, &look).await?;
            return Ok((Conn(Held::Postgres(transaction)), rows.into_iter().next()));
        }
        let mut conn = self.write(reach).await?;
        match idempotency::look_up(&mut conn, tenant, key_digest).await {
            Ok(found) => Ok((conn, found)),
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Where units of work that end at the same moment are written together.
    pub(crate) fn group(&self) -> &group::Group {
        &self.group
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn ping(&self) -> Result<(), DbError> {
        let mut conn = self.read(Reach::System).await?;
        let alive = crate::exec!(&mut conn, sqlx::query("SELECT 1"));
        conn.rollback().await;
        alive.map(drop)
    }

    /// Whether this is PostgreSQL, for the few places where engines must differ.
    pub fn is_postgres(&self) -> bool {
        self.engine.is_postgres()
    }

    /// Lets running statements end, then closes every connection.
    pub async fn close(&self) {
        match &self.engine {
            DbEngine::Sqlite(sqlite) => sqlite.close().await,
            DbEngine::Postgres(postgres) => postgres.close().await,
        }
    }
}

impl DbEngine {
    async fn glance(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn(match self {
            Self::Sqlite(sqlite) => Held::SqliteRead(sqlite.reader().await?),
            Self::Postgres(postgres) => Held::PostgresLane(postgres.lanes().take(reach).await?),
        }))
    }

    async fn write(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn(match self {
            Self::Sqlite(sqlite) => Held::SqliteWrite(sqlite.writer().begin().await?),
            Self::Postgres(postgres) => Held::Postgres(postgres.begin(reach, false, "").await?.0),
        }))
    }

    fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl Reach {
    /// What the database's guard is told: a UUID or a fixed word, nothing from outside.
    fn name(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.to_string(),
            Self::System => "system".to_owned(),
        }
    }
}

impl Conn {
    /// The engine's own connection. For [`on!`](crate::on).
    ///
    /// # Errors
    /// If the connection was given up after an earlier error.
    pub fn engine(&mut self) -> Result<Engine<'_>, DbError> {
        Ok(match &mut self.0 {
            Held::SqliteRead(conn) => Engine::Sqlite(conn),
            Held::SqliteWrite(unit) => Engine::Sqlite(unit.conn()?),
            Held::Postgres(transaction) => Engine::Postgres(transaction.conn()?),
            Held::PostgresLane(lane) => Engine::Postgres(lane.conn()?),
        })
    }

    /// Takes note of a statement's outcome: a connection that timed out or broke is not used again, nor is a transaction
    /// that the engine may have ended.
    ///
    /// # Errors
    /// The outcome's own error.
    pub fn settle<T>(&mut self, outcome: Result<T, DbError>) -> Result<T, DbError> {
        if let Err(error) = &outcome {
            match &mut self.0 {
                Held::Postgres(transaction) => transaction.note(error),
                Held::PostgresLane(lane) => lane.note(error),
                Held::SqliteWrite(unit) if error.may_end_transaction() => unit.give_up(),
                _ => {}
            }
        }
        outcome
    }

    /// Whether this is PostgreSQL, for the few statements where engines must differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Held::Postgres(_) | Held::PostgresLane(_))
    }

    /// Waits until no other unit of this service holds this name for this tenant, and holds it until this unit ends. On
    /// SQLite the one writer holds every name.
    ///
    /// # Errors
    /// `CONFLICT` if it takes too long, or that the database is out of reach.
    pub async fn hold_name(&mut self, tenant: Uuid, name: &str) -> Result<(), DbError> {
        if !self.is_postgres() {
            return Ok(());
        }
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || $1, 0))";
        crate::exec!(self, sqlx::query(sql).bind(format!("/{tenant}/{name}"))).map(drop)
    }

    /// Runs statements as one of PostgreSQL: in one round trip, all of them or none.
    pub(crate) async fn run_as_one(&mut self, parts: &[Part<'_>]) -> Result<(), DbError> {
        let outcome = match self.engine() {
            Ok(Engine::Postgres(connection)) => many::run_as_one(connection, parts).await,
            Ok(Engine::Sqlite(_)) => Err(DbError::Unavailable(sqlx::Error::PoolClosed)),
            Err(error) => Err(error),
        };
        self.settle(outcome)
    }

    /// Makes everything done on this connection lasting. On SQLite several units share one commit.
    ///
    /// # Errors
    /// [`DbError::CommitUnknown`] where the connection broke before the answer: it may have happened.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.0 {
            Held::SqliteRead(_) => Ok(()),
            Held::SqliteWrite(unit) => unit.commit().await,
            Held::Postgres(transaction) => transaction.commit().await,
            Held::PostgresLane(lane) => {
                lane.give_back();
                Ok(())
            }
        }
    }

    /// Undoes everything done on this connection.
    pub async fn rollback(self) {
        match self.0 {
            Held::SqliteRead(_) => {}
            Held::SqliteWrite(unit) => unit.rollback().await,
            Held::Postgres(transaction) => transaction.rollback().await,
            Held::PostgresLane(lane) => lane.give_back(),
        }
    }
}
