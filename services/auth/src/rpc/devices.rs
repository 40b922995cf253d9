//! `DeviceService.ListDevices` and `RevokeDevice`.

use muster_kernel::Error;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    DeviceRevoked, ListDevicesRequest, ListDevicesResponse, RevokeDeviceRequest, RevokeDeviceResponse, SessionEndReason,
};
use muster_proto::authz::v1::Permission;
use uuid::Uuid;

use super::directory::{after, next_token};
use crate::api::Auth;
use crate::domain::device::revoke as shut_out;
use crate::error::Refusal;
use crate::events::{event, id_of};
use crate::store::{Page, device};
use crate::work::{acting, revoking, sessions};

/// Lists the devices of the caller's locations.
///
/// # Errors
/// `BAD_PAGE_TOKEN`.
pub async fn list(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ListDevicesRequest,
) -> Result<ListDevicesResponse, Error> {
    let (tenant, sight) = (unit.tenant()?, acting::sight(unit.caller()));
    let location = if request.location_id.is_empty() {
        None
    } else {
        Some(id_of(&request.location_id)?)
    };
    let question = format!("devices {location:?} {}", request.state);
    let after = after(auth, tenant, &question, &request.page_token)?;
    let size = Pages::size(request.page_size);
    let page = Page { after, size: size + 1 };
    let mut devices = device::list(unit.conn().await?, tenant, &sight, location, request.state, page).await?;
    let ids: Vec<Uuid> = devices
        .iter()
        .map(|found| id_of(&found.device_id))
        .collect::<Result<_, _>>()?;
    let next_page_token = next_token(auth, tenant, &question, size, ids.into_iter());
    devices.truncate(usize::try_from(size).unwrap_or_default());
    Ok(ListDevicesResponse {
        devices,
        next_page_token,
    })
}

/// Shuts a device out and ends its session.
///
/// # Errors
/// `DEVICE_NOT_FOUND` also for devices of other locations.
pub async fn revoke(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &RevokeDeviceRequest,
) -> Result<RevokeDeviceResponse, Error> {
    let (tenant, id) = (unit.tenant()?, id_of(&request.device_id)?);
    let sight = acting::actor(unit, Permission::DevicesPair).await?.sight;
    let found = device::get(unit.conn().await?, tenant, id).await?;
    let found = found
        .filter(|found| sight.sees_device(&found.device))
        .ok_or(Refusal::DeviceNotFound)?;
    let Some(device) = shut_out(&found.device) else {
        return Ok(RevokeDeviceResponse {
            device: Some(found.device),
        });
    };
    sessions::end_all(unit, id, None, SessionEndReason::PrincipalDisabled).await?;
    let not_before = revoking::principal(unit, id).await?;
    device::put(unit.conn().await?, tenant, &device, not_before).await?;
    let location = id_of(&device.location_id)?;
    unit.append(
        event(
            id,
            device.version,
            &DeviceRevoked {
                device: Some(device.clone()),
            },
        )
        .at_location(location),
    );
    Ok(RevokeDeviceResponse { device: Some(device) })
}
