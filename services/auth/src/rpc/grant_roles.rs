//! `DirectoryService.GrantRoles`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{GrantRolesRequest, GrantRolesResponse, RolesGranted};
use muster_proto::authz::v1::Permission;

use crate::api::Auth;
use crate::domain::person_change::grant;
use crate::events::id_of;
use crate::store::person;
use crate::work::{acting, people};

/// Replaces somebody's roles. Tokens with the old rights become void.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `ROLE_TOO_HIGH`, `NOT_ON_SELF`, `LAST_OWNER`, `PERSON_CHANGED`.
pub async fn handle(_: &Auth, unit: &mut UnitOfWork, request: &GrantRolesRequest) -> Result<GrantRolesResponse, Error> {
    let (tenant, now, id) = (unit.tenant()?, unit.now(), id_of(&request.person_id)?);
    person::hold_owners(unit.conn().await?, tenant).await?;
    let actor = acting::actor(unit, Permission::PeopleGrant).await?;
    let before = acting::anybody(unit, &request.person_id).await?;
    let other_owners = person::other_owners(unit.conn().await?, tenant, id).await?;
    let changed = grant(
        &actor,
        &before.person,
        &request.roles,
        request.expected_version,
        other_owners,
        now,
    )?;
    let previous_roles = before.person.roles.clone();
    people::save(unit, &before, &changed, |person| RolesGranted {
        person: Some(person.clone()),
        previous_roles,
    })
    .await?;
    Ok(GrantRolesResponse {
        person: Some(changed.person),
    })
}
