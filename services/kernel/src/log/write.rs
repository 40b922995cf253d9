//! Writing what a unit of work leaves behind: its events and its idempotency record.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::NewEvent;
use crate::db::closing::Closing;
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
    let mut arrays = Arrays::default();
    arrays.add(cause, events, record);
    arrays.write(conn).await
}

/// Writes what a group of units left. Only PostgreSQL has groups.
pub(crate) async fn write_many(conn: &mut Conn, group: &[Closing]) -> Result<(), DbError> {
    let mut arrays = Arrays::default();
    for unit in group {
        let cause = Cause {
            tenant: unit.tenant,
            actor: &unit.actor,
            request_id: &unit.request_id,
            at: unit.at,
        };
        arrays.add(&cause, &unit.events, unit.record.as_ref());
    }
    arrays.write(conn).await
}

/// The columns of events and records.
#[derive(Default)]
struct Arrays<'u> {
    tenants: Vec<Uuid>,
    actors: Vec<&'u str>,
    requests: Vec<&'u str>,
    moments: Vec<DateTime<Utc>>,
    events: Vec<&'u NewEvent>,
    records: Vec<(&'u idempotency::Row, DateTime<Utc>)>,
}

impl<'u> Arrays<'u> {
    fn add(&mut self, cause: &Cause<'u>, events: &'u [NewEvent], record: Option<&'u idempotency::Row>) {
        for event in events {
            self.tenants.push(cause.tenant);
            self.actors.push(cause.actor);
            self.requests.push(cause.request_id);
            self.moments.push(cause.at);
            self.events.push(event);
        }
        self.records.extend(record.map(|record| (record, cause.at)));
    }

    async fn write(self, conn: &mut Conn) -> Result<(), DbError> {
        let sql = "WITH record AS ( \
                     INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) \
                     SELECT * FROM UNNEST($10::uuid[], $11::bytea[], $12::bytea[], $13::bytea[], $14::timestamptz[])) \
                   INSERT INTO events (tenant_id, actor, request_id, at, kind, aggregate_id, version, location_id, payload) \
                   SELECT tenant_id, actor, request_id, at, kind, aggregate_id, version, location_id, payload \
                   FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[], \
                     $7::bigint[], $8::uuid[], $9::bytea[]) WITH ORDINALITY \
                     AS new (tenant_id, actor, request_id, at, kind, aggregate_id, version, location_id, payload, place) \
                   ORDER BY place";
        let (events, records) = (&self.events, &self.records);
        let query = sqlx::query(sql)
            .bind(self.tenants)
            .bind(self.actors)
            .bind(self.requests)
            .bind(self.moments)
            .bind(events.iter().map(|event| event.kind).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.aggregate_id).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.version).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.location_id).collect::<Vec<_>>())
            .bind(events.iter().map(|event| event.payload.as_slice()).collect::<Vec<_>>())
            .bind(records.iter().map(|(row, _)| row.tenant).collect::<Vec<_>>())
            .bind(
                records
                    .iter()
                    .map(|(row, _)| row.key_digest.as_slice())
                    .collect::<Vec<_>>(),
            )
            .bind(
                records
                    .iter()
                    .map(|(row, _)| row.request_digest.as_slice())
                    .collect::<Vec<_>>(),
            )
            .bind(records.iter().map(|(row, _)| row.answer.as_slice()).collect::<Vec<_>>())
            .bind(records.iter().map(|(_, at)| *at).collect::<Vec<_>>());
        let outcome = match conn.engine() {
            Ok(Engine::Postgres(connection)) => bounded(query.execute(connection)).await.map(drop),
            Ok(Engine::Sqlite(_)) => Err(DbError::Unavailable(sqlx::Error::PoolClosed)),
            Err(error) => Err(error),
        };
        conn.settle(outcome)
    }
}
