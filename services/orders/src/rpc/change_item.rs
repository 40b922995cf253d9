//! `OrderService.ChangeItem`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{ChangeItemRequest, ChangeItemResponse};

use super::{Api, book, given, stock};
use crate::domain::order::change::change_item;

/// Changes a line.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ChangeItemRequest,
) -> Result<ChangeItemResponse, Error> {
    let (order, open) = book::hold(api, unit, &request.order_id).await?;
    let wanted = given(&request.item, "item")?;
    let change = change_item(open.shop(), &order, request, wanted, &mut book::ids(unit))?;
    let order = book::update(unit, &open.kitchen, order, change.events).await?;
    let field = |_| "item.quantity".to_owned();
    if let Some(added) = change.added {
        let levels = stock::levels(unit, open.location.id).await?;
        stock::take_lines(unit, (open.location.id, &levels), &order.id, &[added], field).await?;
    }
    if change.returned > 0 {
        let returned = [(wanted.menu_item_id.clone(), change.returned)];
        stock::return_items(unit, open.location.id, &order.id, &returned).await?;
    }
    Ok(ChangeItemResponse { order: Some(order) })
}
