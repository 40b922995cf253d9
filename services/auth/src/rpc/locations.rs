//! `DirectoryService`: locations.

use muster_kernel::Error;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{
    CreateLocationRequest, CreateLocationResponse, GetLocationRequest, GetLocationResponse, ListLocationsRequest,
    ListLocationsResponse, Location, LocationChanged, LocationState, UpdateLocationRequest, UpdateLocationResponse,
};
use muster_proto::authz::v1::Permission;
use uuid::Uuid;

use super::directory::{after, next_token};
use crate::api::Auth;
use crate::domain::location::{create as open, update as change};
use crate::domain::policy::Sight;
use crate::error::Refusal;
use crate::events::{event, id_of};
use crate::store::{Page, location, tenant};
use crate::work::acting;

/// Lists the caller's locations.
///
/// # Errors
/// `BAD_PAGE_TOKEN`.
pub async fn list(
    auth: &Auth,
    unit: &mut UnitOfWork,
    request: &ListLocationsRequest,
) -> Result<ListLocationsResponse, Error> {
    let (tenant, sight) = (unit.tenant()?, acting::sight(unit.caller()));
    let question = format!("locations {}", request.state);
    let after = after(auth, tenant, &question, &request.page_token)?;
    let size = Pages::size(request.page_size);
    let page = Page { after, size: size + 1 };
    let mut locations = location::list(unit.conn().await?, tenant, &sight, request.state, page).await?;
    let ids: Vec<Uuid> = locations
        .iter()
        .map(|found| id_of(&found.location_id))
        .collect::<Result<_, _>>()?;
    let next_page_token = next_token(auth, tenant, &question, size, ids.into_iter());
    locations.truncate(usize::try_from(size).unwrap_or_default());
    Ok(ListLocationsResponse {
        locations,
        next_page_token,
    })
}

/// Gives one of the caller's locations.
///
/// # Errors
/// `LOCATION_NOT_FOUND`.
pub async fn get(_: &Auth, unit: &mut UnitOfWork, request: &GetLocationRequest) -> Result<GetLocationResponse, Error> {
    let sight = acting::sight(unit.caller());
    let location = find(unit, &sight, &request.location_id).await?;
    Ok(GetLocationResponse {
        location: Some(location),
    })
}

/// Opens a location.
///
/// # Errors
/// `LOCATION_NAME_TAKEN`, `UNKNOWN_TIME_ZONE`; `NOT_YOUR_LOCATION` for who does not work everywhere.
pub async fn create(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &CreateLocationRequest,
) -> Result<CreateLocationResponse, Error> {
    let (tenant_id, now, id) = (unit.tenant()?, unit.now(), unit.new_id());
    if acting::actor(unit, Permission::LocationsWrite).await?.sight != Sight::Everywhere {
        return Err(Refusal::NotYourLocation.into());
    }
    let tenant = tenant::get(unit.conn().await?, tenant_id).await?.unwrap_or_default();
    let location = open(&tenant, id.to_string(), request, now)?;
    save(unit, &location, Vec::new()).await?;
    Ok(CreateLocationResponse {
        location: Some(location),
    })
}

/// Changes or closes a location.
///
/// # Errors
/// `LOCATION_NOT_FOUND`, `LOCATION_NAME_TAKEN`, `LOCATION_CHANGED`, `UNKNOWN_TIME_ZONE`.
pub async fn update(
    _: &Auth,
    unit: &mut UnitOfWork,
    request: &UpdateLocationRequest,
) -> Result<UpdateLocationResponse, Error> {
    let now = unit.now();
    let sight = acting::actor(unit, Permission::LocationsWrite).await?.sight;
    let before = find(unit, &sight, &request.location_id).await?;
    let (location, paths) = change(&before, request, now)?;
    if !paths.is_empty() {
        save(unit, &location, paths).await?;
    }
    Ok(UpdateLocationResponse {
        location: Some(location),
    })
}

/// A location that is seen.
pub(super) async fn find(unit: &mut UnitOfWork, sight: &Sight, id: &str) -> Result<Location, Error> {
    let (tenant, id) = (unit.tenant()?, id_of(id)?);
    let found = location::get(unit.conn().await?, tenant, id).await?;
    found
        .filter(|found| sight.sees(&found.location_id))
        .ok_or_else(|| Refusal::LocationNotFound.into())
}

async fn save(unit: &mut UnitOfWork, location: &Location, changed_paths: Vec<String>) -> Result<(), Error> {
    let (tenant, id) = (unit.tenant()?, id_of(&location.location_id)?);
    let open = location.state == i32::from(LocationState::Open);
    let conn = unit.conn().await?;
    if open && location::name_taken(conn, tenant, &location.display_name, id).await? {
        return Err(Refusal::LocationNameTaken.into());
    }
    location::put(conn, tenant, location).await?;
    let changed = LocationChanged {
        location: Some(location.clone()),
        changed_paths,
    };
    unit.append(event(id, location.version, &changed).at_location(id));
    Ok(())
}
