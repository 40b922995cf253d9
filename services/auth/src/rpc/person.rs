//! `DirectoryService.GetPerson`, `CreatePerson` and `UpdatePerson`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    CreatePersonRequest, CreatePersonResponse, GetPersonRequest, GetPersonResponse, Person, PersonChanged,
    UpdatePersonRequest, UpdatePersonResponse,
};
use muster_proto::authz::v1::Permission;

use crate::api::Auth;
use crate::domain::person::create as add;
use crate::domain::person_change::update as change;
use crate::error::Refusal;
use crate::events::{event, id_of};
use crate::store::password;
use crate::store::person::{self, Stored};
use crate::work::password::prepare;
use crate::work::{acting, people};

/// Gives one person.
///
/// # Errors
/// `PERSON_NOT_FOUND` also for people whom the caller may not see.
pub async fn get(_: &Auth, unit: &mut UnitOfWork, request: &GetPersonRequest) -> Result<GetPersonResponse, Error> {
    let id = id_of(&request.person_id)?;
    let caller = unit.caller();
    let (own, all, sight) = (
        caller.id()? == id,
        caller.may(Permission::PeopleRead),
        acting::sight(caller),
    );
    if !own && !all {
        return Err(Refusal::PersonNotFound.into());
    }
    let person = acting::anybody(unit, &request.person_id).await?.person;
    let person = if own { person } else { acting::seen(&sight, person)? };
    Ok(GetPersonResponse { person: Some(person) })
}

/// Adds a person.
///
/// # Errors
/// `ROLE_TOO_HIGH`, `NOT_YOUR_LOCATION`, `LOCATION_NEEDED`, `LOGIN_NAME_TAKEN`, `EMAIL_TAKEN`, or the password's weakness.
pub async fn create(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &CreatePersonRequest,
) -> Result<CreatePersonResponse, Error> {
    let (tenant, now, id) = (unit.tenant()?, unit.now(), unit.new_id());
    unit.look_back().await?;
    let hash = first_password(auth, unit, request).await?;
    let actor = acting::actor(unit, Permission::PeopleWrite).await?;
    let person = add(&actor, id.to_string(), request, now)?;
    people::check_locations(unit, &person.location_ids).await?;
    if person::login_taken(unit.conn().await?, tenant, &person.login_name, id).await? {
        return Err(Refusal::LoginNameTaken.into());
    }
    people::check_email(unit, &person.email, id).await?;
    let conn = unit.conn().await?;
    // Nothing was ever issued, so nothing is void.
    let stored = Stored {
        person: person.clone(),
        not_before: chrono::DateTime::UNIX_EPOCH,
    };
    person::put(conn, tenant, &stored).await?;
    if let Some(hash) = hash {
        password::put(conn, tenant, id, &hash, now).await?;
    }
    let added = PersonChanged {
        person: Some(person.clone()),
        changed_paths: Vec::new(),
    };
    unit.append(event(id, person.version, &added));
    Ok(CreatePersonResponse { person: Some(person) })
}

/// Changes a person.
///
/// # Errors
/// `PERSON_NOT_FOUND`, `RANK_TOO_HIGH`, `WORKS_ELSEWHERE`, `NOT_YOUR_LOCATION`, `PERSON_CHANGED`, `EMAIL_TAKEN`.
pub async fn update(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &UpdatePersonRequest,
) -> Result<UpdatePersonResponse, Error> {
    let now = unit.now();
    let actor = acting::actor(unit, Permission::PeopleWrite).await?;
    let before = acting::anybody(unit, &request.person_id).await?;
    let changed = change(&actor, &before.person, request, now)?;
    people::check_locations(unit, &changed.person.location_ids).await?;
    people::check_email(unit, &changed.person.email, id_of(&request.person_id)?).await?;
    let changed_paths = changed.paths.clone();
    people::save(unit, &before, &changed, |person| PersonChanged {
        person: Some(person.clone()),
        changed_paths,
    })
    .await?;
    Ok(UpdatePersonResponse {
        person: Some(changed.person),
    })
}

async fn first_password(
    auth: &Auth,
    unit: &UnitOfWork,
    request: &CreatePersonRequest,
) -> Result<Option<String>, Error> {
    if request.password.is_empty() {
        return Ok(None);
    }
    let owner = Person {
        display_name: request.display_name.clone(),
        login_name: request.login_name.clone(),
        email: request.email.clone(),
        ..Person::default()
    };
    let hash = prepare(auth, unit.tenant()?, &owner, &request.password).await;
    hash.map(Some).map_err(|mut error| {
        // Here the field has another name.
        error
            .fields
            .iter_mut()
            .for_each(|violation| "password".clone_into(&mut violation.field));
        error
    })
}
