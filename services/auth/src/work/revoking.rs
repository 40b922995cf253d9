//! Making access tokens void before their time.

use chrono::{DateTime, TimeDelta, Utc};
use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::revocation::Subject;
use muster_proto::auth::v1::{AccessRevoked, Revocation};
use uuid::Uuid;

use crate::domain::claims::OVERLAP;
use crate::domain::lifetime::ACCESS_TOKEN;
use crate::domain::time::stamp;
use crate::events::event;
use crate::store::revocation;

/// Revocations older than this concern tokens that have expired.
pub const REMEMBERED: TimeDelta = TimeDelta::minutes(11);

/// An ended session makes no tokens any more, so that its revocation may reach ahead and cover those in the making.
const SESSION_AHEAD: TimeDelta = TimeDelta::seconds(30);

const _: () = assert!(REMEMBERED.num_seconds() > ACCESS_TOKEN.num_seconds() + SESSION_AHEAD.num_seconds());

/// Voids all tokens of a session.
///
/// # Errors
/// If the database is out of reach.
pub async fn session(unit: &mut UnitOfWork, session_id: Uuid) -> Result<(), Error> {
    let not_before = unit.now() + SESSION_AHEAD;
    record(unit, Subject::SessionId(session_id.to_string()), not_before).await
}

/// Voids the tokens that a person or device has, and gives the moment up to which they are void. It is for the
/// principal's row: later tokens are dated behind it.
///
/// # Errors
/// If the database is out of reach.
pub async fn principal(unit: &mut UnitOfWork, principal_id: Uuid) -> Result<DateTime<Utc>, Error> {
    let not_before = unit.now() + OVERLAP;
    record(unit, Subject::PrincipalId(principal_id.to_string()), not_before).await?;
    Ok(not_before)
}

async fn record(unit: &mut UnitOfWork, subject: Subject, not_before: DateTime<Utc>) -> Result<(), Error> {
    let (tenant, now, id) = (unit.tenant()?, unit.now(), unit.new_id());
    let revocation = Revocation {
        tenant_id: tenant.to_string(),
        subject: Some(subject),
        not_before: Some(stamp(not_before)),
        revoke_time: Some(stamp(now)),
    };
    revocation::insert(unit.conn().await?, tenant, id, &revocation, now).await?;
    unit.append(event(
        id,
        1,
        &AccessRevoked {
            revocation: Some(revocation),
        },
    ));
    Ok(())
}
