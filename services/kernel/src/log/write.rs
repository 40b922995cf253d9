//! Writing what a unit of work leaves behind: its events and its idempotency record.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::NewEvent;
use crate::db::{Conn, DbError, Engine, bounded};
use crate::{exec, idempotency};

/// Who did it, in which request, when.
pub(crate) struct Cause<'a> {
    pub(crate) tenant: Uuid,
    pub(crate) actor: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) at: DateTime<Utc>,
}

/// Writes events in order, and the record if there is one. On PostgreSQL that is one round trip.
pub(crate) async fn write_out(
    conn: &mut Conn,
    cause: &Cause<'_>,
    events: &[NewEvent],
    record: Option<&idempotency::Row>,
) -> Result<(), DbError> {
    if conn.is_postgres() && events.len() + usize::from(record.is_some()) > 1 {
        return at_once(conn, cause, events, record).await;
    }
    for event in events {
        insert(conn, cause, event).await?;
    }
    match record {
        Some(record) => record.insert(conn, cause.at).await,
        None => Ok(()),
    }
}

async fn insert(conn: &mut Conn, cause: &Cause<'_>, event: &NewEvent) -> Result<(), DbError> {
    let sql = "INSERT INTO events (tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(cause.tenant)
            .bind(event.kind)
            .bind(event.aggregate_id)
            .bind(event.version)
            .bind(event.location_id)
            .bind(cause.actor)
            .bind(cause.request_id)
            .bind(cause.at)
            .bind(event.payload.as_slice())
    )
    .map(drop)
}

/// Arrays instead of rows, which only PostgreSQL has: one statement for everything.
async fn at_once(
    conn: &mut Conn,
    cause: &Cause<'_>,
    events: &[NewEvent],
    record: Option<&idempotency::Row>,
) -> Result<(), DbError> {
    let sql = "WITH record AS ( \
                 INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) \
                 SELECT $10, $11, $12, $13, $4 WHERE $10 IS NOT NULL) \
               INSERT INTO events (tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload) \
               SELECT $1, kind, aggregate_id, version, location_id, $2, $3, $4, payload \
               FROM UNNEST($5::text[], $6::uuid[], $7::bigint[], $8::uuid[], $9::bytea[]) WITH ORDINALITY \
                 AS new (kind, aggregate_id, version, location_id, payload, place) ORDER BY place";
    let query = sqlx::query(sql)
        .bind(cause.tenant)
        .bind(cause.actor)
        .bind(cause.request_id)
        .bind(cause.at)
        .bind(events.iter().map(|event| event.kind).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.aggregate_id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.location_id).collect::<Vec<_>>())
        .bind(events.iter().map(|event| event.payload.as_slice()).collect::<Vec<_>>())
        .bind(record.map(|record| record.tenant))
        .bind(record.map(|record| record.key_digest.as_slice()))
        .bind(record.map(|record| record.request_digest.as_slice()))
        .bind(record.map(|record| record.answer.as_slice()));
    let outcome = match conn.engine() {
        Ok(Engine::Postgres(connection)) => bounded(query.execute(connection)).await.map(drop),
        Ok(Engine::Sqlite(_)) => Err(DbError::Unavailable(sqlx::Error::PoolClosed)),
        Err(error) => Err(error),
    };
    conn.settle(outcome)
}
