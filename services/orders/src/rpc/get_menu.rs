//! `MenuService.GetMenu`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{GetMenuRequest, GetMenuResponse, StockState};

use super::Api;
use crate::store::{menu, stock};

/// The whole menu, and what is out of stock at a location.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &GetMenuRequest) -> Result<GetMenuResponse, Error> {
    let tenant = unit.tenant()?;
    let (menu, levels) = if request.location_id.is_empty() {
        let revision = menu::revision(unit.conn().await?, tenant).await?;
        (api.shelf.menu(unit.conn().await?, tenant, revision).await?, Vec::new())
    } else {
        let open = api.open(unit, &request.location_id).await?;
        (
            open.menu,
            stock::list(unit.conn().await?, tenant, open.location.id).await?,
        )
    };
    let mut categories: Vec<_> = menu.categories.values().cloned().collect();
    categories.sort_by(|a, b| (a.sort, &a.name, &a.id).cmp(&(b.sort, &b.name, &b.id)));
    let shown = menu
        .items
        .values()
        .filter(|item| request.include_archived || !item.archived);
    let mut items: Vec<_> = shown.cloned().collect();
    items.sort_by(|a, b| (a.sort, &a.name, &a.id).cmp(&(b.sort, &b.name, &b.id)));
    let mut modifier_groups: Vec<_> = menu.groups.values().cloned().collect();
    modifier_groups.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let counted = levels
        .into_iter()
        .map(|kept| kept.level)
        .filter(|level| level.state() != StockState::InStock);
    Ok(GetMenuResponse {
        categories,
        items,
        modifier_groups,
        stock: counted.collect(),
    })
}
