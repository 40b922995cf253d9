//! `OrderService.PlaceOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{PlaceOrderRequest, PlaceOrderResponse};

use super::{Api, book, stock};
use crate::domain::order::place::place;
use crate::error::OrdersError;

/// Places an order.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &PlaceOrderRequest,
) -> Result<PlaceOrderResponse, Error> {
    let (open, levels) = api.look_round(unit, &request.location_id).await?;
    if !open.location.open {
        return Err(OrdersError::LocationClosed.into());
    }
    let head = book::new_head(api, unit, &open, &request.order_id).await?;
    let placed = place(open.shop(), request, head, &mut book::ids(unit))?;
    let order = book::insert(unit, &open.kitchen, vec![placed]).await?;
    let field = |index| format!("items[{index}].menu_item_id");
    stock::take_lines(unit, &levels, &order.id, &order.items, field).await?;
    Ok(PlaceOrderResponse { order: Some(order) })
}
