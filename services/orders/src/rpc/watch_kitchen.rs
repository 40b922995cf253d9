//! `KitchenService.WatchKitchen`.

use futures::stream::BoxStream;
use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_proto::orders::v1::{WatchKitchenRequest, WatchKitchenResponse};
use tonic::{Request, Response, Status};

use super::{Api, missing_location};
use crate::hub::{Screen, Seen};
use crate::store::{id, location};

/// Streams the kitchen of a location.
pub async fn handle(
    api: &Api,
    request: Request<WatchKitchenRequest>,
) -> Result<Response<BoxStream<'static, Result<WatchKitchenResponse, Status>>>, Status> {
    let (caller, message) = api.door.open(request)?;
    let tenant = caller.tenant_id.ok_or_else(missing_location)?;
    let location_id = id(&message.location_id)?;
    caller.reach_location(location_id, missing_location)?;
    let mut conn = api.door.db().read(Reach::Tenant(tenant)).await.map_err(Error::from)?;
    let found = location::find(&mut conn, tenant, location_id).await;
    conn.rollback().await;
    let location = found?.ok_or_else(missing_location)?;
    let station_ids = message.station_ids.into_iter().collect();
    let seen = Seen {
        key: (tenant, location_id),
        location,
        station_ids,
    };
    let screen = Screen::open(&api.hub, seen, &message.resume_token).await?;
    Ok(Response::new(api.door.stream(&caller, screen.stream())))
}
