//! `DirectoryService.DisablePerson`, `EnablePerson` and `RevokePersonSessions`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    DisablePersonRequest, DisablePersonResponse, EnablePersonRequest, EnablePersonResponse, PersonChanged,
    PersonSessionsRevoked, PersonState, RevokePersonSessionsRequest, RevokePersonSessionsResponse, SessionEndReason,
};
use muster_proto::authz::v1::Permission;

use crate::api::Auth;
use crate::domain::person_change::{Changed, set_state, sign_out_everywhere};
use crate::events::id_of;
use crate::store::person::{self, Stored};
use crate::work::{acting, people, sessions};

/// Stops somebody from signing in, and ends all sessions.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `WORKS_ELSEWHERE`, `NOT_ON_SELF`, `LAST_OWNER`.
pub async fn disable(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &DisablePersonRequest,
) -> Result<DisablePersonResponse, Error> {
    let (before, changed) = turn(unit, &request.person_id, PersonState::Disabled).await?;
    let id = id_of(&request.person_id)?;
    // Also when nothing changes: whoever is disabled has no session, whatever happened before.
    let ended_sessions = sessions::end_all(unit, id, None, SessionEndReason::PrincipalDisabled).await?;
    save(unit, &before, &changed).await?;
    Ok(DisablePersonResponse {
        person: Some(changed.person),
        ended_sessions,
    })
}

/// Lets somebody sign in again.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `WORKS_ELSEWHERE`, `NOT_ON_SELF`.
pub async fn enable(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &EnablePersonRequest,
) -> Result<EnablePersonResponse, Error> {
    let (before, changed) = turn(unit, &request.person_id, PersonState::Active).await?;
    save(unit, &before, &changed).await?;
    Ok(EnablePersonResponse {
        person: Some(changed.person),
    })
}

/// Signs somebody out everywhere.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `WORKS_ELSEWHERE`.
pub async fn revoke_sessions(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &RevokePersonSessionsRequest,
) -> Result<RevokePersonSessionsResponse, Error> {
    let now = unit.now();
    let actor = acting::actor(unit, Permission::SessionsRevoke).await?;
    let before = acting::anybody(unit, &request.person_id).await?;
    let changed = sign_out_everywhere(&actor, &before.person, now)?;
    let id = id_of(&request.person_id)?;
    let ended_sessions = sessions::end_all(unit, id, None, SessionEndReason::Revoked).await?;
    people::save(unit, &before, &changed, |person| PersonSessionsRevoked {
        person: Some(person.clone()),
        ended_sessions,
    })
    .await?;
    Ok(RevokePersonSessionsResponse { ended_sessions })
}

async fn turn(unit: &mut UnitOfWork, person_id: &str, state: PersonState) -> Result<(Stored, Changed), Error> {
    let (tenant, now, id) = (unit.tenant()?, unit.now(), id_of(person_id)?);
    person::hold_owners(unit.conn().await?, tenant).await?;
    let actor = acting::actor(unit, Permission::PeopleWrite).await?;
    let before = acting::anybody(unit, person_id).await?;
    let other_owners = person::other_owners(unit.conn().await?, tenant, id).await?;
    let changed = set_state(&actor, &before.person, state, other_owners, now)?;
    Ok((before, changed))
}

async fn save(unit: &mut UnitOfWork, before: &Stored, changed: &Changed) -> Result<(), Error> {
    let changed_paths = changed.paths.clone();
    people::save(unit, before, changed, |person| PersonChanged {
        person: Some(person.clone()),
        changed_paths,
    })
    .await
}
