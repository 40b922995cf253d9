//! Whether what is kept beside the log is what the log says (RELIABILITY I-06).

use muster_kernel::db::Conn;
use muster_kernel::{Error, log, on};
use muster_proto::orders::v1::{Order, OrderEvent};
use prost::Message;
use uuid::Uuid;

use crate::domain::order::fold;
use crate::events;

const PAGE: i64 = 500;
/// An order has fewer events than this.
const MOST_EVENTS: i64 = 100_000;
const MOST_FINDINGS: usize = 20;

/// What is wrong, in words; empty where every order is the fold of its events. The connection must reach all tenants.
///
/// # Errors
/// If the database is out of reach.
pub async fn check(conn: &mut Conn) -> Result<Vec<String>, Error> {
    let mut findings = Vec::new();
    let mut last = (Uuid::nil(), Uuid::nil());
    while findings.len() < MOST_FINDINGS {
        let sql =
            "SELECT tenant_id, id, state FROM orders WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3";
        let page: Vec<(Uuid, Uuid, Vec<u8>)> = on!(conn, |c| sqlx::query_as(sql)
            .bind(last.0)
            .bind(last.1)
            .bind(PAGE)
            .fetch_all(c))?;
        let Some((tenant, id, _)) = page.last() else { break };
        last = (*tenant, *id);
        for (tenant, id, state) in page {
            let kept = Order::decode(state.as_slice()).map_err(Error::internal)?;
            if folded(conn, tenant, id).await? != Some(kept) {
                findings.push(format!("order {id} is not the fold of its events"));
            }
        }
    }
    Ok(findings)
}

async fn folded(conn: &mut Conn, tenant: Uuid, order: Uuid) -> Result<Option<Order>, Error> {
    let stored = log::history(conn, tenant, order, 0, MOST_EVENTS).await?;
    let mut read = Vec::with_capacity(stored.len());
    for event in &stored {
        if let Some(inner) = event.decode::<OrderEvent>()?.event {
            read.push((inner, events::meta(event)));
        }
    }
    Ok(fold(read.iter().map(|(event, meta)| (event, meta))))
}
