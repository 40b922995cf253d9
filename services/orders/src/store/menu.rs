//! The menu.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::{exec, on};
use muster_proto::orders::v1::{Category, GetMenuResponse, MenuItem, ModifierGroup};
use prost::Message;
use uuid::Uuid;

use super::{decode_all, id};
use crate::domain::menu::Menu;

/// Counts a change to the menu, and lets one writer at a time.
///
/// # Errors
/// If the database is out of reach.
pub async fn revise(conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
    let sql = "INSERT INTO menu_revisions (tenant_id, revision) VALUES ($1, 1) \
               ON CONFLICT (tenant_id) DO UPDATE SET revision = menu_revisions.revision + 1";
    exec!(conn, sqlx::query(sql).bind(tenant))?;
    Ok(())
}

/// How often the menu was changed.
///
/// # Errors
/// If the database is out of reach.
pub async fn revision(conn: &mut Conn, tenant: Uuid) -> Result<i64, Error> {
    let sql = "SELECT revision FROM menu_revisions WHERE tenant_id = $1";
    let row: Option<(i64,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).fetch_optional(c))?;
    Ok(row.map_or(0, |(revision,)| revision))
}

/// The whole menu.
///
/// # Errors
/// If the database is out of reach.
pub async fn load(conn: &mut Conn, tenant: Uuid) -> Result<Menu, Error> {
    let all = load_all(conn, tenant).await?;
    Ok(Menu::new(all.categories, all.items, all.modifier_groups))
}

/// Everything that a tenant sells, as its rows say, without stock.
///
/// # Errors
/// If the database is out of reach.
pub async fn load_all(conn: &mut Conn, tenant: Uuid) -> Result<GetMenuResponse, Error> {
    let categories: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(
        "SELECT state FROM categories WHERE tenant_id = $1"
    )
    .bind(tenant)
    .fetch_all(c))?;
    let items: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(
        "SELECT state FROM menu_items WHERE tenant_id = $1"
    )
    .bind(tenant)
    .fetch_all(c))?;
    let sql = "SELECT state FROM modifier_groups WHERE tenant_id = $1";
    let groups: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).fetch_all(c))?;
    Ok(GetMenuResponse {
        categories: decode_all(&categories)?,
        items: decode_all(&items)?,
        modifier_groups: decode_all(&groups)?,
        stock: Vec::new(),
    })
}

/// Writes a category.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_category(conn: &mut Conn, tenant: Uuid, category: &Category) -> Result<(), Error> {
    let sql = "INSERT INTO categories (tenant_id, id, state) VALUES ($1, $2, $3) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state";
    put(conn, sql, tenant, &category.id, category.encode_to_vec()).await
}

/// Writes an item.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_item(conn: &mut Conn, tenant: Uuid, item: &MenuItem) -> Result<(), Error> {
    let sql = "INSERT INTO menu_items (tenant_id, id, state) VALUES ($1, $2, $3) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state";
    put(conn, sql, tenant, &item.id, item.encode_to_vec()).await
}

/// Writes a modifier group.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_group(conn: &mut Conn, tenant: Uuid, group: &ModifierGroup) -> Result<(), Error> {
    let sql = "INSERT INTO modifier_groups (tenant_id, id, state) VALUES ($1, $2, $3) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state";
    put(conn, sql, tenant, &group.id, group.encode_to_vec()).await
}

async fn put(conn: &mut Conn, sql: &'static str, tenant: Uuid, key: &str, state: Vec<u8>) -> Result<(), Error> {
    let key = id(key)?;
    exec!(conn, sqlx::query(sql).bind(tenant).bind(key).bind(state.as_slice()))?;
    Ok(())
}
