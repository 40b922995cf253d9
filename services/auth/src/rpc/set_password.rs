//! `DirectoryService.SetPassword`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{PasswordChanged, SessionEndReason, SetPasswordRequest, SetPasswordResponse};
use muster_proto::authz::v1::Permission;

use crate::api::Auth;
use crate::domain::person::Actor;
use crate::domain::person_change::{Changed, reset_password};
use crate::error::Refusal;
use crate::events::id_of;
use crate::store::password;
use crate::work::password::{known, prepare};
use crate::work::{acting, people, sessions};

/// Sets somebody's password and ends that person's sessions.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `WORKS_ELSEWHERE`, `USE_CHANGE_PASSWORD`, or the password's weakness.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &SetPasswordRequest,
) -> Result<SetPasswordResponse, Error> {
    let (tenant, now, id) = (unit.tenant()?, unit.now(), id_of(&request.person_id)?);
    unit.look_back().await?;
    // Asked once before hashing, so that a refusal tells nothing of people who are not the caller's, and once after.
    let caller = known(auth, tenant, acting::person_id(unit.caller())?)
        .await?
        .ok_or(Refusal::SessionEnded)?;
    let target = known(auth, tenant, id).await?.ok_or(Refusal::PersonNotFound)?;
    reset_password(&Actor::of(&caller.stored.person), &target.stored.person, now)?;
    let hash = prepare(auth, tenant, &target.stored.person, &request.new_password).await?;

    let actor = acting::actor(unit, Permission::PeopleWrite).await?;
    let before = acting::anybody(unit, &request.person_id).await?;
    let changed = reset_password(&actor, &before.person, now)?;
    password::put(unit.conn().await?, tenant, id, &hash, now).await?;
    let ended_sessions = sessions::end_all(unit, id, None, SessionEndReason::PasswordChanged).await?;
    let changed = Changed {
        rights_changed: true,
        ..changed
    };
    people::save(unit, &before, &changed, |person| PasswordChanged {
        person: Some(person.clone()),
        by_other: true,
        ended_sessions,
    })
    .await?;
    Ok(SetPasswordResponse {
        person: Some(changed.person),
        ended_sessions,
    })
}
