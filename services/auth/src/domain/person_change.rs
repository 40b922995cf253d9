//! Changing people: record, roles, state, password. Each gives the person after it, or says why not.

use chrono::{DateTime, Utc};
use muster_proto::auth::v1::{Person, PersonState, UpdatePersonRequest};

use super::names::tidy;
use super::person::{Actor, check_locations, grants_all, is_acting_owner, named, sorted, sorted_roles};
use super::role::Rank;
use super::time::stamp;
use crate::error::Refusal;

/// A person after a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Changed {
    /// The person now.
    pub person: Person,
    /// The fields that are different; empty when nothing is.
    pub paths: Vec<String>,
    /// Rights or locations are different: access tokens written before are void.
    pub rights_changed: bool,
}

impl Changed {
    fn nothing(person: &Person) -> Self {
        Self {
            person: person.clone(),
            paths: Vec::new(),
            rights_changed: false,
        }
    }

    fn one(mut person: Person, path: &str, rights_changed: bool, now: DateTime<Utc>) -> Self {
        touch(&mut person, now);
        Self {
            person,
            paths: vec![path.to_owned()],
            rights_changed,
        }
    }
}

fn touch(person: &mut Person, now: DateTime<Utc>) {
    person.update_time = Some(stamp(now));
    person.version += 1;
}

fn expect_version(person: &Person, expected: i64) -> Result<(), Refusal> {
    if expected == 0 || expected == person.version {
        Ok(())
    } else {
        Err(Refusal::PersonChanged)
    }
}

/// Changes the fields named in the mask.
///
/// # Errors
/// When the person, a field or a location is not the actor's to change.
pub fn update(
    actor: &Actor,
    before: &Person,
    request: &UpdatePersonRequest,
    now: DateTime<Utc>,
) -> Result<Changed, Refusal> {
    actor.may_touch(before)?;
    let mask: &[String] = request.update_mask.as_ref().map_or(&[], |mask| &mask.paths);
    if mask.is_empty() {
        return Err(Refusal::EmptyMask);
    }
    if mask.iter().any(|path| path != "location_ids") {
        actor.may_command(before)?;
    }
    expect_version(before, request.expected_version)?;
    let mut person = before.clone();
    for path in mask {
        match path.as_str() {
            "display_name" => person.display_name = named(&request.display_name)?,
            "job_title" => person.job_title = tidy(&request.job_title),
            "email" => person.email = request.email.to_lowercase(),
            "location_ids" => {
                person.location_ids = sorted(&request.location_ids);
                check_locations(&person.roles, &person.location_ids)?;
                if !actor.sight.may_move(&before.location_ids, &person.location_ids) {
                    return Err(Refusal::NotYourLocation);
                }
            }
            _ => return Err(Refusal::UnknownPath),
        }
    }
    let different = [
        ("display_name", person.display_name != before.display_name),
        ("job_title", person.job_title != before.job_title),
        ("email", person.email != before.email),
        ("location_ids", person.location_ids != before.location_ids),
    ];
    let paths: Vec<String> = different
        .into_iter()
        .filter(|(_, different)| *different)
        .map(|(path, _)| path.to_owned())
        .collect();
    if paths.is_empty() {
        return Ok(Changed::nothing(before));
    }
    touch(&mut person, now);
    let rights_changed = person.location_ids != before.location_ids;
    Ok(Changed {
        person,
        paths,
        rights_changed,
    })
}

/// Replaces the roles. `other_owners` counts the acting owners besides this person.
///
/// # Errors
/// When a role that comes or goes is not the actor's to give, or the tenant would be left without an owner.
pub fn grant(
    actor: &Actor,
    before: &Person,
    roles: &[i32],
    expected_version: i64,
    other_owners: i64,
    now: DateTime<Utc>,
) -> Result<Changed, Refusal> {
    actor.may_command(before)?;
    if actor.is(before) {
        return Err(Refusal::NotOnSelf);
    }
    expect_version(before, expected_version)?;
    let roles = sorted_roles(roles)?;
    if roles == before.roles {
        return Ok(Changed::nothing(before));
    }
    let comes_or_goes = roles
        .iter()
        .filter(|role| !before.roles.contains(role))
        .chain(before.roles.iter().filter(|role| !roles.contains(role)));
    if !grants_all(actor, comes_or_goes) {
        return Err(Refusal::RoleTooHigh);
    }
    check_locations(&roles, &before.location_ids)?;
    if is_acting_owner(before) && Rank::of(&roles) != Rank::Owner && other_owners == 0 {
        return Err(Refusal::LastOwner);
    }
    let person = Person {
        roles,
        ..before.clone()
    };
    Ok(Changed::one(person, "roles", true, now))
}

/// Lets the person sign in, or not any more.
///
/// # Errors
/// When the person is not the actor's to change, or the tenant would be left without an owner.
pub fn set_state(
    actor: &Actor,
    before: &Person,
    state: PersonState,
    other_owners: i64,
    now: DateTime<Utc>,
) -> Result<Changed, Refusal> {
    actor.may_command(before)?;
    if actor.is(before) {
        return Err(Refusal::NotOnSelf);
    }
    if before.state == i32::from(state) {
        return Ok(Changed::nothing(before));
    }
    if state == PersonState::Disabled && is_acting_owner(before) && other_owners == 0 {
        return Err(Refusal::LastOwner);
    }
    let person = Person {
        state: state.into(),
        ..before.clone()
    };
    Ok(Changed::one(person, "state", state == PersonState::Disabled, now))
}

/// Somebody else sets the password.
///
/// # Errors
/// When the person is not the actor's to change.
pub fn reset_password(actor: &Actor, before: &Person, now: DateTime<Utc>) -> Result<Changed, Refusal> {
    actor.may_command(before)?;
    if actor.is(before) {
        return Err(Refusal::UseChangePassword);
    }
    Ok(password_set(before, now))
}

/// The password was set.
pub fn password_set(before: &Person, now: DateTime<Utc>) -> Changed {
    Changed::one(
        Person {
            has_password: true,
            ..before.clone()
        },
        "password",
        false,
        now,
    )
}

/// Somebody is signed out everywhere.
///
/// # Errors
/// When the person is not the actor's to change. Signing oneself out everywhere is always fine.
pub fn sign_out_everywhere(actor: &Actor, before: &Person, now: DateTime<Utc>) -> Result<Changed, Refusal> {
    if !actor.is(before) {
        actor.may_command(before)?;
    }
    Ok(Changed::one(before.clone(), "sessions", true, now))
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
