//! `SessionService.WhoAmI` and `GetSigningKeys`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{GetSigningKeysRequest, GetSigningKeysResponse, Person, WhoAmIRequest, WhoAmIResponse};
use uuid::Uuid;

use crate::api::Auth;
use crate::error::Refusal;
use crate::store::{session, tenant};
use crate::work::tokens::Holder;
use crate::work::{acting, sessions, tokens};

/// Tells who is calling.
///
/// # Errors
/// `SESSION_ENDED` if the caller may not act any more.
pub async fn handle(_: &Auth, unit: &mut UnitOfWork, _: &WhoAmIRequest) -> Result<WhoAmIResponse, Error> {
    let (tenant_id, session_id) = (unit.tenant()?, acting::session_id(unit.caller())?);
    let row = session::get(unit.conn().await?, tenant_id, session_id).await?;
    let row = row.filter(|row| row.ended_at.is_none()).ok_or(Refusal::SessionEnded)?;
    let holder = tokens::holder(unit, &row).await?;
    let tenant = tenant::get(unit.conn().await?, tenant_id).await?;
    let shown = sessions::show(&row, holder.lifetime(), Some(session_id));
    let person: Option<Person> = match holder {
        Holder::Person(stored) => Some(stored.person),
        Holder::Device(_) => None,
    };
    let caller = unit.caller();
    Ok(WhoAmIResponse {
        principal_kind: row.principal_kind,
        principal_id: row.principal_id.to_string(),
        person,
        tenant,
        session: Some(shown),
        permissions: caller.permissions.clone(),
        location_ids: caller.locations.iter().map(Uuid::to_string).collect(),
    })
}

/// Gives the public keys.
///
/// # Errors
/// None.
pub async fn signing_keys(
    auth: &Auth,
    _: &mut UnitOfWork,
    _: &GetSigningKeysRequest,
) -> Result<GetSigningKeysResponse, Error> {
    Ok(GetSigningKeysResponse {
        keys: auth.keys.published().borrow().clone(),
    })
}
