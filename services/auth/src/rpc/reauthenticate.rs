//! `SessionService.Reauthenticate`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{ReauthenticateRequest, ReauthenticateResponse, SessionReauthenticated};

use crate::api::Auth;
use crate::domain::time::stamp;
use crate::error::Refusal;
use crate::events::event;
use crate::rpc::change_password::prove;
use crate::store::session::{self, SessionRow};
use crate::work::{acting, tokens};

/// Gives an access token that counts as fresh.
///
/// # Errors
/// `WRONG_PASSWORD`, `TOO_MANY_TRIES`.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ReauthenticateRequest,
) -> Result<ReauthenticateResponse, Error> {
    prove(auth, unit, &request.password).await?;
    let (tenant, session_id, now) = (unit.tenant()?, acting::session_id(unit.caller())?, unit.now());
    let conn = unit.conn().await?;
    let row = session::get(conn, tenant, session_id)
        .await?
        .filter(|row| row.ended_at.is_none());
    let row = row.ok_or(Refusal::SessionEnded)?;
    session::prove(conn, tenant, &row, now).await?;
    let proved = SessionReauthenticated {
        session_id: session_id.to_string(),
        auth_time: Some(stamp(now)),
    };
    unit.append(event(session_id, row.version + 1, &proved));
    let row = SessionRow { auth_time: now, ..row };
    let holder = tokens::holder(unit, &row).await?;
    if holder.lifetime().is_over(row.began_at, row.seen_at, now) {
        return Err(Refusal::SessionEnded.into());
    }
    if request.validate_only {
        // What is undone must not leave a token behind.
        return Ok(ReauthenticateResponse::default());
    }
    let (access_token, expires) = tokens::access(auth, unit, &holder, &row)?;
    Ok(ReauthenticateResponse {
        access_token,
        access_expire_time: Some(stamp(expires)),
    })
}
