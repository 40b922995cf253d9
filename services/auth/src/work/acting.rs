//! Who acts, by the records of this moment: a token may be ten minutes old.

use muster_kernel::Error;
use muster_kernel::identity::{Caller, Principal};
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::Person;
use muster_proto::authz::v1::Permission;
use uuid::Uuid;

use crate::domain::person::{Actor, is_active};
use crate::domain::policy::Sight;
use crate::domain::role::person_permissions;
use crate::error::Refusal;
use crate::store::person::{self, Stored};
use crate::store::session;

/// What the caller sees, by the token.
pub fn sight(caller: &Caller) -> Sight {
    Sight::of(caller.locations.iter().map(Uuid::to_string))
}

/// The calling person's id.
///
/// # Errors
/// `PEOPLE_ONLY` for devices and services.
pub fn person_id(caller: &Caller) -> Result<Uuid, Error> {
    match caller.principal {
        Principal::Person(id) => Ok(id),
        _ => Err(Refusal::PeopleOnly.into()),
    }
}

/// The calling session's id.
///
/// # Errors
/// `SESSION_ENDED` where there is none.
pub fn session_id(caller: &Caller) -> Result<Uuid, Error> {
    caller.session_id.ok_or_else(|| Refusal::SessionEnded.into())
}

/// The calling person as recorded now, in a session that has not ended.
///
/// # Errors
/// `SESSION_ENDED` if the person may not act any more.
pub async fn myself(unit: &mut UnitOfWork) -> Result<Stored, Error> {
    let (tenant, id, session_id) = (unit.tenant()?, person_id(unit.caller())?, session_id(unit.caller())?);
    let conn = unit.conn().await?;
    let row = session::get(conn, tenant, session_id).await?;
    if !row.is_some_and(|row| row.ended_at.is_none() && row.principal_id == id) {
        return Err(Refusal::SessionEnded.into());
    }
    let found = person::get(conn, tenant, id).await?;
    found
        .filter(|found| is_active(&found.person))
        .ok_or_else(|| Refusal::SessionEnded.into())
}

/// The calling person as somebody who changes things, with a right that they must hold at this moment: a token may
/// still carry one that was taken a second ago.
///
/// # Errors
/// As [`myself`]; `RIGHT_TAKEN` without the right.
pub async fn actor(unit: &mut UnitOfWork, right: Permission) -> Result<Actor, Error> {
    let person = myself(unit).await?.person;
    if person_permissions(&person.roles, &person.location_ids).contains(&i32::from(right)) {
        Ok(Actor::of(&person))
    } else {
        Err(Refusal::RightTaken.into())
    }
}

/// A person of the tenant, seen or not.
///
/// # Errors
/// `PERSON_NOT_FOUND`.
pub async fn anybody(unit: &mut UnitOfWork, id: &str) -> Result<Stored, Error> {
    let tenant = unit.tenant()?;
    let id = crate::events::id_of(id)?;
    let found = person::get(unit.conn().await?, tenant, id).await?;
    found.ok_or_else(|| Refusal::PersonNotFound.into())
}

/// What a person may not see, does not exist.
///
/// # Errors
/// `PERSON_NOT_FOUND`.
pub fn seen(sight: &Sight, person: Person) -> Result<Person, Error> {
    if sight.sees_person(&person) {
        Ok(person)
    } else {
        Err(Refusal::PersonNotFound.into())
    }
}
