//! Password hashes.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use uuid::Uuid;

/// The hash of somebody's password, as a PHC string.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid, person: Uuid) -> Result<Option<String>, Error> {
    let sql = "SELECT hash FROM password WHERE tenant_id = $1 AND person_id = $2";
    let row: Option<(String,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(person)
        .fetch_optional(c))?;
    Ok(row.map(|(hash,)| hash))
}

/// Sets it.
///
/// # Errors
/// If the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, person: Uuid, hash: &str, at: DateTime<Utc>) -> Result<(), Error> {
    let sql = "INSERT INTO password (tenant_id, person_id, hash, at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant_id, person_id) DO UPDATE SET hash = excluded.hash, at = excluded.at";
    exec!(conn, sqlx::query(sql).bind(tenant).bind(person).bind(hash).bind(at))?;
    Ok(())
}

/// Replaces the hash of the same password by a stronger one, if it is still the one that was checked.
///
/// # Errors
/// If the database is out of reach.
pub async fn strengthen(conn: &mut Conn, tenant: Uuid, person: Uuid, old: &str, new: &str) -> Result<(), Error> {
    let sql = "UPDATE password SET hash = $4 WHERE tenant_id = $1 AND person_id = $2 AND hash = $3";
    exec!(conn, sqlx::query(sql).bind(tenant).bind(person).bind(old).bind(new))?;
    Ok(())
}
