//! `MenuService.ArchiveMenuItem`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{ArchiveMenuItemRequest, ArchiveMenuItemResponse};

use super::{Api, put_menu};
use crate::error::OrdersError;
use crate::events::of_item;
use crate::store::menu;

/// Takes an item off the menu. One that is off already stays so.
pub async fn handle(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &ArchiveMenuItemRequest,
) -> Result<ArchiveMenuItemResponse, Error> {
    let mut menu = put_menu::revise(unit).await?;
    let missing = || OrdersError::MenuItemNotFound {
        field: "menu_item_id".to_owned(),
    };
    let mut item = menu.items.remove(&request.menu_item_id).ok_or_else(missing)?;
    if !item.archived {
        item.archived = true;
        item.version += 1;
        let tenant = unit.tenant()?;
        menu::put_item(unit.conn().await?, tenant, &item).await?;
        unit.append(of_item(&item)?);
    }
    Ok(ArchiveMenuItemResponse { item: Some(item) })
}
