//! `OrderService.PlaceOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{PlaceOrderRequest, PlaceOrderResponse};

use super::{Api, Basis, book, stock};
use crate::domain::order::place::place;
use crate::error::OrdersError;
use crate::store::overtaken;

/// Places an order.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &PlaceOrderRequest,
) -> Result<PlaceOrderResponse, Error> {
    let basis = api.look_round(unit, &request.location_id).await?;
    let placed = place_at(api, unit, request, &basis).await;
    placed.map_err(|error| match basis.remembered && error.is_verdict() {
        // What is remembered may be old. The door runs this again, and then it is read.
        true => overtaken(),
        false => error,
    })
}

async fn place_at(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &PlaceOrderRequest,
    Basis { open, levels, .. }: &Basis,
) -> Result<PlaceOrderResponse, Error> {
    if !open.location.open {
        return Err(OrdersError::LocationClosed.into());
    }
    let head = book::new_head(api, unit, open, &request.order_id).await?;
    let placed = place(open.shop(), request, head, &mut book::ids(unit))?;
    let order = book::insert(unit, &open.kitchen, vec![placed]).await?;
    let field = |index| format!("items[{index}].menu_item_id");
    stock::take_lines(unit, (open.location.id, levels), &order.id, &order.items, field).await?;
    Ok(PlaceOrderResponse { order: Some(order) })
}
