//! Access tokens that are void before their time, for as long as they could still be used.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::Revocation;
use prost::Message;
use uuid::Uuid;

use super::decode;

/// Adds one.
///
/// # Errors
/// If the database is out of reach.
pub async fn insert(
    conn: &mut Conn,
    tenant: Uuid,
    revocation_id: Uuid,
    revocation: &Revocation,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let sql = "INSERT INTO revocation (tenant_id, revocation_id, at, data) VALUES ($1, $2, $3, $4)";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(revocation_id)
            .bind(at)
            .bind(revocation.encode_to_vec())
    )?;
    Ok(())
}

/// All since this moment, of every tenant.
///
/// # Errors
/// If the database is out of reach.
pub async fn since(conn: &mut Conn, moment: DateTime<Utc>) -> Result<Vec<Revocation>, Error> {
    let sql = "SELECT data FROM revocation WHERE at >= $1 ORDER BY at";
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(moment).fetch_all(c))?;
    rows.iter().map(|(data,)| decode(data)).collect()
}

/// Forgets those before this moment, of every tenant.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget(conn: &mut Conn, before: DateTime<Utc>) -> Result<u64, Error> {
    Ok(exec!(
        conn,
        sqlx::query("DELETE FROM revocation WHERE at < $1").bind(before)
    )?)
}
