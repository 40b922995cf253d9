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
pub mod migrate;
mod postgres;
mod sqlite;
mod suspicion;

use std::path::PathBuf;
use std::time::Duration;

pub use error::DbError;
use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

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
}

#[derive(Clone)]
enum DbEngine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres, group::Group),
}

/// A connection in the hands of one request.
pub struct Conn(Held);

enum Held {
    SqliteRead(sqlx::pool::PoolConnection<sqlx::Sqlite>),
    SqliteWrite(sqlite::WriteUnit),
    Postgres(postgres::Transaction),
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
                let postgres = postgres::Postgres::open(service, url, *connections)?;
                let group = group::Group::start(&postgres);
                DbEngine::Postgres(postgres, group)
            }
        };
        Ok(Self { engine })
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn read(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn(match &self.engine {
            DbEngine::Sqlite(sqlite) => Held::SqliteRead(sqlite.reader().await?),
            DbEngine::Postgres(postgres, _) => Held::Postgres(postgres.begin(reach, true, "").await?.0),
        }))
    }

    /// A connection inside a writing transaction.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time; `RESOURCE_EXHAUSTED` if too many wait for the one writer.
    pub async fn write(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn(match &self.engine {
            DbEngine::Sqlite(sqlite) => Held::SqliteWrite(sqlite.writer().begin().await?),
            DbEngine::Postgres(postgres, _) => Held::Postgres(postgres.begin(reach, false, "").await?.0),
        }))
    }

    /// [`write`](Self::write), and what is kept under an idempotency key; on PostgreSQL in the same round trip.
    pub(crate) async fn write_and_find(
        &self,
        reach: Reach,
        tenant: Uuid,
        key_digest: &[u8; 32],
    ) -> Result<(Conn, Option<Found>), DbError> {
        if let DbEngine::Postgres(postgres, _) = &self.engine {
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

    /// Where units of work that end at the same moment are written together: on PostgreSQL.
    pub(crate) fn group(&self) -> Option<&group::Group> {
        match &self.engine {
            DbEngine::Sqlite(_) => None,
            DbEngine::Postgres(_, group) => Some(group),
        }
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
        matches!(self.engine, DbEngine::Postgres(..))
    }

    /// Lets running statements end, then closes every connection.
    pub async fn close(&self) {
        match &self.engine {
            DbEngine::Sqlite(sqlite) => sqlite.close().await,
            DbEngine::Postgres(postgres, _) => postgres.close().await,
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
                Held::SqliteWrite(unit) if error.may_end_transaction() => unit.give_up(),
                _ => {}
            }
        }
        outcome
    }

    /// Whether this is PostgreSQL, for the few statements where engines must differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self.0, Held::Postgres(_))
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

    /// Makes everything done on this connection lasting. On SQLite several units share one commit.
    ///
    /// # Errors
    /// [`DbError::CommitUnknown`] where the connection broke before the answer: it may have happened.
    pub async fn commit(self) -> Result<(), DbError> {
        match self.0 {
            Held::SqliteRead(_) => Ok(()),
            Held::SqliteWrite(unit) => unit.commit().await,
            Held::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Undoes everything done on this connection.
    pub async fn rollback(self) {
        match self.0 {
            Held::SqliteRead(_) => {}
            Held::SqliteWrite(unit) => unit.rollback().await,
            Held::Postgres(transaction) => transaction.rollback().await,
        }
    }
}
