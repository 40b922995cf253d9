//! `OrderService.AddItems`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{AddItemsRequest, AddItemsResponse};

use super::{Api, book, stock};
use crate::domain::order::place::add_items;

/// Adds lines to an order.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &AddItemsRequest) -> Result<AddItemsResponse, Error> {
    let (order, open) = book::hold(api, unit, &request.order_id).await?;
    let before = order.items.len();
    let added = add_items(open.shop(), &order, &request.items, &mut book::ids(unit))?;
    let order = book::update(unit, &open.kitchen, order, vec![added]).await?;
    let new = order.items.get(before..).unwrap_or_default();
    let field = |index| format!("items[{index}].menu_item_id");
    let levels = stock::levels(unit, open.location.id).await?;
    stock::take_lines(unit, (open.location.id, &levels), &order.id, new, field).await?;
    Ok(AddItemsResponse { order: Some(order) })
}
