//! `SessionService.ListSessions`.

use muster_kernel::Error;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{ListSessionsRequest, ListSessionsResponse};

use super::directory::{after, next_token};
use crate::api::Auth;
use crate::error::Refusal;
use crate::store::session;
use crate::work::{acting, sessions, tokens};

/// Lists where the caller is signed in.
///
/// # Errors
/// `BAD_PAGE_TOKEN`.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ListSessionsRequest,
) -> Result<ListSessionsResponse, Error> {
    let (tenant, caller, now) = (unit.tenant()?, unit.caller().id()?, unit.now());
    let current = acting::session_id(unit.caller())?;
    let question = format!("sessions of {caller}");
    let before = after(auth, tenant, &question, &request.page_token)?;
    let size = Pages::size(request.page_size);
    let own = session::get(unit.conn().await?, tenant, current)
        .await?
        .ok_or(Refusal::SessionEnded)?;
    let lifetime = tokens::holder(unit, &own).await?.lifetime();
    let since = now - lifetime.idle;
    let rows = session::open_of(unit.conn().await?, tenant, caller, before, since, size + 1).await?;
    let next = next_token(auth, tenant, &question, size, rows.iter().map(|row| row.session_id));
    let shown = rows.iter().take(usize::try_from(size).unwrap_or_default());
    let living = shown.filter(|row| !lifetime.is_over(row.began_at, row.seen_at, now));
    Ok(ListSessionsResponse {
        sessions: living.map(|row| sessions::show(row, lifetime, Some(current))).collect(),
        next_page_token: next,
    })
}
