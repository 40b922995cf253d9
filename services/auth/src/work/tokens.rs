//! Access and refresh tokens of a session.

use chrono::{DateTime, Utc};
use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{DeviceKind, TokenPair};
use uuid::Uuid;

use crate::api::Auth;
use crate::domain::claims::{self, Kind, Subject};
use crate::domain::device::is_active as device_is_active;
use crate::domain::lifetime::Lifetime;
use crate::domain::person::is_active;
use crate::domain::refresh::Ticket;
use crate::domain::role::{Rank, device_permissions, person_permissions};
use crate::domain::time::stamp;
use crate::error::Refusal;
use crate::events::id_of;
use crate::store::session::SessionRow;
use crate::store::{device, person};

/// Somebody or something that may hold a session, as recorded now.
#[derive(Debug, Clone, PartialEq)]
pub enum Holder {
    /// A person.
    Person(person::Stored),
    /// A device.
    Device(device::Stored),
}

/// Who holds this session, if they may still act.
///
/// # Errors
/// `SESSION_ENDED` if not.
pub async fn holder(unit: &mut UnitOfWork, row: &SessionRow) -> Result<Holder, Error> {
    use muster_proto::auth::v1::PrincipalKind;
    let (tenant, id) = (unit.tenant()?, row.principal_id);
    let conn = unit.conn().await?;
    let found = match row.kind() {
        PrincipalKind::Person => {
            let found = person::get(conn, tenant, id).await?;
            found.filter(|found| is_active(&found.person)).map(Holder::Person)
        }
        PrincipalKind::Device => {
            let found = device::get(conn, tenant, id).await?;
            found
                .filter(|found| device_is_active(&found.device))
                .map(Holder::Device)
        }
        PrincipalKind::Unspecified => None,
    };
    found.ok_or_else(|| Refusal::SessionEnded.into())
}

impl Holder {
    /// How long its sessions last.
    pub fn lifetime(&self) -> Lifetime {
        match self {
            Self::Person(stored) => Lifetime::of_rank(Rank::of(&stored.person.roles)),
            Self::Device(_) => Lifetime::of_device(),
        }
    }

    fn subject(&self, tenant_id: Uuid, row: &SessionRow) -> Result<Subject, Error> {
        let (kind, permissions, location_ids, not_before) = match self {
            Self::Person(stored) => {
                let (roles, locations) = (&stored.person.roles, &stored.person.location_ids);
                (
                    Kind::Person,
                    person_permissions(roles, locations),
                    locations.clone(),
                    stored.not_before,
                )
            }
            Self::Device(stored) => {
                let kind = DeviceKind::try_from(stored.device.kind).unwrap_or(DeviceKind::Unspecified);
                let location = vec![stored.device.location_id.clone()];
                (Kind::Device, device_permissions(kind), location, stored.not_before)
            }
        };
        Ok(Subject {
            tenant_id,
            principal_id: row.principal_id,
            kind,
            session_id: row.session_id,
            permissions,
            locations: location_ids.iter().map(|id| id_of(id)).collect::<Result<_, _>>()?,
            auth_time: row.auth_time,
            not_before,
            session_end: self.lifetime().end(row.began_at),
        })
    }
}

/// An access token, and when it ends.
///
/// # Errors
/// `UNAVAILABLE` while there is no signing key.
pub fn access(
    auth: &Auth,
    unit: &UnitOfWork,
    holder: &Holder,
    row: &SessionRow,
) -> Result<(String, DateTime<Utc>), Error> {
    let subject = holder.subject(unit.tenant()?, row)?;
    let claims = claims::write(&auth.deps.issuer, subject, unit.new_id(), unit.now());
    let expires = DateTime::from_timestamp(claims.exp, 0).unwrap_or_else(|| unit.now());
    Ok((auth.keys.sign(&claims)?, expires))
}

/// Both tokens of the session's newest generation.
///
/// # Errors
/// `UNAVAILABLE` while there is no signing key.
pub fn pair(auth: &Auth, unit: &UnitOfWork, holder: &Holder, row: &SessionRow) -> Result<TokenPair, Error> {
    let (access_token, expires) = access(auth, unit, holder, row)?;
    let generation = row.family().generation;
    let ticket = Ticket {
        tenant_id: unit.tenant()?,
        session_id: row.session_id,
        generation,
    };
    Ok(TokenPair {
        access_token,
        refresh_token: ticket.write(&auth.refresh_key, &row.seed),
        access_expire_time: Some(stamp(expires)),
        refresh_expire_time: Some(stamp(holder.lifetime().idle_end(row.began_at, row.seen_at))),
    })
}
