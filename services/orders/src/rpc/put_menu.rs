//! `MenuService.PutCategory`, `PutMenuItem` and `PutModifierGroup`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{
    PutCategoryRequest, PutCategoryResponse, PutMenuItemRequest, PutMenuItemResponse, PutModifierGroupRequest,
    PutModifierGroupResponse,
};

use super::{Api, given};
use crate::domain::menu::{Menu, put_category, put_group, put_item};
use crate::error::OrdersError;
use crate::events::{of_category, of_group, of_item};
use crate::store::menu;

const MOST_CATEGORIES: usize = 500;
const MOST_ITEMS: usize = 5000;
const MOST_GROUPS: usize = 1000;

/// Creates or changes a category.
pub async fn category(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &PutCategoryRequest,
) -> Result<PutCategoryResponse, Error> {
    let new = given(&request.category, "category")?;
    let menu = revise(unit).await?;
    let old = menu.categories.get(&new.id);
    room(old.is_some(), menu.categories.len(), MOST_CATEGORIES)?;
    let category = put_category(old, new, request.update_mask.as_ref(), request.expected_version)?;
    let tenant = unit.tenant()?;
    menu::put_category(unit.conn().await?, tenant, &category).await?;
    unit.append(of_category(&category)?);
    Ok(PutCategoryResponse {
        category: Some(category),
    })
}

/// Creates or changes an item.
pub async fn item(_: &Api, unit: &mut UnitOfWork, request: &PutMenuItemRequest) -> Result<PutMenuItemResponse, Error> {
    let new = given(&request.item, "item")?;
    let menu = revise(unit).await?;
    let old = menu.items.get(&new.id);
    room(old.is_some(), menu.items.len(), MOST_ITEMS)?;
    let item = put_item(&menu, old, new, request.update_mask.as_ref(), request.expected_version)?;
    let tenant = unit.tenant()?;
    menu::put_item(unit.conn().await?, tenant, &item).await?;
    unit.append(of_item(&item)?);
    Ok(PutMenuItemResponse { item: Some(item) })
}

/// Creates or changes a modifier group.
pub async fn group(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &PutModifierGroupRequest,
) -> Result<PutModifierGroupResponse, Error> {
    let new = given(&request.modifier_group, "modifier_group")?;
    let menu = revise(unit).await?;
    let old = menu.groups.get(&new.id);
    room(old.is_some(), menu.groups.len(), MOST_GROUPS)?;
    let group = put_group(old, new, request.update_mask.as_ref(), request.expected_version)?;
    let tenant = unit.tenant()?;
    menu::put_group(unit.conn().await?, tenant, &group).await?;
    unit.append(of_group(&group)?);
    Ok(PutModifierGroupResponse {
        modifier_group: Some(group),
    })
}

/// Counts a change to the menu and reads it, past the cache: what this unit wrote may yet be undone.
pub async fn revise(unit: &mut UnitOfWork) -> Result<Menu, Error> {
    let tenant = unit.tenant()?;
    menu::revise(unit.conn().await?, tenant).await?;
    menu::load(unit.conn().await?, tenant).await
}

fn room(known: bool, count: usize, most: usize) -> Result<(), Error> {
    if !known && count >= most {
        return Err(OrdersError::Full {
            most: i64::try_from(most).unwrap_or(i64::MAX),
        }
        .into());
    }
    Ok(())
}
