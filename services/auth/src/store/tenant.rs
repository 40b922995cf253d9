//! Tenants, and the short names under which they are found.

use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::Tenant;
use prost::Message;
use uuid::Uuid;

use super::{decode, id};

/// The tenant with this short name.
///
/// # Errors
/// If the database is out of reach.
pub async fn by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Uuid>, Error> {
    let sql = "SELECT id FROM platform_slug WHERE slug = $1";
    let row: Option<(Uuid,)> = on!(conn, |c| sqlx::query_as(sql).bind(slug).fetch_optional(c))?;
    Ok(row.map(|(id,)| id))
}

/// The tenant.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid) -> Result<Option<Tenant>, Error> {
    let sql = "SELECT data FROM tenant WHERE tenant_id = $1";
    let row: Option<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).fetch_optional(c))?;
    row.map(|(data,)| decode(&data)).transpose()
}

/// Adds a tenant under its short name.
///
/// # Errors
/// `CONFLICT` if the short name is taken, or if the database is out of reach.
pub async fn insert(conn: &mut Conn, tenant: &Tenant) -> Result<(), Error> {
    let tenant_id = id(&tenant.tenant_id)?;
    let sql = "INSERT INTO platform_slug (slug, id) VALUES ($1, $2)";
    exec!(conn, sqlx::query(sql).bind(tenant.slug.as_str()).bind(tenant_id))?;
    let sql = "INSERT INTO tenant (tenant_id, version, data) VALUES ($1, $2, $3)";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant_id)
            .bind(tenant.version)
            .bind(tenant.encode_to_vec())
    )?;
    Ok(())
}
