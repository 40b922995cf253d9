//! `DeviceService.StartPairing` and `GetPairing`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_kernel::Error;
use muster_kernel::seal::digest;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    DeviceKind, GetPairingRequest, GetPairingResponse, StartPairingRequest, StartPairingResponse,
};
use prost_types::Duration;

use crate::api::Auth;
use crate::domain::names::tidy;
use crate::domain::pairing::{LIFE, POLL_INTERVAL, Request, draw_code, read_code};
use crate::domain::time::stamp;
use crate::error::Refusal;
use crate::store::pairing::{self, Stored};
use crate::work::acting;

/// Requests that may be open in the whole installation.
const MOST_OPEN: i64 = 10_000;
const SECRET_PREFIX: &str = "mp1_";

/// Gives a device a code to show and a secret to keep.
///
/// # Errors
/// `TOO_MANY_PAIRINGS`.
pub async fn start(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &StartPairingRequest,
) -> Result<StartPairingResponse, Error> {
    let now = unit.now();
    unit.look_back().await?;
    auth.guard.begin_pairing(unit.caller().address, now).await?;
    let secret = format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(unit.world().random::<32>()));
    // Too few usable bytes come about once in a million draws of a million.
    let code = draw_code(&unit.world().random::<32>()).ok_or_else(|| Error::aborted("CONFLICT", "try again"))?;
    let kind = DeviceKind::try_from(request.kind).unwrap_or(DeviceKind::Unspecified);
    let asked = Request::new(code, kind, tidy(&request.device_label), now);
    let conn = unit.conn().await?;
    if pairing::count_since(conn, now - LIFE).await? >= MOST_OPEN {
        return Err(Refusal::TooManyPairings.into());
    }
    let stored = Stored {
        secret_digest: digest(secret.as_bytes()).to_vec(),
        request: asked,
    };
    pairing::insert(conn, &stored).await?;
    Ok(StartPairingResponse {
        code: stored.request.code.clone(),
        pairing_secret: secret,
        expire_time: Some(stamp(stored.request.ends())),
        poll_interval: Some(Duration {
            seconds: POLL_INTERVAL.num_seconds(),
            nanos: 0,
        }),
    })
}

/// Shows who asks with this code.
///
/// # Errors
/// `PAIRING_NOT_FOUND` unless it is open: decided ones may be another business's.
pub async fn get(_: &Auth, unit: &mut UnitOfWork, request: &GetPairingRequest) -> Result<GetPairingResponse, Error> {
    let now = unit.now();
    acting::person_id(unit.caller())?;
    let stored = open(unit, &request.code).await?;
    Ok(GetPairingResponse {
        pairing: Some(stored.request.describe(now)),
    })
}

/// The open request with this code.
pub(super) async fn open(unit: &mut UnitOfWork, code: &str) -> Result<Stored, Error> {
    let now = unit.now();
    let code = read_code(code).ok_or(Refusal::PairingNotFound)?;
    let found = pairing::by_code(unit.conn().await?, &code).await?;
    found
        .filter(|found| found.request.is_open(now))
        .ok_or_else(|| Refusal::PairingNotFound.into())
}
