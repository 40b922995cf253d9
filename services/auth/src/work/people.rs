//! Writing changes of people: record, event, and what follows for tokens.

use std::collections::BTreeSet;

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::Person;
use uuid::Uuid;

use super::revoking;
use crate::domain::person_change::Changed;
use crate::error::Refusal;
use crate::events::{Event, event, id_of};
use crate::store::location;
use crate::store::person::{self, Stored};

/// Writes a change with its event. Where rights are different, access tokens with the old ones become void.
///
/// # Errors
/// If the database is out of reach.
pub async fn save<E: Event>(
    unit: &mut UnitOfWork,
    before: &Stored,
    changed: &Changed,
    what: impl FnOnce(&Person) -> E,
) -> Result<(), Error> {
    if changed.paths.is_empty() {
        return Ok(());
    }
    let (tenant, person) = (unit.tenant()?, changed.person.clone());
    let person_id = id_of(&person.person_id)?;
    let not_before = if changed.rights_changed {
        revoking::principal(unit, person_id).await?
    } else {
        before.not_before
    };
    unit.append(event(person_id, person.version, &what(&person)));
    person::put(unit.conn().await?, tenant, &Stored { person, not_before }).await
}

/// All locations that are named must exist. One that does not, and one of another tenant, look the same.
///
/// # Errors
/// `LOCATION_NOT_FOUND`, pointing at the field.
pub async fn check_locations(unit: &mut UnitOfWork, location_ids: &[String]) -> Result<(), Error> {
    let tenant = unit.tenant()?;
    let ids: BTreeSet<Uuid> = location_ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?;
    let list: Vec<Uuid> = ids.iter().copied().collect();
    let existing = location::existing(unit.conn().await?, tenant, &list).await?;
    if existing == ids {
        Ok(())
    } else {
        Err(Error::from(Refusal::LocationNotFound).at_field("location_ids"))
    }
}

/// Nobody else signs in with this e-mail address.
///
/// # Errors
/// `EMAIL_TAKEN`.
pub async fn check_email(unit: &mut UnitOfWork, email: &str, person_id: Uuid) -> Result<(), Error> {
    let tenant = unit.tenant()?;
    if !email.is_empty() && person::login_taken(unit.conn().await?, tenant, email, person_id).await? {
        return Err(Refusal::EmailTaken.into());
    }
    Ok(())
}
