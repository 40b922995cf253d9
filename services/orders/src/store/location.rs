//! The locations, as auth's log tells of them.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::db::closing::Check;
use muster_kernel::db::many::{Does, Kind, Many, Value};
use muster_kernel::{exec, on};
use uuid::Uuid;

/// What orders knows of a location.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Location {
    /// Its id.
    pub id: Uuid,
    /// Its version in auth.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// What it is paid in.
    pub currency: String,
    /// It does business.
    pub open: bool,
    /// Counts the changes to its stations and rules.
    pub kitchen_revision: i64,
}

/// A location.
///
/// # Errors
/// If the database is out of reach.
pub async fn find(conn: &mut Conn, tenant: Uuid, id: Uuid) -> Result<Option<Location>, Error> {
    let sql = "SELECT id, version, name, zone, currency, open, kitchen_revision FROM locations \
               WHERE tenant_id = $1 AND id = $2";
    Ok(on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(id)
        .fetch_optional(c))?)
}

static UNCHANGED: Many = Many {
    columns: &[
        ("id", Kind::Uuid),
        ("version", Kind::Long),
        ("kitchen_revision", Kind::Long),
        ("menu_revision", Kind::Long),
    ],
    text: "SELECT found.id FROM new JOIN locations AS found USING (tenant_id, id, version, kitchen_revision) \
           LEFT JOIN menu_revisions AS menu ON menu.tenant_id = new.tenant_id \
           WHERE COALESCE(menu.revision, 0) = new.menu_revision",
    does: Does::Hold(" FOR SHARE OF found"),
};

/// The location, its kitchen and its menu must be what they were; location and kitchen stay so until the unit ends. For
/// grouped units.
pub fn unchanged(seen: &Location, menu_revision: i64) -> Check {
    let values = vec![
        Value::Uuid(seen.id),
        Value::Long(seen.version),
        Value::Long(seen.kitchen_revision),
        Value::Long(menu_revision),
    ];
    Check {
        many: &UNCHANGED,
        values,
    }
}

/// Takes over what auth says. Older news is passed over.
///
/// # Errors
/// If the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, location: &Location) -> Result<(), Error> {
    let sql = "INSERT INTO locations (tenant_id, id, version, name, zone, currency, open, kitchen_revision) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, 0) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET version = excluded.version, name = excluded.name, \
               zone = excluded.zone, currency = excluded.currency, open = excluded.open \
               WHERE locations.version < excluded.version";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(location.id)
            .bind(location.version)
            .bind(location.name.as_str())
            .bind(location.zone.as_str())
            .bind(location.currency.as_str())
            .bind(location.open)
    )?;
    Ok(())
}

/// Counts a change to the stations or rules, and holds everybody off who would route by the old ones until this unit ends.
/// False when there is no such location.
///
/// # Errors
/// If the database is out of reach.
pub async fn revise_kitchen(conn: &mut Conn, tenant: Uuid, id: Uuid) -> Result<bool, Error> {
    let sql = "UPDATE locations SET kitchen_revision = kitchen_revision + 1 WHERE tenant_id = $1 AND id = $2";
    Ok(exec!(conn, sqlx::query(sql).bind(tenant).bind(id))? == 1)
}

/// Whether the stations and rules are still those of a revision.
///
/// # Errors
/// If the database is out of reach.
pub async fn revision_is(conn: &mut Conn, tenant: Uuid, id: Uuid, revision: i64) -> Result<bool, Error> {
    Ok(find(conn, tenant, id)
        .await?
        .is_some_and(|location| location.kitchen_revision == revision))
}
