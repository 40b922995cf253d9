//! `DeviceService.ApprovePairing` and `DenyPairing`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    ApprovePairingRequest, ApprovePairingResponse, DenyPairingRequest, DenyPairingResponse, DevicePaired,
    LocationState, PairingDenied,
};
use muster_proto::authz::v1::Permission;

use super::locations::find;
use super::pairing::open;
use crate::api::Auth;
use crate::domain::device::approve as let_in;
use crate::domain::pairing::Decision;
use crate::error::Refusal;
use crate::events::{event, id_of};
use crate::store::{device, pairing};
use crate::work::acting;

/// Lets a device in, at one of the caller's locations.
///
/// # Errors
/// `PAIRING_NOT_FOUND`, `LOCATION_NOT_FOUND`, `DEVICE_NAME_TAKEN`.
pub async fn approve(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &ApprovePairingRequest,
) -> Result<ApprovePairingResponse, Error> {
    let (tenant_id, now, device_id) = (unit.tenant()?, unit.now(), unit.new_id());
    let actor = acting::actor(unit, Permission::DevicesPair).await?;
    let person_id = acting::person_id(unit.caller())?;
    let mut asked = open(unit, &request.code).await?;
    let location = find(unit, &actor.sight, &request.location_id).await?;
    if location.state != i32::from(LocationState::Open) {
        return Err(Refusal::LocationNotFound.into());
    }
    let device = let_in(device_id.to_string(), &asked.request, request, actor.person_id, now)?;
    let location_id = id_of(&device.location_id)?;
    let conn = unit.conn().await?;
    if device::name_taken(conn, tenant_id, location_id, &device.display_name).await? {
        return Err(Refusal::DeviceNameTaken.into());
    }
    if !asked.request.decide(
        Decision::Approved {
            tenant_id,
            device_id,
            person_id,
        },
        now,
    ) {
        return Err(Refusal::PairingNotFound.into());
    }
    pairing::decide(conn, &asked).await?;
    device::put(conn, tenant_id, &device, chrono::DateTime::UNIX_EPOCH).await?;
    let paired = DevicePaired {
        device: Some(device.clone()),
    };
    unit.append(event(device_id, device.version, &paired).at_location(location_id));
    Ok(ApprovePairingResponse { device: Some(device) })
}

/// Turns a device away.
///
/// # Errors
/// `PAIRING_NOT_FOUND`.
pub async fn deny(_: &Auth, unit: &mut UnitOfWork, request: &DenyPairingRequest) -> Result<DenyPairingResponse, Error> {
    let (now, id) = (unit.now(), unit.new_id());
    acting::actor(unit, Permission::DevicesPair).await?;
    let mut asked = open(unit, &request.code).await?;
    if !asked.request.decide(Decision::Denied, now) {
        return Err(Refusal::PairingNotFound.into());
    }
    pairing::decide(unit.conn().await?, &asked).await?;
    let denied = PairingDenied {
        device_label: asked.request.label,
        kind: asked.request.kind.into(),
    };
    unit.append(event(id, 1, &denied));
    Ok(DenyPairingResponse {})
}
