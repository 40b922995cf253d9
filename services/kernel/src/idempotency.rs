//! The same key, the same answer.
//!
//! A record is found by a keyed digest of (caller, method, key) and holds a keyed digest of the request and the sealed
//! answer. The sealing key is derived from the caller's key, which is not stored: the database alone gives neither
//! tokens nor ballots away, nor lets anybody test a guess of what was asked.
//!
//! What it promises is told as a map in `tests/model_kernel/idempotency/book.rs`, and held to it there, also for calls at once.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use prost::Message;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use crate::clock::World;
use crate::db::many::{Does, Kind, Many, Value};
use crate::db::{Conn, Db, DbError, Reach};
use crate::error::Error;
use crate::identity::Caller;
use crate::seal::{MasterKey, Sealing, keyed_digest};
use crate::{exec, on};

/// The metadata key under which a client sends its key.
pub const HEADER: &str = "idempotency-key";
/// Records are kept for so long at least.
pub const KEPT: TimeDelta = TimeDelta::hours(48);

const LONGEST_KEY: usize = 255;

/// Keys for looking records up.
#[derive(Clone)]
pub struct Idempotency {
    master: Arc<MasterKey>,
    index_key: [u8; 32],
    request_key: [u8; 32],
    world: World,
}

/// What was answered.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// The gRPC code; 0 is success.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The encoded response, or the encoded status details of a refusal.
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
    /// The message of a refusal.
    #[prost(string, tag = "3")]
    pub message: String,
}

/// The record of one request.
#[derive(Clone)]
pub(crate) struct Records {
    keys: Idempotency,
    tenant: Uuid,
    key_digest: [u8; 32],
    request_digest: [u8; 32],
    sealing: Sealing,
}

impl Idempotency {
    /// Keys derived from the installation's secret.
    pub fn new(master: Arc<MasterKey>, world: World) -> Self {
        let index_key = master.derive("idempotency-index", b"");
        let request_key = master.derive("idempotency-request", b"");
        Self {
            master,
            index_key,
            request_key,
            world,
        }
    }

    /// The record that this request would have; none if the client sent no key.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where the key is empty, longer than 255 bytes, not visible ASCII, or sent twice.
    pub(crate) fn of_request(
        &self,
        metadata: &MetadataMap,
        caller: &Caller,
        method: &str,
        request: &impl Message,
    ) -> Result<Option<Records>, Error> {
        let mut keys = metadata.get_all(HEADER).iter();
        let Some(key) = keys.next() else { return Ok(None) };
        let fault = |what| Error::invalid(HEADER, "BAD_IDEMPOTENCY_KEY", what);
        if keys.next().is_some() {
            return Err(fault("send one idempotency key, not several"));
        }
        let key = key.to_str().map_err(|_| fault("must be visible ASCII"))?.as_bytes();
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(fault("must have 1 to 255 characters"));
        }
        let tenant = caller.tenant_id.unwrap_or_default();
        let key_digest = keyed_digest(
            &self.index_key,
            &[tenant.as_bytes(), caller.actor().as_bytes(), method.as_bytes(), key],
        );
        let request_digest = keyed_digest(&self.request_key, &[&request.encode_to_vec()]);
        let sealing = self.master.sealing("idempotency-answer", key);
        Ok(Some(Records {
            keys: self.clone(),
            tenant,
            key_digest,
            request_digest,
            sealing,
        }))
    }
}

/// A record as it is written.
pub(crate) struct Row {
    pub(crate) tenant: Uuid,
    pub(crate) key_digest: [u8; 32],
    pub(crate) request_digest: [u8; 32],
    pub(crate) answer: Vec<u8>,
}

