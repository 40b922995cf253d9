//! Judging and hashing a new password. It is done before the transaction begins: nobody waits for a hash.

use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_proto::auth::v1::Person;
use uuid::Uuid;

use crate::api::Auth;
use crate::domain::password::accept;
use crate::error::Refusal;
use crate::store::{password, person, tenant};

/// A person and the hash of the password, read before the unit of work begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The person.
    pub stored: person::Stored,
    /// The hash, if a password is set.
    pub hash: Option<String>,
}

/// Reads a person ahead of the unit of work.
///
/// # Errors
/// If the database is out of reach.
pub async fn known(auth: &Auth, tenant_id: Uuid, person_id: Uuid) -> Result<Option<Known>, Error> {
    let mut conn = auth.deps.db.read(Reach::Tenant(tenant_id)).await?;
    let outcome = async {
        let Some(stored) = person::get(&mut conn, tenant_id, person_id).await? else {
            return Ok(None);
        };
        let hash = password::get(&mut conn, tenant_id, person_id).await?;
        Ok(Some(Known { stored, hash }))
    }
    .await;
    conn.rollback().await;
    outcome
}

/// Judges a new password for this person, and hashes it.
///
/// # Errors
/// The weakness, at `new_password`; `SIGN_IN_BUSY` when too many wait.
pub async fn prepare(auth: &Auth, tenant_id: Uuid, owner: &Person, new: &str) -> Result<String, Error> {
    let mut conn = auth.deps.db.read(Reach::Tenant(tenant_id)).await?;
    let found = tenant::get(&mut conn, tenant_id).await;
    conn.rollback().await;
    let tenant = found?.unwrap_or_default();
    let mailbox = owner.email.split('@').next().unwrap_or_default();
    let own = [
        &tenant.slug,
        &tenant.display_name,
        &owner.display_name,
        &owner.login_name,
        mailbox,
    ];
    let normal = accept(new, &own).map_err(Refusal::WeakPassword)?;
    auth.hasher.hash(normal).await
}
