//! `OrderService.VoidItems` and `VoidOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{Order, VoidItemsRequest, VoidItemsResponse, VoidOrderRequest, VoidOrderResponse};

use super::{Api, Thing, book, stock};
use crate::domain::order::void::{Void, void_items, void_order};
use crate::store::id;
use crate::store::shop::Open;

/// Takes lines back.
pub async fn items(api: &Api, unit: &mut UnitOfWork, request: &VoidItemsRequest) -> Result<VoidItemsResponse, Error> {
    let (order, open) = take(api, unit, &request.order_id).await?;
    let void = void_items(&order, &request.items, &request.reason)?;
    Ok(VoidItemsResponse {
        order: Some(write(unit, &open, order, void).await?),
    })
}

/// Takes the whole order back.
pub async fn order(api: &Api, unit: &mut UnitOfWork, request: &VoidOrderRequest) -> Result<VoidOrderResponse, Error> {
    let (order, open) = take(api, unit, &request.order_id).await?;
    let void = void_order(&order, &request.reason);
    Ok(VoidOrderResponse {
        order: Some(write(unit, &open, order, void).await?),
    })
}

async fn take(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<(Order, Open), Error> {
    api.wait(unit, Thing::Order(id(order_id)?)).await?;
    book::open(api, unit, order_id).await
}

async fn write(unit: &mut UnitOfWork, open: &Open, order: Order, void: Void) -> Result<Order, Error> {
    let order = book::update(unit, &open.kitchen, order, void.events).await?;
    stock::return_items(unit, open.location.id, &order.id, &void.returned).await?;
    Ok(order)
}
