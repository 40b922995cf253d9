//! `StationService.ListStations`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{ListStationsRequest, ListStationsResponse};

use super::Api;

/// The stations of a location.
pub async fn handle(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ListStationsRequest,
) -> Result<ListStationsResponse, Error> {
    let open = api.open(unit, &request.location_id).await?;
    let shown = open
        .kitchen
        .stations
        .iter()
        .filter(|station| request.include_archived || !station.archived);
    Ok(ListStationsResponse {
        stations: shown.cloned().collect(),
    })
}