impl Records {
    /// Begins a writing transaction and looks for the answer given before; on PostgreSQL in one round trip.
    ///
    /// # Errors
    /// As [`find`](Self::find), or that the database is out of reach.
    pub(crate) async fn begin(&self, db: &Db, reach: Reach) -> Result<(Conn, Option<Record>), Error> {
        let (conn, found) = db.write_and_find(reach, self.tenant, &self.key_digest).await?;
        match found.map(|found| self.read(found)).transpose() {
            Ok(record) => Ok((conn, record)),
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    /// The answer given before, if any.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with reason `IDEMPOTENCY_MISMATCH` if the key was used for another request.
    pub(crate) async fn find(&self, conn: &mut Conn) -> Result<Option<Record>, Error> {
        let found = look_up(conn, self.tenant, &self.key_digest).await?;
        found.map(|found| self.read(found)).transpose()
    }

    fn read(&self, (request_digest, answer): Found) -> Result<Record, Error> {
        if request_digest != self.request_digest {
            return Err(Error::invalid(
                HEADER,
                "IDEMPOTENCY_MISMATCH",
                "this key was used for another request; use a new key for a new request",
            ));
        }
        let answer = self.sealing.open(&self.key_digest, &answer)?;
        Record::decode(answer.as_slice()).map_err(Error::internal)
    }

    /// The row that keeps this answer, sealed.
    pub(crate) fn row(&self, answer: &Record) -> Result<Row, Error> {
        let answer = self
            .sealing
            .seal(&self.keys.world, &self.key_digest, &answer.encode_to_vec())?;
        let (tenant, key_digest, request_digest) = (self.tenant, self.key_digest, self.request_digest);
        Ok(Row {
            tenant,
            key_digest,
            request_digest,
            answer,
        })
    }

    /// The tenant whose record it is; all of them for callers without one.
    pub(crate) fn reach(&self) -> Reach {
        if self.tenant.is_nil() {
            Reach::System
        } else {
            Reach::Tenant(self.tenant)
        }
    }
}

/// What is kept under a key: the digest of the request, and the sealed answer.
pub(crate) type Found = (Vec<u8>, Vec<u8>);

/// What is kept under a key.
pub(crate) async fn look_up(conn: &mut Conn, tenant: Uuid, key_digest: &[u8; 32]) -> Result<Option<Found>, DbError> {
    let sql = "SELECT request_digest, answer FROM idempotency WHERE tenant_id = $1 AND key_digest = $2";
    on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(key_digest.as_slice())
        .fetch_optional(c))
}

static KEPT_KEYS: Many = Many {
    columns: &[("key_digest", Kind::Bytes)],
    text: "SELECT kept.tenant_id, kept.key_digest FROM new JOIN idempotency AS kept \
           ON kept.tenant_id = new.tenant_id AND kept.key_digest = new.key_digest",
    does: Does::Find,
};

/// Which of these keys something is kept under already.
pub(crate) async fn kept<'r>(
    conn: &mut Conn,
    rows: impl Iterator<Item = &'r Row>,
) -> Result<HashSet<(Uuid, [u8; 32])>, DbError> {
    let keys: Vec<_> = rows
        .map(|row| (row.tenant, [Value::Bytes(Cow::Borrowed(&row.key_digest))]))
        .collect();
    let keys: Vec<_> = keys.iter().map(|(tenant, key)| (*tenant, key.as_slice())).collect();
    let kept: Vec<(Uuid, Vec<u8>)> = KEPT_KEYS.fetch(conn, &keys).await?;
    let digest = |(tenant, digest): (Uuid, Vec<u8>)| digest.try_into().ok().map(|digest| (tenant, digest));
    Ok(kept.into_iter().filter_map(digest).collect())
}

/// Deletes records that are older than [`KEPT`], a few at a time.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget_old(db: &Db, now: DateTime<Utc>) -> Result<u64, DbError> {
    let mut conn = db.write(Reach::System).await?;
    let sql = if conn.is_postgres() {
        "DELETE FROM idempotency WHERE (tenant_id, key_digest) IN \
         (SELECT tenant_id, key_digest FROM idempotency WHERE at < $1 LIMIT 1000)"
    } else {
        // Of the pair SQLite would look up the tenant alone, and pass over all its keys.
        "DELETE FROM idempotency WHERE rowid IN (SELECT rowid FROM idempotency WHERE at < $1 LIMIT 1000)"
    };
    let deleted = exec!(&mut conn, sqlx::query(sql).bind(now - KEPT));
    match deleted {
        Ok(count) => conn.commit().await.map(|()| count),
        Err(error) => {
            conn.rollback().await;
            Err(error)
        }
    }
}
