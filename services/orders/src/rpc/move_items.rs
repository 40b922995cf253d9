//! `OrderService.MoveItems`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{MoveItemsRequest, MoveItemsResponse, Order};

use super::{Api, book};
use crate::domain::order::moving::{move_items, split_off};
use crate::domain::order::must_stand;
use crate::error::OrdersError;
use crate::store::shop::Open;

/// Moves lines to another order.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &MoveItemsRequest) -> Result<MoveItemsResponse, Error> {
    let (from, open) = book::hold(api, unit, &request.order_id).await?;
    let to = if request.to_order_id.is_empty() {
        must_stand(&from)?;
        split(api, unit, &open, &from, request).await?
    } else {
        book::read(unit, &request.to_order_id)
            .await
            .map_err(|error| error.at_field("to_order_id"))?
    };
    let (out, into) = move_items(&from, &to, &request.items, &mut book::ids(unit))?;
    // Rows are written in the order of their ids, so that two moves there and back do not wait for each other.
    let (order, to_order) = if from.id < to.id {
        let order = book::update(unit, &open.kitchen, from, vec![out]).await?;
        (order, book::update(unit, &open.kitchen, to, vec![into]).await?)
    } else {
        let to_order = book::update(unit, &open.kitchen, to, vec![into]).await?;
        (book::update(unit, &open.kitchen, from, vec![out]).await?, to_order)
    };
    Ok(MoveItemsResponse {
        order: Some(order),
        to_order: Some(to_order),
    })
}

async fn split(
    api: &Api,
    unit: &mut UnitOfWork,
    open: &Open,
    from: &Order,
    request: &MoveItemsRequest,
) -> Result<Order, Error> {
    if !open.location.open {
        return Err(OrdersError::LocationClosed.into());
    }
    let head = book::new_head(api, unit, open, &request.new_order_id).await?;
    let opened = split_off(from, head, &request.new_table);
    book::insert(unit, &open.kitchen, vec![opened]).await
}
