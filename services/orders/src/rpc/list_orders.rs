//! `OrderService.ListOrders`.

use muster_kernel::Error;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{ListOrdersRequest, ListOrdersResponse, Order, OrderStatus};
use uuid::Uuid;

use super::{Api, missing_location};
use crate::domain::time::micros;
use crate::error::OrdersError;
use crate::store::listing::{self, Filter};
use crate::store::{id, location};

const OPEN: [OrderStatus; 3] = [OrderStatus::Placed, OrderStatus::InProgress, OrderStatus::Ready];

/// Orders, the newest first.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ListOrdersRequest,
) -> Result<ListOrdersResponse, Error> {
    let tenant = unit.tenant()?;
    let question = question(request);
    let after = api.pages.read(tenant, &question, &request.page_token)?;
    let mut filter = Filter {
        statuses: request.statuses().collect(),
        business_date: request.business_date.clone(),
        ..Filter::default()
    };
    if let Some(after) = after {
        filter.before = read_place(&after)?;
    }
    if request.open_only {
        let named = std::mem::take(&mut filter.statuses);
        filter.statuses = OPEN
            .into_iter()
            .filter(|status| named.is_empty() || named.contains(status))
            .collect();
        if filter.statuses.is_empty() {
            return Ok(ListOrdersResponse::default());
        }
    }
    let size = Pages::size(request.page_size);
    let mut orders = Vec::new();
    for location in places(unit, tenant, &request.location_id).await? {
        filter.location = location;
        orders.extend(listing::list(unit.conn().await?, tenant, &filter, size + 1).await?);
    }
    orders.sort_by_cached_key(|order| std::cmp::Reverse(place(order)));
    let size = usize::try_from(size).unwrap_or_default();
    let more = orders.len() > size;
    orders.truncate(size);
    let last = orders.last().filter(|_| more);
    let next_page_token = last
        .map(|last| api.pages.token(tenant, &question, &write_place(last)))
        .unwrap_or_default();
    Ok(ListOrdersResponse {
        orders,
        next_page_token,
    })
}

/// Where to look: one location, all at once, or one after the other those that the caller works at.
async fn places(unit: &mut UnitOfWork, tenant: Uuid, location_id: &str) -> Result<Vec<Option<Uuid>>, Error> {
    if location_id.is_empty() {
        let own = &unit.caller().locations;
        return Ok(if own.is_empty() {
            vec![None]
        } else {
            own.iter().copied().map(Some).collect()
        });
    }
    let asked = id(location_id)?;
    unit.caller().reach_location(asked, missing_location)?;
    location::find(unit.conn().await?, tenant, asked)
        .await?
        .ok_or_else(missing_location)?;
    Ok(vec![Some(asked)])
}

/// Everything that a page belongs to.
fn question(request: &ListOrdersRequest) -> String {
    let ListOrdersRequest {
        location_id,
        open_only,
        statuses,
        business_date,
        ..
    } = request;
    format!("orders/{location_id}/{open_only}/{statuses:?}/{business_date}")
}

fn place(order: &Order) -> (i64, String) {
    (micros(order.placed_at.as_ref()), order.id.clone())
}

fn write_place(order: &Order) -> String {
    let (at, id) = place(order);
    format!("{at}/{id}")
}

fn read_place(text: &str) -> Result<(i64, Uuid), Error> {
    let parts = text
        .split_once('/')
        .and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    parts.ok_or_else(|| {
        OrdersError::BadPageToken {
            field: "page_token".to_owned(),
        }
        .into()
    })
}
