//! What an operator does without signing in: a new business with its owner.

use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_kernel::service::Deps;
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::{PersonChanged, Tenant, TenantChanged};
use uuid::Uuid;

use crate::domain::names::{login, tidy};
use crate::domain::password::accept;
use crate::domain::person::first_owner;
use crate::domain::time::stamp;
use crate::error::Refusal;
use crate::events::event;
use crate::hasher::Hasher;
use crate::store::person::{self, Stored};
use crate::store::{password, tenant};

/// A business to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewTenant<'a> {
    /// The short name that people type to sign in.
    pub slug: &'a str,
    /// The name that people see.
    pub display_name: &'a str,
    /// ISO 4217.
    pub currency_code: &'a str,
    /// The owner's name.
    pub owner_name: &'a str,
    /// What the owner types to sign in.
    pub owner_login: &'a str,
    /// May be empty.
    pub owner_email: &'a str,
    /// At least 15 characters.
    pub owner_password: &'a str,
}

/// A business that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Created {
    /// The business.
    pub tenant_id: Uuid,
    /// Its owner.
    pub owner_id: Uuid,
}

/// Makes a business with its owner.
///
/// # Errors
/// `SLUG_TAKEN`; a field or the password that is not good enough.
pub async fn create_tenant(deps: &Deps, new: NewTenant<'_>) -> Result<Created, Error> {
    check(new)?;
    let own = [new.slug, new.display_name, new.owner_name, new.owner_login];
    let normal = accept(new.owner_password, &own).map_err(Refusal::WeakPassword)?;
    let hash = Hasher::new(deps.world.clone()).await?.hash(normal).await?;

    let mut unit = UnitOfWork::system(deps.db.clone(), deps.world.clone(), "operator");
    let (tenant_id, owner_id, now) = (unit.new_id(), unit.new_id(), unit.now());
    // The short name is nobody's row, the rest are rows of the new tenant: the transaction reaches both.
    let conn = unit.conn().await?;
    if tenant::by_slug(conn, new.slug).await?.is_some() {
        return Err(Refusal::SlugTaken.into());
    }
    unit.enter(tenant_id);
    let tenant = Tenant {
        tenant_id: tenant_id.to_string(),
        slug: new.slug.to_owned(),
        display_name: tidy(new.display_name),
        currency_code: new.currency_code.to_owned(),
        create_time: Some(stamp(now)),
        version: 1,
    };
    let owner_login = login(new.owner_login);
    let owner = first_owner(owner_id.to_string(), new.owner_name, &owner_login, new.owner_email, now);
    let conn = unit.conn().await?;
    tenant::insert(conn, &tenant).await?;
    let stored = Stored {
        person: owner.clone(),
        not_before: chrono::DateTime::UNIX_EPOCH,
    };
    person::put(conn, tenant_id, &stored).await?;
    password::put(conn, tenant_id, owner_id, &hash, now).await?;
    unit.append(event(tenant_id, 1, &TenantChanged { tenant: Some(tenant) }));
    let added = PersonChanged {
        person: Some(owner),
        changed_paths: Vec::new(),
    };
    unit.append(event(owner_id, 1, &added));
    unit.finish().await?;
    deps.bell.ring();
    Ok(Created { tenant_id, owner_id })
}

/// The business with this short name.
///
/// # Errors
/// If the database is out of reach.
pub async fn find_tenant(deps: &Deps, slug: &str) -> Result<Option<Uuid>, Error> {
    let mut conn = deps.db.read(Reach::System).await?;
    let found = tenant::by_slug(&mut conn, slug).await;
    conn.rollback().await;
    found
}

/// The contract's own checks, which a request would have passed.
fn check(new: NewTenant<'_>) -> Result<(), Error> {
    use muster_proto::Validate;
    use muster_proto::auth::v1::{CreatePersonRequest, Role};
    let nil = Uuid::nil().to_string();
    let tenant = Tenant {
        tenant_id: nil,
        slug: new.slug.to_owned(),
        display_name: tidy(new.display_name),
        currency_code: new.currency_code.to_owned(),
        ..Tenant::default()
    };
    tenant.validate()?;
    let owner = CreatePersonRequest {
        display_name: tidy(new.owner_name),
        login_name: login(new.owner_login),
        email: new.owner_email.to_owned(),
        roles: vec![Role::Owner.into()],
        ..CreatePersonRequest::default()
    };
    Ok(owner.validate()?)
}
