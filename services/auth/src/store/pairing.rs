//! Devices that ask to be let in. They belong to no tenant until somebody approves.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::DeviceKind;
use uuid::Uuid;

use super::one;
use crate::domain::pairing::{Decision, Request};

#[derive(sqlx::FromRow)]
struct Row {
    secret_digest: Vec<u8>,
    code: String,
    kind: i32,
    label: String,
    began_at: DateTime<Utc>,
    decision: i32,
    decided_at: Option<DateTime<Utc>>,
    for_tenant: Option<Uuid>,
    for_device: Option<Uuid>,
    by_person: Option<Uuid>,
    polled_at: Option<DateTime<Utc>>,
    session_id: Option<Uuid>,
    collected_at: Option<DateTime<Utc>>,
}

/// A request with the digest of its secret, by which it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of the secret.
    pub secret_digest: Vec<u8>,
    /// The request.
    pub request: Request,
}

impl From<Row> for Stored {
    fn from(row: Row) -> Self {
        let decision = match (row.decision, row.for_tenant, row.for_device, row.by_person) {
            (0, ..) => Decision::Open,
            (1, Some(tenant_id), Some(device_id), Some(person_id)) => Decision::Approved {
                tenant_id,
                device_id,
                person_id,
            },
            _ => Decision::Denied,
        };
        let request = Request {
            code: row.code,
            kind: DeviceKind::try_from(row.kind).unwrap_or(DeviceKind::Unspecified),
            label: row.label,
            began: row.began_at,
            decision,
            decided: row.decided_at,
            polled: row.polled_at,
            collected: row.session_id.zip(row.collected_at),
        };
        Self {
            secret_digest: row.secret_digest,
            request,
        }
    }
}

/// Adds a request.
///
/// # Errors
/// `CONFLICT` if the code is in use, so that another one is drawn, or if the database is out of reach.
pub async fn insert(conn: &mut Conn, stored: &Stored) -> Result<(), Error> {
    let request = &stored.request;
    let sql = "INSERT INTO platform_pairing (secret_digest, code, kind, label, began_at, decision) \
               VALUES ($1, $2, $3, $4, $5, 0)";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(stored.secret_digest.as_slice())
            .bind(request.code.as_str())
            .bind(i32::from(request.kind))
            .bind(request.label.as_str())
            .bind(request.began)
    )?;
    Ok(())
}

/// The request that the device shows the code of.
///
/// # Errors
/// If the database is out of reach.
pub async fn by_code(conn: &mut Conn, code: &str) -> Result<Option<Stored>, Error> {
    let sql = "SELECT secret_digest, code, kind, label, began_at, decision, decided_at, for_tenant, for_device, \
               by_person, polled_at, session_id, collected_at FROM platform_pairing WHERE code = $1";
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(sql).bind(code).fetch_optional(c))?;
    Ok(row.map(Stored::from))
}

/// The request of the device that holds the secret.
///
/// # Errors
/// If the database is out of reach.
pub async fn by_secret(conn: &mut Conn, secret_digest: &[u8]) -> Result<Option<Stored>, Error> {
    let sql = "SELECT secret_digest, code, kind, label, began_at, decision, decided_at, for_tenant, for_device, \
               by_person, polled_at, session_id, collected_at FROM platform_pairing WHERE secret_digest = $1";
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(sql).bind(secret_digest).fetch_optional(c))?;
    Ok(row.map(Stored::from))
}

/// Writes a decision on a request that is open.
///
/// # Errors
/// `CONFLICT` if somebody else decided meanwhile, or if the database is out of reach.
pub async fn decide(conn: &mut Conn, stored: &Stored) -> Result<(), Error> {
    let (number, tenant, device, person) = match stored.request.decision {
        Decision::Open => (0, None, None, None),
        Decision::Approved {
            tenant_id,
            device_id,
            person_id,
        } => (1, Some(tenant_id), Some(device_id), Some(person_id)),
        Decision::Denied => (2, None, None, None),
    };
    let sql = "UPDATE platform_pairing SET decision = $2, decided_at = $3, for_tenant = $4, for_device = $5, \
               by_person = $6 WHERE secret_digest = $1 AND decision = 0";
    one(exec!(
        conn,
        sqlx::query(sql)
            .bind(stored.secret_digest.as_slice())
            .bind(number)
            .bind(stored.request.decided)
            .bind(tenant)
            .bind(device)
            .bind(person)
    )?)
}

/// Notes a poll.
///
/// # Errors
/// If the database is out of reach.
pub async fn poll(conn: &mut Conn, stored: &Stored) -> Result<(), Error> {
    let sql = "UPDATE platform_pairing SET polled_at = $2 WHERE secret_digest = $1";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(stored.secret_digest.as_slice())
            .bind(stored.request.polled)
    )?;
    Ok(())
}

/// Notes the session that the device got. Of many at once, one succeeds.
///
/// # Errors
/// `CONFLICT` for the others, or if the database is out of reach.
pub async fn collect(conn: &mut Conn, stored: &Stored) -> Result<(), Error> {
    let (session, at) = stored.request.collected.unzip();
    let sql = "UPDATE platform_pairing SET session_id = $2, collected_at = $3 \
               WHERE secret_digest = $1 AND session_id IS NULL";
    one(exec!(
        conn,
        sqlx::query(sql)
            .bind(stored.secret_digest.as_slice())
            .bind(session)
            .bind(at)
    )?)
}

/// How many requests began since this moment.
///
/// # Errors
/// If the database is out of reach.
pub async fn count_since(conn: &mut Conn, moment: DateTime<Utc>) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM platform_pairing WHERE began_at >= $1";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).bind(moment).fetch_one(c))?;
    Ok(count)
}

/// Forgets requests that began before this moment.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget(conn: &mut Conn, before: DateTime<Utc>) -> Result<u64, Error> {
    Ok(exec!(
        conn,
        sqlx::query("DELETE FROM platform_pairing WHERE began_at < $1").bind(before)
    )?)
}
