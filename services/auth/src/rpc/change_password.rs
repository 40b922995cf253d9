//! `SessionService.ChangePassword`, and proving to be there by the current one.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{ChangePasswordRequest, ChangePasswordResponse, PasswordChanged, SessionEndReason};

use crate::api::Auth;
use crate::domain::password::normalise;
use crate::domain::person::is_active;
use crate::domain::person_change::password_set;
use crate::error::Refusal;
use crate::store::password;
use crate::work::password::{Known, known, prepare};
use crate::work::{acting, people, sessions};

/// Changes the caller's password and ends the caller's other sessions.
///
/// # Errors
/// `WRONG_PASSWORD`, `TOO_MANY_TRIES`, or the weakness of the new one.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ChangePasswordRequest,
) -> Result<ChangePasswordResponse, Error> {
    let before = prove(auth, unit, &request.current_password).await?;
    if normalise(&request.new_password) == normalise(&request.current_password) {
        return Err(Refusal::SamePassword.into());
    }
    let (tenant, person_id) = (unit.tenant()?, acting::person_id(unit.caller())?);
    let hash = prepare(auth, tenant, &before.stored.person, &request.new_password).await?;
    let (now, session_id) = (unit.now(), acting::session_id(unit.caller())?);
    let stored = acting::myself(unit).await?;
    let conn = unit.conn().await?;
    if password::get(conn, tenant, person_id).await? != before.hash {
        return Err(Refusal::WrongPassword.into());
    }
    password::put(conn, tenant, person_id, &hash, now).await?;
    let reason = SessionEndReason::PasswordChanged;
    let ended_sessions = sessions::end_all(unit, person_id, Some(session_id), reason).await?;
    let changed = password_set(&stored.person, now);
    people::save(unit, &stored, &changed, |person| PasswordChanged {
        person: Some(person.clone()),
        by_other: false,
        ended_sessions,
    })
    .await?;
    Ok(ChangePasswordResponse { ended_sessions })
}

/// Checks the caller's own password, before the transaction begins.
///
/// # Errors
/// `WRONG_PASSWORD`, `TOO_MANY_TRIES`, `SIGN_IN_BUSY`; `SESSION_ENDED` if the caller may not act any more.
pub(super) async fn prove(auth: &Auth, unit: &mut UnitOfWork, typed: &str) -> Result<Known, Error> {
    let place = auth.hasher.line_up()?;
    unit.look_back().await?;
    let (tenant, person_id) = (unit.tenant()?, acting::person_id(unit.caller())?);
    let found = known(auth, tenant, person_id)
        .await?
        .filter(|known| is_active(&known.stored.person));
    let found = found.ok_or(Refusal::SessionEnded)?;
    let reservation = auth
        .guard
        .reserve(auth.guard.of_proof(tenant, person_id), unit.now())
        .await?;
    match auth.hasher.check(place, typed, found.hash.as_deref()).await {
        Ok(checked) if checked.right => {
            auth.guard.refund(reservation).await?;
            Ok(found)
        }
        Ok(_) => Err(Refusal::WrongPassword.into()),
        Err(error) => {
            auth.guard.refund(reservation).await?;
            Err(error)
        }
    }
}
