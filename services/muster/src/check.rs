//! `muster check`: the promises that data must keep, read from the data itself (RELIABILITY 2).

use std::fmt::Write;

use muster_kernel::config::Config;
use muster_kernel::db::{Conn, Db, DbError, Reach};
use muster_kernel::on;

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
    for role in Role::SERVICES {
        let db = Db::open(role.name(), &config.place(role.name())).await?;
        findings.extend(of_database(&db, role).await?);
        db.close().await;
    }
    Ok(findings)
}

/// Checks one service's data.
///
/// # Errors
/// If the database is out of reach.
pub async fn of_database(db: &Db, role: Role) -> anyhow::Result<Vec<Finding>> {
    let mut conn = db.read(Reach::System).await?;
    let mut findings = Vec::new();
    let mut found = |invariant, what: Vec<String>| {
        findings.extend(what.into_iter().map(|what| Finding { invariant, role, what }));
    };
    found("I-13", versions_without_gap(&mut conn).await?);
    found("I-16", rows_without_tenant(&mut conn).await?);
    found("I-19", engine_is_well(&mut conn).await?);
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
    Ok(if count == 0 {
        Vec::new()
    } else {
        vec![format!("{count} events belong to nobody")]
    })
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
