//! Stations and routing rules.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::{exec, on};
use muster_proto::orders::v1::{RoutingRule, Station};
use prost::Message;
use uuid::Uuid;

use super::{decode, decode_all, id};
use crate::domain::routing::Kitchen;

/// The stations and rules of a location.
///
/// # Errors
/// If the database is out of reach.
pub async fn load(conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Kitchen, Error> {
    let sql = "SELECT state FROM stations WHERE tenant_id = $1 AND location_id = $2";
    let stations: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(location).fetch_all(c))?;
    let sql = "SELECT state FROM routing_rules WHERE tenant_id = $1 AND location_id = $2 AND deleted = FALSE";
    let rules: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(location).fetch_all(c))?;
    Ok(Kitchen::new(decode_all(&stations)?, decode_all(&rules)?))
}

/// A station, wherever it stands.
///
/// # Errors
/// If the database is out of reach.
pub async fn find(conn: &mut Conn, tenant: Uuid, station: Uuid) -> Result<Option<Station>, Error> {
    let sql = "SELECT state FROM stations WHERE tenant_id = $1 AND id = $2";
    let row: Option<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(station)
        .fetch_optional(c))?;
    row.map(|(state,)| decode(&state)).transpose()
}

/// A rule, wherever it is, and whether it was deleted.
///
/// # Errors
/// If the database is out of reach.
pub async fn find_rule(conn: &mut Conn, tenant: Uuid, rule: Uuid) -> Result<Option<(RoutingRule, bool)>, Error> {
    let sql = "SELECT state, deleted FROM routing_rules WHERE tenant_id = $1 AND id = $2";
    let row: Option<(Vec<u8>, bool)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(rule).fetch_optional(c))?;
    row.map(|(state, deleted)| Ok((decode(&state)?, deleted))).transpose()
}

/// Writes a station.
///
/// # Errors
/// If the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, station: &Station) -> Result<(), Error> {
    let sql = "INSERT INTO stations (tenant_id, id, location_id, state) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state";
    let (key, location, state) = (id(&station.id)?, id(&station.location_id)?, station.encode_to_vec());
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(key)
            .bind(location)
            .bind(state.as_slice())
    )?;
    Ok(())
}

/// Writes a rule, or that it is deleted.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_rule(conn: &mut Conn, tenant: Uuid, rule: &RoutingRule, deleted: bool) -> Result<(), Error> {
    let sql = "INSERT INTO routing_rules (tenant_id, id, location_id, deleted, state) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (tenant_id, id) DO UPDATE SET location_id = excluded.location_id, \
               deleted = excluded.deleted, state = excluded.state";
    let (key, location, state) = (id(&rule.id)?, id(&rule.location_id)?, rule.encode_to_vec());
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(key)
            .bind(location)
            .bind(deleted)
            .bind(state.as_slice())
    )?;
    Ok(())
}
