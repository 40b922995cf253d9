//! `StationService.ArchiveStation`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{ArchiveStationRequest, ArchiveStationResponse, Order};

use super::put_station::revise;
use super::{Api, reach};
use crate::domain::order::item;
use crate::domain::routing::Kitchen;
use crate::domain::station::archive_station;
use crate::domain::ticket;
use crate::error::OrdersError;
use crate::events::of_station;
use crate::store::{id, order, station};

/// Closes a station for good.
pub async fn handle(
    _: &Api,
    unit: &mut UnitOfWork,
    request: &ArchiveStationRequest,
) -> Result<ArchiveStationResponse, Error> {
    let (tenant, key) = (unit.tenant()?, id(&request.station_id)?);
    let found = station::find(unit.conn().await?, tenant, key)
        .await?
        .ok_or(OrdersError::StationNotFound)?;
    let location = id(&found.location_id)?;
    reach(unit, location, OrdersError::StationNotFound)?;
    if found.archived {
        // For good: nothing is to be looked at, and nobody to be held up meanwhile.
        return Ok(ArchiveStationResponse { station: Some(found) });
    }
    let kitchen = revise(unit, location).await?;
    let current = kitchen
        .station(&request.station_id)
        .ok_or(OrdersError::StationNotFound)?;
    let orders = order::on_board(unit.conn().await?, tenant, location).await?;
    let busy = orders.iter().any(|order| is_busy_with(&kitchen, &current.id, order));
    let archived = archive_station(current, busy)?;
    if let Some(station) = &archived {
        station::put(unit.conn().await?, tenant, station).await?;
        unit.append(of_station(station)?);
    }
    Ok(ArchiveStationResponse {
        station: Some(archived.unwrap_or_else(|| current.clone())),
    })
}

/// Something of the order is on the station's screen, or will be when its course is fired.
fn is_busy_with(kitchen: &Kitchen, station_id: &str, order: &Order) -> bool {
    let undone = |line: &muster_proto::orders::v1::OrderItem| {
        item::is_live(line) && item::prep(line, station_id).is_some_and(|prep| !item::is_done(prep))
    };
    let shown = ticket::open_tickets(order, kitchen)
        .iter()
        .any(|ticket| ticket.station_id == station_id);
    shown || order.items.iter().any(undone)
}
