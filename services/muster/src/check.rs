//! `muster check`: the promises that data must keep, read from the data itself (RELIABILITY 2).

use std::collections::HashMap;
use std::fmt::Write;

use muster_kernel::config::Config;
use muster_kernel::db::{Conn, Db, DbError, Reach};
use muster_kernel::on;
use uuid::Uuid;

use crate::role::Role;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which promise: `I-13`.
    pub invariant: &'static str,
    /// In which service.
    pub role: Role,
    /// What is wrong, in words.
    pub what: String,
}

/// Checks every service's data.
///
/// # Errors
/// If a database is out of reach.
pub async fn run(config: &Config) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut told = Vec::new();
    for role in Role::SERVICES {
        let db = Db::open(role.name(), &config.place(role.name())).await?;
        findings.extend(of_database(&db, role).await?);
        told.push(locations(&db, role).await?);
        db.close().await;
    }
    if let [of_auth, of_orders] = told.as_slice() {
        let what = heard_wrongly(of_auth, of_orders);
        let (invariant, role) = ("I-12", Role::Orders);
        findings.extend(what.into_iter().map(|what| Finding { invariant, role, what }));
    }
    Ok(findings)
}

/// Checks one service's data.
///
/// # Errors
/// If the database is out of reach.
pub async fn of_database(db: &Db, role: Role) -> anyhow::Result<Vec<Finding>> {
    let mut conn = db.survey(Reach::System).await?;
    let mut findings = Vec::new();
    let mut found = |invariant, what: Vec<String>| {
        findings.extend(what.into_iter().map(|what| Finding { invariant, role, what }));
    };
    found("I-04", keys_used_twice(&mut conn).await?);
    found("I-13", versions_without_gap(&mut conn).await?);
    found("I-16", rows_without_tenant(&mut conn).await?);
    found("I-19", engine_is_well(&mut conn).await?);
    found("I-18", stuck(&mut conn).await?);
    if role == Role::Auth {
        found("I-11", families(&mut conn).await?);
    }
    if role == Role::Orders {
        found("I-06", muster_orders::check(&mut conn).await?);
    }
    conn.rollback().await;
    Ok(findings)
}

/// What to print.
pub fn report(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "every promise is kept".to_owned();
    }
    let mut text = String::new();
    for Finding { invariant, role, what } in findings {
        let _ = writeln!(text, "{invariant} {role}: {what}");
    }
    text
}

/// I-04: a key has one answer. The table's own index says so too; this does not believe it.
async fn keys_used_twice(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM (SELECT 1 AS one FROM idempotency \
               GROUP BY tenant_id, key_digest HAVING COUNT(*) > 1) AS twice";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c))?;
    Ok(unless_none(count, "idempotency keys have two answers"))
}

/// I-11: a family of refresh tokens counts from 1, and does not rotate after its end.
async fn families(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM session WHERE generation < 1 OR rotated_at > ended_at";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c))?;
    Ok(unless_none(
        count,
        "sessions were renewed after their end, or never begun",
    ))
}

/// I-18: nobody keeps a transaction open. On SQLite there is nobody else to ask.
async fn stuck(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    if !conn.is_postgres() {
        return Ok(Vec::new());
    }
    let sql = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
               AND application_name LIKE 'muster-%' AND xact_start < clock_timestamp() - interval '10 seconds'";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c))?;
    Ok(unless_none(
        count,
        "transactions have been open for more than ten seconds",
    ))
}

/// Tenant, id and version of each location, as a service has them.
async fn locations(db: &Db, role: Role) -> Result<HashMap<(Uuid, Uuid), i64>, DbError> {
    let sql = match role {
        Role::Auth => "SELECT tenant_id, location_id, version FROM location",
        _ => "SELECT tenant_id, id, version FROM locations",
    };
    let mut conn = db.survey(Reach::System).await?;
    let rows: Result<Vec<(Uuid, Uuid, i64)>, DbError> = on!(&mut conn, |c| sqlx::query_as(sql).fetch_all(c));
    conn.rollback().await;
    Ok(rows?
        .into_iter()
        .map(|(tenant, id, version)| ((tenant, id), version))
        .collect())
}

/// I-12: what orders heard of auth is what auth said. It may not have heard the last of it yet.
fn heard_wrongly(said: &HashMap<(Uuid, Uuid), i64>, heard: &HashMap<(Uuid, Uuid), i64>) -> Vec<String> {
    let wrong = heard
        .iter()
        .filter(|(key, version)| said.get(key).is_none_or(|said| said < version));
    wrong
        .map(|((_, id), version)| format!("version {version} of location {id} is not from auth"))
        .collect()
}

fn unless_none(count: i64, what: &str) -> Vec<String> {
    if count == 0 {
        Vec::new()
    } else {
        vec![format!("{count} {what}")]
    }
}

/// I-13: the events of each thing are numbered from 1 without a gap.
async fn versions_without_gap(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT), MAX(version) FROM events GROUP BY tenant_id, aggregate_id \
               HAVING COUNT(*) <> MAX(version) OR MIN(version) <> 1 LIMIT 20";
    let rows: Vec<(i64, i64)> = on!(conn, |c| sqlx::query_as(sql).fetch_all(c))?;
    Ok(rows
        .into_iter()
        .map(|(count, last)| format!("something has {count} events and version {last}"))
        .collect())
}

/// I-16: every event belongs to a tenant.
async fn rows_without_tenant(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM events WHERE tenant_id IS NULL";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).fetch_one(c))?;
    Ok(unless_none(count, "events belong to nobody"))
}

/// I-19: the engine finds nothing wrong with its own files.
async fn engine_is_well(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    if conn.is_postgres() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String,)> = on!(conn, |c| sqlx::query_as("PRAGMA integrity_check").fetch_all(c))?;
    Ok(rows
        .into_iter()
        .map(|(line,)| line)
        .filter(|line| line != "ok")
        .collect())
}
