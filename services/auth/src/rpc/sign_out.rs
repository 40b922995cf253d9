//! `SessionService.SignOut` and `RevokeSession`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    RevokeSessionRequest, RevokeSessionResponse, SessionEndReason, SignOutRequest, SignOutResponse,
};
use uuid::Uuid;

use crate::api::Auth;
use crate::error::Refusal;
use crate::events::id_of;
use crate::store::session;
use crate::work::{acting, sessions};

/// Ends the calling session.
///
/// # Errors
/// If the database is out of reach.
pub async fn sign_out(_: &Auth, unit: &mut UnitOfWork, _: &SignOutRequest) -> Result<SignOutResponse, Error> {
    let session_id = acting::session_id(unit.caller())?;
    end_own(unit, session_id, SessionEndReason::SignedOut).await?;
    Ok(SignOutResponse {})
}

/// Ends a session of the caller.
///
/// # Errors
/// `SESSION_NOT_FOUND` also for sessions of others.
pub async fn revoke(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &RevokeSessionRequest,
) -> Result<RevokeSessionResponse, Error> {
    end_own(unit, id_of(&request.session_id)?, SessionEndReason::Revoked).await?;
    Ok(RevokeSessionResponse {})
}

async fn end_own(unit: &mut UnitOfWork, session_id: Uuid, reason: SessionEndReason) -> Result<(), Error> {
    let (tenant, caller) = (unit.tenant()?, unit.caller().id()?);
    let row = session::get(unit.conn().await?, tenant, session_id).await?;
    let row = row
        .filter(|row| row.principal_id == caller)
        .ok_or(Refusal::SessionNotFound)?;
    if row.ended_at.is_none() {
        sessions::end(unit, &row, reason).await?;
    }
    Ok(())
}
