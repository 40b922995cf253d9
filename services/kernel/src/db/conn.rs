//! A connection in the hands of one request, and how statements run on it.

use std::time::Duration;

use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use super::many::{self, Part};
use super::{DbError, STATEMENT_LIMIT, lane, postgres, sqlite};

/// A connection in the hands of one request.
pub struct Conn {
    pub(super) held: Held,
    /// No statement on it may take longer.
    pub(super) limit: Duration,
}

pub(super) enum Held {
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

/// Runs one statement on whichever engine the connection belongs to, within the [limit](Conn::limit) of the connection.
#[macro_export]
macro_rules! on {
    ($conn:expr, |$c:ident| $statement:expr) => {{
        let conn: &mut $crate::db::Conn = $conn;
        let limit = conn.limit();
        let outcome = match conn.engine() {
            Ok($crate::db::Engine::Sqlite($c)) => $crate::db::within(limit, $statement).await,
            Ok($crate::db::Engine::Postgres($c)) => $crate::db::within(limit, $statement).await,
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

/// The result of a statement within [`STATEMENT_LIMIT`], or [`DbError::TimedOut`].
///
/// # Errors
/// The statement's own error, or that it took too long.
pub async fn bounded<T>(statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    within(STATEMENT_LIMIT, statement).await
}

/// The statement's result, or [`DbError::TimedOut`]. For [`on!`](crate::on).
///
/// # Errors
/// The statement's own error, or that it took too long.
pub async fn within<T>(limit: Duration, statement: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DbError> {
    match tokio::time::timeout(limit, statement).await {
        Ok(outcome) => outcome.map_err(DbError::from),
        Err(_) => Err(DbError::TimedOut),
    }
}

impl From<Held> for Conn {
    fn from(held: Held) -> Self {
        let limit = STATEMENT_LIMIT;
        Self { held, limit }
    }
}

impl Conn {
    /// No statement on this connection may take longer.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The engine's own connection. For [`on!`](crate::on).
    ///
    /// # Errors
    /// If the connection was given up after an earlier error.
    pub fn engine(&mut self) -> Result<Engine<'_>, DbError> {
        Ok(match &mut self.held {
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
            match &mut self.held {
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
        matches!(self.held, Held::Postgres(_) | Held::PostgresLane(_))
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
        match self.held {
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
        match self.held {
            Held::SqliteRead(_) => {}
            Held::SqliteWrite(unit) => unit.rollback().await,
            Held::Postgres(transaction) => transaction.rollback().await,
            Held::PostgresLane(lane) => lane.give_back(),
        }
    }
}
