//! A business to look around in: two locations, and somebody of each role.

use muster_kernel::Error;
use muster_kernel::service::Deps;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{CreateLocationRequest, CreatePersonRequest, LocationChanged, PersonChanged, Role};
use uuid::Uuid;

use muster_auth::admin::{NewTenant, create_tenant};
use muster_auth::domain::location::create as open;
use muster_auth::domain::password::accept;
use muster_auth::domain::person::{Actor, create as add};
use muster_auth::error::Refusal;
use muster_auth::events::event;
use muster_auth::hasher::Hasher;
use muster_auth::store::person::{self, Stored};
use muster_auth::store::{location, password, tenant};

/// The demo business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demo {
    /// The business.
    pub tenant_id: Uuid,
    /// Its owner, who signs in as `owner`.
    pub owner_id: Uuid,
    /// Its locations, in the order of [`LOCATIONS`].
    pub location_ids: Vec<Uuid>,
    /// Its people besides the owner, in the order of [`PEOPLE`].
    pub person_ids: Vec<Uuid>,
}

/// Name, time zone and address of each location.
pub const LOCATIONS: &[(&str, &str, &str)] = &[
    ("Harbour", "America/New_York", "12 Pier Street, Portland"),
    ("Old Town", "America/New_York", "3 Market Square, Portland"),
];

/// Name, login name, job title, role, and the locations by number. All have the password given to [`demo`].
pub const PEOPLE: &[(&str, &str, &str, Role, &[usize])] = &[
    ("Ines Admin", "admin", "Operations", Role::Admin, &[]),
    ("Marek Nowak", "manager", "General manager", Role::Manager, &[0]),
    ("Sofia Rossi", "staff", "Server", Role::Staff, &[0]),
    ("Tariq Haddad", "staff2", "Server", Role::Staff, &[0, 1]),
    ("Kenji Mori", "cook", "Line cook", Role::Kitchen, &[0]),
];

/// Makes the demo business under this short name.
///
/// # Errors
/// `SLUG_TAKEN`; the password's weakness.
pub async fn demo(deps: &Deps, slug: &str, display_name: &str, secret: &str) -> Result<Demo, Error> {
    let new = NewTenant {
        slug,
        display_name,
        currency_code: "USD",
        owner_name: "Olga Owner",
        owner_login: "owner",
        owner_email: "",
        owner_password: secret,
    };
    let made = create_tenant(deps, new).await?;
    let normal = accept(secret, &[]).map_err(Refusal::WeakPassword)?;
    let hash = Hasher::new(deps.world.clone()).await?.hash(normal).await?;

    let mut unit = UnitOfWork::system(deps.db.clone(), deps.world.clone(), "operator");
    unit.enter(made.tenant_id);
    let location_ids = add_locations(&mut unit, made.tenant_id).await?;
    let person_ids = add_people(&mut unit, made.tenant_id, made.owner_id, &location_ids, &hash).await?;
    unit.finish().await?;
    deps.bell.ring();
    Ok(Demo {
        tenant_id: made.tenant_id,
        owner_id: made.owner_id,
        location_ids,
        person_ids,
    })
}

async fn add_locations(unit: &mut UnitOfWork, tenant_id: Uuid) -> Result<Vec<Uuid>, Error> {
    let now = unit.now();
    let tenant = tenant::get(unit.conn().await?, tenant_id).await?.unwrap_or_default();
    let mut ids = Vec::new();
    for (name, zone, address) in LOCATIONS {
        let id = unit.new_id();
        let request = CreateLocationRequest {
            display_name: (*name).to_owned(),
            time_zone: (*zone).to_owned(),
            address: (*address).to_owned(),
            ..CreateLocationRequest::default()
        };
        let made = open(&tenant, id.to_string(), &request, now)?;
        location::put(unit.conn().await?, tenant_id, &made).await?;
        let changed = LocationChanged {
            location: Some(made),
            changed_paths: Vec::new(),
        };
        unit.append(event(id, 1, &changed).at_location(id));
        ids.push(id);
    }
    Ok(ids)
}

async fn add_people(
    unit: &mut UnitOfWork,
    tenant_id: Uuid,
    owner_id: Uuid,
    location_ids: &[Uuid],
    hash: &str,
) -> Result<Vec<Uuid>, Error> {
    let now = unit.now();
    let owner = person::get(unit.conn().await?, tenant_id, owner_id)
        .await?
        .ok_or(Refusal::PersonNotFound)?;
    let owner = Actor::of(&owner.person);
    let mut ids = Vec::new();
    for (name, login, title, role, places) in PEOPLE {
        let id = unit.new_id();
        let request = CreatePersonRequest {
            display_name: (*name).to_owned(),
            login_name: (*login).to_owned(),
            job_title: (*title).to_owned(),
            roles: vec![(*role).into()],
            location_ids: places
                .iter()
                .filter_map(|place| location_ids.get(*place))
                .map(Uuid::to_string)
                .collect(),
            password: "set".to_owned(),
            ..CreatePersonRequest::default()
        };
        let made = add(&owner, id.to_string(), &request, now)?;
        let conn = unit.conn().await?;
        let stored = Stored {
            person: made.clone(),
            not_before: chrono::DateTime::UNIX_EPOCH,
        };
        person::put(conn, tenant_id, &stored).await?;
        password::put(conn, tenant_id, id, hash, now).await?;
        unit.append(event(
            id,
            1,
            &PersonChanged {
                person: Some(made),
                changed_paths: Vec::new(),
            },
        ));
        ids.push(id);
    }
    Ok(ids)
}
