//! `OrderService.GetOrderHistory`.

use muster_kernel::Error;
use muster_kernel::log;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{GetOrderHistoryRequest, GetOrderHistoryResponse, Order, OrderEvent, OrderHistoryEntry};

use super::{Api, book};
use crate::domain::history::describe;
use crate::domain::order::apply;
use crate::error::OrdersError;
use crate::events::meta;
use crate::store::id;

/// Events are read so many at a time.
const BATCH: i64 = 500;

/// Everything that happened to an order, the oldest first.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &GetOrderHistoryRequest,
) -> Result<GetOrderHistoryResponse, Error> {
    let (order, open) = book::open(api, unit, &request.order_id).await?;
    let (tenant, key) = (unit.tenant()?, id(&order.id)?);
    let question = format!("order_history/{}", order.id);
    let after: i64 = match api.pages.read(tenant, &question, &request.page_token)? {
        Some(after) => after.parse().map_err(|_| OrdersError::BadPageToken {
            field: "page_token".to_owned(),
        })?,
        None => 0,
    };
    let last = after.saturating_add(Pages::size(request.page_size));
    let mut entries = Vec::new();
    // A sentence names lines as they were then, so the order is folded along from its beginning.
    let mut then: Option<Order> = None;
    let mut read = 0;
    while read < last {
        let batch = log::history(unit.conn().await?, tenant, key, read, BATCH.min(last - read)).await?;
        let Some(end) = batch.last() else { break };
        read = end.version;
        for stored in &batch {
            let event: OrderEvent = stored.decode()?;
            let Some(what) = &event.event else { continue };
            let meta = meta(stored);
            if stored.version > after {
                entries.push(OrderHistoryEntry {
                    version: stored.version,
                    at: Some(meta.at),
                    actor: Some(meta.actor.clone()),
                    text: describe(then.as_ref(), what, &open.kitchen),
                    event: Some(event.clone()),
                });
            }
            apply(then.get_or_insert_with(Order::default), what, &meta);
        }
    }
    let more = read < order.version;
    let next_page_token = if more {
        api.pages.token(tenant, &question, &read.to_string())
    } else {
        String::new()
    };
    Ok(GetOrderHistoryResponse {
        entries,
        next_page_token,
    })
}
