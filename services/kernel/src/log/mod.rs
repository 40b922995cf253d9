//! The log of a service: history, audit trail, outbox and stream in one table.

mod consume;
mod doorbell;
mod follow;
mod serve;
mod write;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
pub use consume::{Applied, apply_once, cursor};
pub use doorbell::Doorbell;
pub use follow::{Batch, Follower};
use prost::Message;
pub use serve::LogApi;
use uuid::Uuid;
pub(crate) use write::{Cause, Left};

use crate::db::{Conn, DbError};
use crate::error::Error;
use crate::on;

/// Something that a handler decided. It is written when the unit of work commits.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// What happened: `orders.order_changed`. One kind has one payload message.
    pub kind: &'static str,
    /// To what.
    pub aggregate_id: Uuid,
    /// The how-manieth event of the aggregate, from 1. Two writers of the same version collide, and one runs again.
    pub version: i64,
    /// The location concerned, for streams.
    pub location_id: Option<Uuid>,
    /// The encoded message.
    pub payload: Vec<u8>,
}

impl NewEvent {
    /// An event with this message.
    pub fn new(kind: &'static str, aggregate_id: Uuid, version: i64, message: &impl Message) -> Self {
        Self {
            kind,
            aggregate_id,
            version,
            location_id: None,
            payload: message.encode_to_vec(),
        }
    }

    /// Names the location that it concerns.
    #[must_use]
    pub fn at_location(self, location_id: Uuid) -> Self {
        Self {
            location_id: Some(location_id),
            ..self
        }
    }
}

/// An event as it stands in the log.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredEvent {
    /// The transaction that wrote it (PostgreSQL), or 0.
    pub tx: i64,
    /// The row.
    pub seq: i64,
    /// To whose business it belongs.
    pub tenant_id: Uuid,
    /// What happened.
    pub kind: String,
    /// To what.
    pub aggregate_id: Uuid,
    /// The how-manieth event of the aggregate.
    pub version: i64,
    /// The location concerned.
    pub location_id: Option<Uuid>,
    /// Who did it: `person:…`, `device:…`, `service:…`.
    pub actor: String,
    /// The request that caused it.
    pub request_id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The encoded message.
    pub payload: Vec<u8>,
}

impl StoredEvent {
    /// The message.
    ///
    /// # Errors
    /// `INTERNAL` if the payload is not of this type.
    pub fn decode<M: Message + Default>(&self) -> Result<M, Error> {
        M::decode(self.payload.as_slice()).map_err(Error::internal)
    }

    /// Its place in the log.
    pub fn position(&self) -> Position {
        Position {
            tx: self.tx,
            seq: self.seq,
        }
    }
}

/// A place in the log. Everything up to it is final: nothing will ever appear before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    tx: i64,
    seq: i64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tx, self.seq)
    }
}

impl FromStr for Position {
    type Err = Error;

    /// Reads what `Display` wrote; empty text is the beginning.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let parts = text
            .split_once('.')
            .and_then(|(tx, seq)| Some((tx.parse().ok()?, seq.parse().ok()?)));
        let (tx, seq) =
            parts.ok_or_else(|| Error::invalid("position", "BAD_POSITION", "is not a position in this log"))?;
        Ok(Self { tx, seq })
    }
}

// Of (tx, seq) SQLite would look up the first alone, which is 0 in all rows, and pass over every event that there ever was.
const AFTER_SQLITE: &str = "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload \
     FROM events WHERE seq > $2 ORDER BY seq LIMIT $3";

// Commits land out of order, so a reader stops below the oldest transaction that is still open.
const AFTER_POSTGRES: &str = "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload \
     FROM events WHERE (tx, seq) > ($1, $2) AND tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
     ORDER BY tx, seq LIMIT $3";

/// Events after `position`, final ones only, in log order. The connection must reach all tenants.
///
/// # Errors
/// If the database is out of reach.
pub async fn read_after(conn: &mut Conn, position: Position, limit: i64) -> Result<Vec<StoredEvent>, DbError> {
    let sql = if conn.is_postgres() {
        AFTER_POSTGRES
    } else {
        AFTER_SQLITE
    };
    on!(conn, |c| sqlx::query_as(sql)
        .bind(position.tx)
        .bind(position.seq)
        .bind(limit)
        .fetch_all(c))
}

/// The end of the log: what a later statement on any connection reads includes everything up to here.
///
/// # Errors
/// If the database is out of reach.
pub async fn end(conn: &mut Conn) -> Result<Position, DbError> {
    if conn.is_postgres() {
        let sql = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1";
        let (tx,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c))?;
        Ok(Position { tx, seq: i64::MAX })
    } else {
        let (seq,): (i64,) = on!(conn, |c| sqlx::query_as("SELECT COALESCE(MAX(seq), 0) FROM events")
            .fetch_one(c))?;
        Ok(Position { tx: 0, seq })
    }
}

/// The history of one aggregate, oldest first, from after `version`.
///
/// # Errors
/// If the database is out of reach.
pub async fn history(
    conn: &mut Conn,
    tenant: Uuid,
    aggregate: Uuid,
    after_version: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, DbError> {
    on!(conn, |c| {
        sqlx::query_as(
        "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload FROM events \
         WHERE tenant_id = $1 AND aggregate_id = $2 AND version > $3 ORDER BY version LIMIT $4"
    )
    .bind(tenant)
    .bind(aggregate)
    .bind(after_version)
    .bind(limit)
    .fetch_all(c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::migrate::kernel_in_memory;

    #[tokio::test]
    async fn a_log_on_sqlite_is_read_from_where_the_reader_is() {
        let mut conn = kernel_in_memory().await;
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {AFTER_SQLITE}"));
        let asked = sqlx::query_as(explained).bind(0).bind(7).bind(100);
        let plan: Vec<(i64, i64, i64, String)> = asked.fetch_all(&mut conn).await.unwrap();
        let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
        assert_eq!(steps, ["SEARCH events USING INTEGER PRIMARY KEY (rowid>?)"]);
    }
}
