//! `OrderService.MoveOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{MoveOrderRequest, MoveOrderResponse};

use super::{Api, book};
use crate::domain::order::moving::move_order;

/// Gives an order another table or server.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &MoveOrderRequest) -> Result<MoveOrderResponse, Error> {
    let (order, open) = book::look_up(api, unit, &request.order_id).await?;
    let events = move_order(&order, &request.table, request.server.as_ref())?;
    let order = book::update(unit, &open.kitchen, order, events).await?;
    Ok(MoveOrderResponse { order: Some(order) })
}
