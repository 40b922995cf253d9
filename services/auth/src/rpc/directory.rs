//! `DirectoryService.GetTenant`, and the pages of all lists.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{GetTenantRequest, GetTenantResponse};
use uuid::Uuid;

use crate::api::Auth;
use crate::error::Refusal;
use crate::store::tenant;

/// Gives the caller's business.
///
/// # Errors
/// If the database is out of reach.
pub async fn get_tenant(_: &Auth, unit: &mut UnitOfWork, _: &GetTenantRequest) -> Result<GetTenantResponse, Error> {
    let tenant_id = unit.tenant()?;
    let tenant = tenant::get(unit.conn().await?, tenant_id).await?;
    Ok(GetTenantResponse { tenant })
}

/// The entry after which a page begins.
pub(super) fn after(auth: &Auth, tenant: Uuid, question: &str, token: &str) -> Result<Option<Uuid>, Error> {
    let last = auth.deps.pages.read(tenant, question, token)?;
    last.map(|last| Uuid::parse_str(&last).map_err(|_| Refusal::BadPageToken.into()))
        .transpose()
}

/// The token for the next page: one more entry was read than is shown.
pub(super) fn next_token(
    auth: &Auth,
    tenant: Uuid,
    question: &str,
    size: i64,
    ids: impl ExactSizeIterator<Item = Uuid>,
) -> String {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if ids.len() <= size {
        return String::new();
    }
    let mut shown = ids.take(size);
    shown.by_ref().last().map_or_else(String::new, |last| {
        auth.deps.pages.token(tenant, question, &last.to_string())
    })
}
