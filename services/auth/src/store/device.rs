//! Paired devices.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::Device;
use prost::Message;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::location::{placeholders, seen};
use super::{Page, decode, id};
use crate::domain::names::fold;
use crate::domain::policy::Sight;
use crate::domain::time::stamp;

/// A device, and the moment up to which issued access tokens are void.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The device.
    pub device: Device,
    /// Access tokens issued up to then are void.
    pub not_before: DateTime<Utc>,
}

type Row = (Vec<u8>, Option<DateTime<Utc>>, DateTime<Utc>);

fn stored((data, seen_at, not_before): Row) -> Result<Stored, Error> {
    let device = Device {
        last_seen_time: seen_at.map(stamp),
        ..decode(&data)?
    };
    Ok(Stored { device, not_before })
}

/// The device.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid, device: Uuid) -> Result<Option<Stored>, Error> {
    let sql = "SELECT data, seen_at, not_before FROM device WHERE tenant_id = $1 AND device_id = $2";
    let row: Option<Row> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(device)
        .fetch_optional(c))?;
    row.map(stored).transpose()
}

/// Adds a device, or writes it again after a change.
///
/// # Errors
/// `CONFLICT` if another active device of the location has its name, or if the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, device: &Device, not_before: DateTime<Utc>) -> Result<(), Error> {
    let (device_id, location_id) = (id(&device.device_id)?, id(&device.location_id)?);
    let sql = "INSERT INTO device (tenant_id, device_id, location_id, sort_name, state, not_before, version, data) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
               ON CONFLICT (tenant_id, device_id) DO UPDATE SET state = excluded.state, \
               not_before = excluded.not_before, version = excluded.version, data = excluded.data";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(device_id)
            .bind(location_id)
            .bind(fold(&device.display_name))
            .bind(device.state)
            .bind(not_before)
            .bind(device.version)
            .bind(
                Device {
                    last_seen_time: None,
                    ..device.clone()
                }
                .encode_to_vec()
            )
    )?;
    Ok(())
}

/// Notes that the device is alive.
///
/// # Errors
/// If the database is out of reach.
pub async fn touch(conn: &mut Conn, tenant: Uuid, device: Uuid, at: DateTime<Utc>) -> Result<(), Error> {
    let sql = "UPDATE device SET seen_at = $3 WHERE tenant_id = $1 AND device_id = $2";
    exec!(conn, sqlx::query(sql).bind(tenant).bind(device).bind(at))?;
    Ok(())
}

/// Whether another active device of the location has the name.
///
/// # Errors
/// If the database is out of reach.
pub async fn name_taken(conn: &mut Conn, tenant: Uuid, location: Uuid, name: &str) -> Result<bool, Error> {
    let sql = "SELECT device_id FROM device \
               WHERE tenant_id = $1 AND location_id = $2 AND sort_name = $3 AND state = 1";
    let row: Option<(Uuid,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .bind(fold(name))
        .fetch_optional(c))?;
    Ok(row.is_some())
}

/// Devices that the caller sees, by name; `state` 0 is any.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(
    conn: &mut Conn,
    tenant: Uuid,
    sight: &Sight,
    location: Option<Uuid>,
    state: i32,
    page: Page,
) -> Result<Vec<Device>, Error> {
    let start = match page.after {
        Some(after) => get(conn, tenant, after)
            .await?
            .map(|found| fold(&found.device.display_name)),
        None => None,
    };
    let (name, after) = (start.unwrap_or_default(), page.after.unwrap_or_default());
    let mut ids = seen(sight)?;
    if let Some(location) = location {
        // Only what is both asked for and seen.
        ids = Some(ids.map_or_else(
            || vec![location],
            |ids| ids.into_iter().filter(|id| *id == location).collect(),
        ));
    }
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let mut sql = String::from(
        "SELECT data, seen_at, not_before FROM device WHERE tenant_id = $1 AND (sort_name, device_id) > ($2, $3) \
         AND ($4 = 0 OR state = $4)",
    );
    if let Some(ids) = &ids {
        sql.push_str(&format!(" AND location_id IN ({})", placeholders(6, ids.len())));
    }
    sql.push_str(" ORDER BY sort_name, device_id LIMIT $5");
    let rows: Vec<Row> = on!(conn, |c| async {
        // The text holds nothing but numbered placeholders.
        let mut query = sqlx::query_as(AssertSqlSafe(sql.as_str()));
        query = query
            .bind(tenant)
            .bind(name.as_str())
            .bind(after)
            .bind(state)
            .bind(page.size);
        for id in ids.iter().flatten() {
            query = query.bind(*id);
        }
        query.fetch_all(c).await
    })?;
    rows.into_iter()
        .map(|row| stored(row).map(|found| found.device))
        .collect()
}
