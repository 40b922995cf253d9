//! Locations.

use std::collections::BTreeSet;

use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::Location;
use prost::Message;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{Page, decode, id};
use crate::domain::names::fold;
use crate::domain::policy::Sight;

/// The location.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Option<Location>, Error> {
    let sql = "SELECT data FROM location WHERE tenant_id = $1 AND location_id = $2";
    let row: Option<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .fetch_optional(c))?;
    row.map(|(data,)| decode(&data)).transpose()
}

/// Adds a location, or writes it again after a change.
///
/// # Errors
/// `CONFLICT` if another open location has its name, or if the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, location: &Location) -> Result<(), Error> {
    let location_id = id(&location.location_id)?;
    let sql = "INSERT INTO location (tenant_id, location_id, sort_name, state, version, data) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (tenant_id, location_id) DO UPDATE SET sort_name = excluded.sort_name, \
               state = excluded.state, version = excluded.version, data = excluded.data";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(location_id)
            .bind(fold(&location.display_name))
            .bind(location.state)
            .bind(location.version)
            .bind(location.encode_to_vec())
    )?;
    Ok(())
}

/// Whether an open location other than this one has the name.
///
/// # Errors
/// If the database is out of reach.
pub async fn name_taken(conn: &mut Conn, tenant: Uuid, name: &str, except: Uuid) -> Result<bool, Error> {
    let sql = "SELECT location_id FROM location \
               WHERE tenant_id = $1 AND sort_name = $2 AND state = 1 AND location_id <> $3";
    let row: Option<(Uuid,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(fold(name))
        .bind(except)
        .fetch_optional(c))?;
    Ok(row.is_some())
}

/// Locations by name; `state` 0 is any.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(
    conn: &mut Conn,
    tenant: Uuid,
    sight: &Sight,
    state: i32,
    page: Page,
) -> Result<Vec<Location>, Error> {
    let start = match page.after {
        Some(after) => get(conn, tenant, after)
            .await?
            .map(|location| fold(&location.display_name)),
        None => None,
    };
    let ids = seen(sight)?;
    let mut sql = String::from(
        "SELECT data FROM location WHERE tenant_id = $1 AND (sort_name, location_id) > ($2, $3) \
         AND ($4 = 0 OR state = $4)",
    );
    if let Some(ids) = &ids {
        sql.push_str(&format!(" AND location_id IN ({})", placeholders(6, ids.len())));
    }
    sql.push_str(" ORDER BY sort_name, location_id LIMIT $5");
    let (name, after) = (start.unwrap_or_default(), page.after.unwrap_or_default());
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| async {
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
    rows.iter().map(|(data,)| decode(data)).collect()
}

/// Which of these locations exist.
///
/// # Errors
/// If the database is out of reach.
pub async fn existing(conn: &mut Conn, tenant: Uuid, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let list = placeholders(2, ids.len());
    let sql = format!("SELECT location_id FROM location WHERE tenant_id = $1 AND location_id IN ({list})");
    let rows: Vec<(Uuid,)> = on!(conn, |c| async {
        let mut query = sqlx::query_as(AssertSqlSafe(sql.as_str())).bind(tenant);
        for id in ids {
            query = query.bind(*id);
        }
        query.fetch_all(c).await
    })?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The locations that a caller is held to; `None` for everywhere.
pub(super) fn seen(sight: &Sight) -> Result<Option<Vec<Uuid>>, Error> {
    match sight {
        Sight::Everywhere => Ok(None),
        Sight::At(ids) => ids.iter().map(|text| id(text)).collect::<Result<_, _>>().map(Some),
    }
}

/// `$6, $7, $8`.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let list: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    list.join(", ")
}
