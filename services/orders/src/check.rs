//! The promises that the data of orders must keep, read from the data itself.

use muster_kernel::db::{Conn, DbError};
use muster_kernel::{log, on};
use muster_proto::orders::v1::{Order, OrderEvent, StockLevel};
use prost::Message;
use uuid::Uuid;

use crate::domain::order::apply;
use crate::domain::{money, stock};
use crate::events::meta;

/// So many orders are read at a time.
const PAGE: i64 = 200;
/// So many findings are enough to know that something is wrong.
const MOST_FINDINGS: usize = 20;

/// Each order's row is the fold of its events, and its total the sum of its lines; no countdown is below zero. What is
/// not so, in words. The connection must reach all tenants.
///
/// # Errors
/// If the database is out of reach.
pub async fn check(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let mut findings = negative_stock(conn).await?;
    let mut after = (Uuid::nil(), Uuid::nil());
    while findings.len() < MOST_FINDINGS {
        let sql = "SELECT tenant_id, id, state FROM orders WHERE (tenant_id, id) > ($1, $2) \
                   ORDER BY tenant_id, id LIMIT $3";
        let rows: Vec<(Uuid, Uuid, Vec<u8>)> = on!(conn, |c| sqlx::query_as(sql)
            .bind(after.0)
            .bind(after.1)
            .bind(PAGE)
            .fetch_all(c))?;
        let Some((tenant, id, _)) = rows.last() else { break };
        after = (*tenant, *id);
        for (tenant, id, state) in rows {
            if let Some(what) = wrong_with(conn, tenant, id, &state).await? {
                findings.push(format!("order {id}: {what}"));
            }
        }
    }
    findings.truncate(MOST_FINDINGS);
    Ok(findings)
}

async fn wrong_with(conn: &mut Conn, tenant: Uuid, id: Uuid, state: &[u8]) -> Result<Option<&'static str>, DbError> {
    let Ok(row) = Order::decode(state) else {
        return Ok(Some("its row cannot be read"));
    };
    let lines: i64 = row
        .items
        .iter()
        .map(|line| money::units(line.line_total.as_ref()))
        .sum();
    if lines != money::units(row.total.as_ref()) {
        return Ok(Some("its total is not the sum of its lines"));
    }
    let mut folded = Order::default();
    loop {
        let events = log::history(conn, tenant, id, folded.version, PAGE).await?;
        if events.is_empty() {
            break;
        }
        for stored in events {
            match stored.decode::<OrderEvent>() {
                Ok(OrderEvent { event: Some(event) }) => apply(&mut folded, &event, &meta(&stored)),
                _ => return Ok(Some("one of its events cannot be read")),
            }
        }
    }
    Ok((folded != row).then_some("its row is not the fold of its events"))
}

async fn negative_stock(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    let sql = "SELECT tenant_id, state FROM stock";
    let rows: Vec<(Uuid, Vec<u8>)> = on!(conn, |c| sqlx::query_as(sql).fetch_all(c))?;
    let wrong = rows.into_iter().filter_map(|(tenant, state)| {
        let level = StockLevel::decode(state.as_slice()).ok();
        let sound = level
            .as_ref()
            .is_some_and(|level| stock::left(Some(level)).unwrap_or(0) >= 0);
        (!sound).then(|| format!("a stock level of tenant {tenant} is unreadable or below zero"))
    });
    Ok(wrong.take(MOST_FINDINGS).collect())
}
