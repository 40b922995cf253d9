//! `DirectoryService.ListPeople`.

use muster_kernel::Error;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{ListPeopleRequest, ListPeopleResponse};
use uuid::Uuid;

use super::directory::{after, next_token};
use crate::api::Auth;
use crate::domain::names::fold;
use crate::events::id_of;
use crate::store::Page;
use crate::store::people::{Search, list};
use crate::work::acting;

/// Finds people at the caller's locations.
///
/// # Errors
/// `BAD_PAGE_TOKEN`.
pub async fn handle(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ListPeopleRequest,
) -> Result<ListPeopleResponse, Error> {
    let (tenant, sight) = (unit.tenant()?, acting::sight(unit.caller()));
    let location = if request.location_id.is_empty() {
        None
    } else {
        Some(id_of(&request.location_id)?)
    };
    let prefix = fold(&request.query);
    let question = format!("people {prefix:?} {location:?} {} {}", request.role, request.state);
    let after = after(auth, tenant, &question, &request.page_token)?;
    let size = Pages::size(request.page_size);
    let search = Search {
        prefix,
        location,
        role: request.role,
        state: request.state,
    };
    // A location that is not seen, and one that is not there, both have nobody.
    let hidden = location.is_some_and(|id| !sight.sees(&id.to_string()));
    let mut people = if hidden {
        Vec::new()
    } else {
        list(
            unit.conn().await?,
            tenant,
            &sight,
            &search,
            Page { after, size: size + 1 },
        )
        .await?
    };
    let ids: Vec<Uuid> = people
        .iter()
        .map(|person| id_of(&person.person_id))
        .collect::<Result<_, _>>()?;
    let next_page_token = next_token(auth, tenant, &question, size, ids.into_iter());
    people.truncate(usize::try_from(size).unwrap_or_default());
    Ok(ListPeopleResponse {
        people,
        next_page_token,
    })
}
