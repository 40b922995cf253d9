//! `DeviceService.PollPairing`.

use muster_kernel::Error;
use muster_kernel::seal::digest;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{Device, PairingState, PollPairingRequest, PollPairingResponse, PrincipalKind};
use muster_proto::authz::v1::Permission;
use uuid::Uuid;

use crate::api::Auth;
use crate::domain::device::is_active;
use crate::domain::lifetime::Lifetime;
use crate::domain::pairing::Poll;
use crate::domain::person::{Actor, is_active as person_is_active};
use crate::domain::role::person_permissions;
use crate::error::Refusal;
use crate::store::session::SessionRow;
use crate::store::{device, pairing, person, session};
use crate::work::sessions;
use crate::work::tokens::{self, Holder};

/// Tells the device how far its pairing has come, and gives it its tokens.
///
/// # Errors
/// `SLOW_DOWN` with the time to wait; `PAIRING_ALREADY_USED`.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &PollPairingRequest,
) -> Result<PollPairingResponse, Error> {
    let now = unit.now();
    let secret_digest = digest(request.pairing_secret.as_bytes());
    let found = pairing::by_secret(unit.conn().await?, &secret_digest).await?;
    let Some(mut asked) = found else {
        return Ok(only(PairingState::Expired));
    };
    let outcome = asked.request.poll(now);
    if let Poll::SlowDown(wait) = outcome {
        return Err(Refusal::SlowDown(wait).into());
    }
    pairing::poll(unit.conn().await?, &asked).await?;
    match outcome {
        Poll::Pending | Poll::SlowDown(_) => Ok(only(PairingState::Pending)),
        Poll::Denied => Ok(only(PairingState::Denied)),
        Poll::Expired => Ok(only(PairingState::Expired)),
        Poll::Used => Err(Refusal::PairingAlreadyUsed.into()),
        Poll::Begin {
            tenant_id,
            device_id,
            person_id,
        } => {
            unit.enter(tenant_id);
            let Some(stored) = allowed(unit, tenant_id, device_id, person_id).await? else {
                return Ok(only(PairingState::Denied));
            };
            let label = stored.device.device_label.clone();
            let lifetime = Lifetime::of_device();
            let row = sessions::begin(unit, PrincipalKind::Device, device_id, &label, lifetime).await?;
            asked.request.collect(row.session_id, now);
            let conn = unit.conn().await?;
            pairing::collect(conn, &asked).await?;
            device::touch(conn, tenant_id, device_id, now).await?;
            give(auth, unit, stored, &row)
        }
        Poll::Repeat {
            tenant_id,
            device_id,
            session_id,
        } => {
            unit.enter(tenant_id);
            let conn = unit.conn().await?;
            let row = session::get(conn, tenant_id, session_id).await?;
            let stored = device::get(conn, tenant_id, device_id).await?;
            // Once it was refreshed, the first answer was not lost.
            let row = row.filter(|row| row.ended_at.is_none() && row.generation == 1);
            match stored.filter(|stored| is_active(&stored.device)).zip(row) {
                Some((stored, row)) => give(auth, unit, stored, &row),
                None => Err(Refusal::PairingAlreadyUsed.into()),
            }
        }
    }
}

fn only(state: PairingState) -> PollPairingResponse {
    PollPairingResponse {
        state: state.into(),
        device: None,
        tokens: None,
    }
}

fn give(
    auth: &Auth,
    unit: &UnitOfWork,
    stored: device::Stored,
    row: &SessionRow,
) -> Result<PollPairingResponse, Error> {
    let device: Device = stored.device.clone();
    let tokens = tokens::pair(auth, unit, &Holder::Device(stored), row)?;
    Ok(PollPairingResponse {
        state: PairingState::Approved.into(),
        device: Some(device),
        tokens: Some(tokens),
    })
}

/// The device, if it is still let in and whoever let it in still may.
async fn allowed(
    unit: &mut UnitOfWork,
    tenant_id: Uuid,
    device_id: Uuid,
    person_id: Uuid,
) -> Result<Option<device::Stored>, Error> {
    let conn = unit.conn().await?;
    let stored = device::get(conn, tenant_id, device_id)
        .await?
        .filter(|stored| is_active(&stored.device));
    let approver = person::get(conn, tenant_id, person_id).await?;
    let approver = approver
        .filter(|approver| person_is_active(&approver.person))
        .map(|approver| approver.person);
    let Some((stored, approver)) = stored.zip(approver) else {
        return Ok(None);
    };
    let rights = person_permissions(&approver.roles, &approver.location_ids);
    let may =
        rights.contains(&i32::from(Permission::DevicesPair)) && Actor::of(&approver).sight.sees_device(&stored.device);
    Ok(may.then_some(stored))
}
