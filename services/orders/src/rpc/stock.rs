//! Taking ordered items out of stock, and giving unmade ones back.

use std::collections::BTreeMap;

use muster_kernel::Error;
use muster_kernel::time::to_proto;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{OrderItem, StockCause, StockLevel};
use uuid::Uuid;

use crate::domain::stock::{give_back, take};
use crate::events::of_stock;
use crate::store::stock::{self, Kept, Levels};

/// Takes the lines out of stock, of which so much was left. In a grouped unit, what is not counted must still be so at
/// its end. `field` names the field of the request that a line comes from.
///
/// # Errors
/// `ITEM_OUT_OF_STOCK` with that field.
pub async fn take_lines(
    unit: &mut UnitOfWork,
    (location, levels): (Uuid, &Levels),
    order_id: &str,
    lines: &[OrderItem],
    field: impl Fn(usize) -> String,
) -> Result<(), Error> {
    let mut wanted: BTreeMap<&str, (i32, usize, &str)> = BTreeMap::new();
    for (index, line) in lines.iter().enumerate() {
        wanted.entry(&line.menu_item_id).or_insert((0, index, &line.name)).0 += line.quantity;
    }
    let at = to_proto(unit.now());
    for (item, (quantity, index, name)) in wanted {
        let kept = levels.get(item);
        match take(kept.map(|kept| &kept.level), quantity, name, &field(index), at)? {
            Some(level) => write(unit, kept, level, StockCause::Ordered, order_id).await?,
            None if unit.is_grouped() => unit.require(stock::unchanged(location, item, kept)?),
            None => {}
        }
    }
    Ok(())
}

/// Gives unmade items back.
pub async fn return_items(
    unit: &mut UnitOfWork,
    location: Uuid,
    order_id: &str,
    items: &[(String, i32)],
) -> Result<(), Error> {
    if items.is_empty() {
        return Ok(());
    }
    let mut returned: BTreeMap<&str, i32> = BTreeMap::new();
    for (item, quantity) in items {
        *returned.entry(item).or_default() += quantity;
    }
    let at = to_proto(unit.now());
    let levels = levels(unit, location).await?;
    for (item, quantity) in returned {
        let kept = levels.get(item);
        if let Some(level) = give_back(kept.map(|kept| &kept.level), quantity, at) {
            write(unit, kept, level, StockCause::Returned, order_id).await?;
        }
    }
    Ok(())
}

/// Writes a level, new or changed, and its event.
pub async fn write(
    unit: &mut UnitOfWork,
    before: Option<&Kept>,
    level: StockLevel,
    cause: StockCause,
    order_id: &str,
) -> Result<(), Error> {
    let tenant = unit.tenant()?;
    let kept = Kept {
        id: before.map_or_else(|| unit.new_id(), |kept| kept.id),
        level,
    };
    stock::put(unit.conn().await?, tenant, &kept).await?;
    unit.append(of_stock(&kept, cause, order_id)?);
    Ok(())
}

/// The levels of a location by item.
pub async fn levels(unit: &mut UnitOfWork, location: Uuid) -> Result<Levels, Error> {
    let tenant = unit.tenant()?;
    let levels = stock::list(unit.conn().await?, tenant, location).await?;
    Ok(stock::by_item(levels))
}
