//! `MenuService.SetStock`.

use muster_kernel::Error;
use muster_kernel::time::to_proto;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{SetStockRequest, SetStockResponse, StockCause, StockLevel};

use super::{Api, Thing, stock};
use crate::domain::stock::set;
use crate::error::OrdersError;
use crate::store::id;

/// 86 an item, count it down, or bring it back.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &SetStockRequest) -> Result<SetStockResponse, Error> {
    let thing = Thing::Level(id(&request.location_id)?, id(&request.menu_item_id)?);
    api.wait(unit, thing).await?;
    let open = api.open(unit, &request.location_id).await?;
    if !open.menu.items.contains_key(&request.menu_item_id) {
        return Err(OrdersError::MenuItemNotFound {
            field: "menu_item_id".to_owned(),
        }
        .into());
    }
    let levels = stock::levels(unit, open.location.id).await?;
    let before = levels.get(&request.menu_item_id);
    let wanted = StockLevel {
        location_id: request.location_id.clone(),
        menu_item_id: request.menu_item_id.clone(),
        state: request.state,
        remaining: request.remaining,
        ..StockLevel::default()
    };
    let level = set(before.map(|kept| &kept.level), &wanted, to_proto(unit.now()))?;
    stock::write(unit, before, level.clone(), StockCause::Set, "").await?;
    Ok(SetStockResponse { stock: Some(level) })
}
