//! Writing what a unit of work leaves behind: its events and its idempotency record.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::NewEvent;
use crate::db::closing::Closing;
use crate::db::many::{Does, Kind, Many, Part, Value};
use crate::db::{Conn, DbError};
use crate::idempotency;

static EVENTS: Many = Many {
    columns: &[
        ("place", Kind::Long),
        ("actor", Kind::Text),
        ("request_id", Kind::Text),
        ("at", Kind::Moment),
        ("kind", Kind::Text),
        ("aggregate_id", Kind::Uuid),
        ("version", Kind::Long),
        ("location_id", Kind::Uuid),
        ("payload", Kind::Bytes),
    ],
    text: "INSERT INTO events (tenant_id, actor, request_id, at, kind, aggregate_id, version, location_id, payload) \
           SELECT tenant_id, actor, request_id, at, kind, aggregate_id, version, location_id, payload FROM new \
           ORDER BY place",
    does: Does::Write,
};

static RECORDS: Many = Many {
    columns: &[
        ("key_digest", Kind::Bytes),
        ("request_digest", Kind::Bytes),
        ("answer", Kind::Bytes),
        ("at", Kind::Moment),
    ],
    text: "INSERT INTO idempotency (tenant_id, key_digest, request_digest, answer, at) \
           SELECT tenant_id, key_digest, request_digest, answer, at FROM new",
    does: Does::Write,
};

/// Who did it, in which request, when.
pub(crate) struct Cause<'a> {
    pub(crate) tenant: Uuid,
    pub(crate) actor: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) at: DateTime<Utc>,
}

/// What units left, as rows.
#[derive(Default)]
pub(crate) struct Left<'u> {
    events: Vec<(Uuid, [Value<'u>; 9])>,
    records: Vec<(Uuid, [Value<'u>; 4])>,
}

impl<'u> Left<'u> {
    /// What a group left.
    pub(crate) fn of(group: &[&'u Closing]) -> Self {
        let mut left = Self::default();
        for unit in group {
            let cause = Cause {
                tenant: unit.tenant,
                actor: &unit.actor,
                request_id: &unit.request_id,
                at: unit.at,
            };
            left.add(&cause, &unit.events, unit.record.as_ref());
        }
        left
    }

    /// Events in their order, and the record if there is one.
    pub(crate) fn add(&mut self, cause: &Cause<'u>, events: &'u [NewEvent], record: Option<&'u idempotency::Row>) {
        for event in events {
            let place = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
            let row = [
                Value::Long(place),
                Value::Text(Cow::Borrowed(cause.actor)),
                Value::Text(Cow::Borrowed(cause.request_id)),
                Value::Moment(cause.at),
                Value::Text(Cow::Borrowed(event.kind)),
                Value::Uuid(event.aggregate_id),
                Value::Long(event.version),
                event.location_id.map_or(Value::Null, Value::Uuid),
                Value::Bytes(Cow::Borrowed(&event.payload)),
            ];
            self.events.push((cause.tenant, row));
        }
        if let Some(record) = record {
            self.remember(record, cause.at);
        }
    }

    /// A record without a unit.
    pub(crate) fn alone(record: &'u idempotency::Row, at: DateTime<Utc>) -> Self {
        let mut left = Self::default();
        left.remember(record, at);
        left
    }

    fn remember(&mut self, record: &'u idempotency::Row, at: DateTime<Utc>) {
        let row = [
            Value::Bytes(Cow::Borrowed(&record.key_digest)),
            Value::Bytes(Cow::Borrowed(&record.request_digest)),
            Value::Bytes(Cow::Borrowed(&record.answer)),
            Value::Moment(at),
        ];
        self.records.push((record.tenant, row));
    }

    /// The statements that write it.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        let events = self
            .events
            .iter()
            .map(|(tenant, row)| (*tenant, row.as_slice()))
            .collect();
        let records = self
            .records
            .iter()
            .map(|(tenant, row)| (*tenant, row.as_slice()))
            .collect();
        let parts = [
            Part {
                many: &EVENTS,
                rows: events,
            },
            Part {
                many: &RECORDS,
                rows: records,
            },
        ];
        parts.into_iter().filter(|part| !part.rows.is_empty()).collect()
    }

    /// Writes it. On PostgreSQL that is one round trip.
    pub(crate) async fn write(&self, conn: &mut Conn) -> Result<(), DbError> {
        let parts = self.parts();
        if conn.is_postgres() && parts.len() > 1 {
            return conn.run_as_one(&parts).await;
        }
        for Part { many, rows } in parts {
            many.run(conn, &rows).await?;
        }
        Ok(())
    }
}
