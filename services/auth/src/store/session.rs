//! Sessions.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::PrincipalKind;
use uuid::Uuid;

use super::one;
use crate::domain::refresh::Family;

/// One session.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct SessionRow {
    /// Its id.
    pub session_id: Uuid,
    /// `PrincipalKind` by number.
    pub principal_kind: i32,
    /// The person or device.
    pub principal_id: Uuid,
    /// What the machine calls itself.
    pub device_label: String,
    /// Goes into every refresh token of the family; worthless without the server's key.
    pub seed: Vec<u8>,
    /// The newest refresh token.
    pub generation: i64,
    /// When it was first given out.
    pub rotated_at: DateTime<Utc>,
    /// When the session began.
    pub began_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub seen_at: DateTime<Utc>,
    /// When a password last proved that the person is there.
    pub auth_time: DateTime<Utc>,
    /// When it ended before its time.
    pub ended_at: Option<DateTime<Utc>>,
    /// The number of its events.
    pub version: i64,
}

impl SessionRow {
    /// Where its refresh tokens stand.
    pub fn family(&self) -> Family {
        Family {
            generation: u32::try_from(self.generation).unwrap_or(u32::MAX),
            rotated_at: self.rotated_at,
        }
    }

    /// What acts in it.
    pub fn kind(&self) -> PrincipalKind {
        PrincipalKind::try_from(self.principal_kind).unwrap_or(PrincipalKind::Unspecified)
    }
}

/// The session.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid, session: Uuid) -> Result<Option<SessionRow>, Error> {
    let sql = "SELECT session_id, principal_kind, principal_id, device_label, seed, generation, rotated_at, began_at, \
               seen_at, auth_time, ended_at, version FROM session WHERE tenant_id = $1 AND session_id = $2";
    Ok(on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(session)
        .fetch_optional(c))?)
}

/// Begins a session.
///
/// # Errors
/// If the database is out of reach.
pub async fn insert(conn: &mut Conn, tenant: Uuid, row: &SessionRow) -> Result<(), Error> {
    let sql = "INSERT INTO session (tenant_id, session_id, principal_kind, principal_id, device_label, seed, \
               generation, rotated_at, began_at, seen_at, auth_time, ended_at, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(row.session_id)
            .bind(row.principal_kind)
            .bind(row.principal_id)
            .bind(row.device_label.as_str())
            .bind(row.seed.as_slice())
            .bind(row.generation)
            .bind(row.rotated_at)
            .bind(row.began_at)
            .bind(row.seen_at)
            .bind(row.auth_time)
            .bind(row.ended_at)
            .bind(row.version)
    )?;
    Ok(())
}

/// Moves the family on, from the generation that was seen. Of many at once, one succeeds.
///
/// # Errors
/// `CONFLICT` for the others, or if the database is out of reach.
pub async fn rotate(conn: &mut Conn, tenant: Uuid, session: Uuid, seen: u32, next: Family) -> Result<(), Error> {
    let sql = "UPDATE session SET generation = $4, rotated_at = $5, seen_at = $5 \
               WHERE tenant_id = $1 AND session_id = $2 AND generation = $3 AND ended_at IS NULL";
    one(exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(session)
            .bind(i64::from(seen))
            .bind(i64::from(next.generation))
            .bind(next.rotated_at)
    )?)
}

/// Notes that the person proved to be there.
///
/// # Errors
/// `CONFLICT` if the session was changed or ended meanwhile, or if the database is out of reach.
pub async fn prove(conn: &mut Conn, tenant: Uuid, row: &SessionRow, at: DateTime<Utc>) -> Result<(), Error> {
    let sql = "UPDATE session SET auth_time = $4, version = version + 1 \
               WHERE tenant_id = $1 AND session_id = $2 AND version = $3 AND ended_at IS NULL";
    one(exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(row.session_id)
            .bind(row.version)
            .bind(at)
    )?)
}

/// Ends the session.
///
/// # Errors
/// `CONFLICT` if the session was changed or ended meanwhile, or if the database is out of reach.
pub async fn end(conn: &mut Conn, tenant: Uuid, row: &SessionRow, at: DateTime<Utc>) -> Result<(), Error> {
    let sql = "UPDATE session SET ended_at = $4, version = version + 1 \
               WHERE tenant_id = $1 AND session_id = $2 AND version = $3 AND ended_at IS NULL";
    one(exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(row.session_id)
            .bind(row.version)
            .bind(at)
    )?)
}

/// Sessions of a principal that have not been ended, the newest first, those before `before` in that order.
/// They may have run out.
///
/// # Errors
/// If the database is out of reach.
pub async fn open_of(
    conn: &mut Conn,
    tenant: Uuid,
    principal: Uuid,
    before: Option<Uuid>,
    seen_since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<SessionRow>, Error> {
    // Ids grow with time, and none is greater than this one.
    let before = before.unwrap_or(Uuid::max());
    let sql = "SELECT session_id, principal_kind, principal_id, device_label, seed, generation, rotated_at, began_at, \
               seen_at, auth_time, ended_at, version FROM session \
               WHERE tenant_id = $1 AND principal_id = $2 AND session_id < $3 AND ended_at IS NULL AND seen_at >= $4 \
               ORDER BY session_id DESC LIMIT $5";
    Ok(on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(principal)
        .bind(before)
        .bind(seen_since)
        .bind(limit)
        .fetch_all(c))?)
}

/// Forgets sessions that nobody has used for so long that they ended by themselves, some at a time. All tenants.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget(conn: &mut Conn, seen_before: DateTime<Utc>) -> Result<u64, Error> {
    let sql = "DELETE FROM session WHERE (tenant_id, session_id) IN \
               (SELECT tenant_id, session_id FROM session WHERE seen_at < $1 LIMIT 1000)";
    Ok(exec!(conn, sqlx::query(sql).bind(seen_before))?)
}
