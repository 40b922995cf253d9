//! Adding people, and what every change to a person asks first.

use chrono::{DateTime, Utc};
use muster_proto::auth::v1::{CreatePersonRequest, Person, PersonState, Role};

use super::names::tidy;
use super::policy::Sight;
use super::role::Rank;
use super::time::stamp;
use crate::error::Refusal;

/// Somebody who changes people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub person_id: String,
    /// How high.
    pub rank: Rank,
    /// Where.
    pub sight: Sight,
}

impl Actor {
    /// A person as actor, by the record of this moment and not by what an old token says.
    pub fn of(person: &Person) -> Self {
        Self {
            person_id: person.person_id.clone(),
            rank: Rank::of(&person.roles),
            sight: Sight::of(person.location_ids.iter().cloned()),
        }
    }

    /// Whether this is the actor's own record.
    pub fn is(&self, person: &Person) -> bool {
        self.person_id == person.person_id
    }

    /// What any change asks: the person is seen, is not above, and works nowhere else.
    ///
    /// # Errors
    /// `PERSON_NOT_FOUND` for whom the actor does not see, as if there were nobody.
    pub fn may_command(&self, person: &Person) -> Result<(), Refusal> {
        self.may_touch(person)?;
        if self.sight.commands_person(person) {
            Ok(())
        } else {
            Err(Refusal::WorksElsewhere)
        }
    }

    /// What a change of locations asks: the person is seen and is not above.
    ///
    /// # Errors
    /// As [`Actor::may_command`].
    pub fn may_touch(&self, person: &Person) -> Result<(), Refusal> {
        if !self.sight.sees_person(person) {
            return Err(Refusal::PersonNotFound);
        }
        if self.rank.may_change(Rank::of(&person.roles)) {
            Ok(())
        } else {
            Err(Refusal::RankTooHigh)
        }
    }
}

/// Adds a person.
///
/// # Errors
/// When a role or a location is not the actor's to give.
pub fn create(
    actor: &Actor,
    person_id: String,
    request: &CreatePersonRequest,
    now: DateTime<Utc>,
) -> Result<Person, Refusal> {
    let roles = sorted_roles(&request.roles)?;
    if !grants_all(actor, &roles) {
        return Err(Refusal::RoleTooHigh);
    }
    let location_ids = sorted(&request.location_ids);
    check_locations(&roles, &location_ids)?;
    let own = |ids: &[String]| matches!(actor.sight, Sight::Everywhere) || ids.iter().all(|id| actor.sight.sees(id));
    if !own(&location_ids) || (location_ids.is_empty() && actor.sight != Sight::Everywhere) {
        return Err(Refusal::NotYourLocation);
    }
    Ok(Person {
        person_id,
        display_name: named(&request.display_name)?,
        login_name: request.login_name.clone(),
        email: request.email.to_lowercase(),
        job_title: tidy(&request.job_title),
        roles,
        location_ids,
        state: PersonState::Active.into(),
        has_password: !request.password.is_empty(),
        create_time: Some(stamp(now)),
        update_time: Some(stamp(now)),
        version: 1,
    })
}

/// The owner with whom a tenant begins.
pub fn first_owner(person_id: String, name: &str, login_name: &str, email: &str, now: DateTime<Utc>) -> Person {
    Person {
        person_id,
        display_name: tidy(name),
        login_name: login_name.to_owned(),
        email: email.to_lowercase(),
        job_title: String::new(),
        roles: vec![Role::Owner.into()],
        location_ids: Vec::new(),
        state: PersonState::Active.into(),
        has_password: true,
        create_time: Some(stamp(now)),
        update_time: Some(stamp(now)),
        version: 1,
    }
}

/// Whether the person may sign in and act.
pub fn is_active(person: &Person) -> bool {
    person.state == i32::from(PersonState::Active)
}

/// Whether the person owns the tenant and can act as such.
pub fn is_acting_owner(person: &Person) -> bool {
    is_active(person) && Rank::of(&person.roles) == Rank::Owner
}

/// A name for people; not only white space.
pub(super) fn named(name: &str) -> Result<String, Refusal> {
    let name = tidy(name);
    if name.is_empty() {
        Err(Refusal::NameNeeded)
    } else {
        Ok(name)
    }
}

/// Somebody who may not work everywhere needs a location.
pub(super) fn check_locations(roles: &[i32], location_ids: &[String]) -> Result<(), Refusal> {
    if location_ids.is_empty() && !Rank::of(roles).may_work_everywhere() {
        return Err(Refusal::LocationNeeded);
    }
    Ok(())
}

pub(super) fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| id.to_ascii_lowercase()).collect();
    ids.sort();
    ids.dedup();
    ids
}

pub(super) fn sorted_roles(roles: &[i32]) -> Result<Vec<i32>, Refusal> {
    let mut roles = roles.to_vec();
    roles.sort_unstable();
    roles.dedup();
    if roles.is_empty() {
        Err(Refusal::RoleNeeded)
    } else {
        Ok(roles)
    }
}

pub(super) fn grants_all<'a>(actor: &Actor, roles: impl IntoIterator<Item = &'a i32>) -> bool {
    roles
        .into_iter()
        .all(|role| Role::try_from(*role).is_ok_and(|role| actor.rank.may_grant(role)))
}
