//! `StationService.PutStation`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{PutStationRequest, PutStationResponse};
use uuid::Uuid;

use super::{Api, given, missing_location};
use crate::domain::routing::Kitchen;
use crate::domain::station::put_station;
use crate::error::OrdersError;
use crate::events::of_station;
use crate::store::{id, location, station};

/// Creates or changes a station.
pub async fn handle(_: &Api, unit: &mut UnitOfWork, request: &PutStationRequest) -> Result<PutStationResponse, Error> {
    let new = given(&request.station, "station")?;
    let kitchen = revise(unit, id(&new.location_id)?).await?;
    let tenant = unit.tenant()?;
    if kitchen.station(&new.id).is_none() {
        // Stands at another location.
        let elsewhere = station::find(unit.conn().await?, tenant, id(&new.id)?).await?;
        if elsewhere.is_some() {
            return Err(OrdersError::Fixed {
                field: "station.location_id".to_owned(),
            }
            .into());
        }
    }
    let changed = put_station(&kitchen, new, request.update_mask.as_ref(), request.expected_version)?;
    for station in &changed {
        station::put(unit.conn().await?, tenant, station).await?;
        unit.append(of_station(station)?);
    }
    Ok(PutStationResponse {
        station: changed.into_iter().next_back(),
    })
}

/// Counts a change to a kitchen and reads it, past the cache: what this unit wrote may yet be undone. Nobody routes there
/// until the unit ends.
pub async fn revise(unit: &mut UnitOfWork, location: Uuid) -> Result<Kitchen, Error> {
    let tenant = unit.tenant()?;
    unit.caller().reach_location(location, missing_location)?;
    if !location::revise_kitchen(unit.conn().await?, tenant, location).await? {
        return Err(missing_location());
    }
    station::load(unit.conn().await?, tenant, location).await
}
