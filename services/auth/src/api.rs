//! What the handlers of auth share.

use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::service::Deps;

use crate::guard::Guard;
use crate::hasher::Hasher;
use crate::keys::KeyRing;

/// The handlers' surroundings.
pub struct Auth {
    /// What the service was given.
    pub deps: Deps,
    /// Signs access tokens.
    pub keys: KeyRing,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Bounds guessing.
    pub guard: Guard,
    /// Goes into every refresh token.
    pub refresh_key: [u8; 32],
}

impl Auth {
    /// Surroundings over this database.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn open(deps: Deps) -> Result<Arc<Self>, Error> {
        let hasher = Hasher::new(deps.world.clone()).await?;
        Self::with_hasher(deps, hasher).await
    }

    pub(crate) async fn with_hasher(deps: Deps, hasher: Hasher) -> Result<Arc<Self>, Error> {
        let keys = KeyRing::open(&deps).await?;
        let guard = Guard::new(deps.db.clone(), &deps.master);
        let refresh_key = deps.master.derive("auth-refresh", b"");
        Ok(Arc::new(Self {
            deps,
            keys,
            hasher,
            guard,
            refresh_key,
        }))
    }
}
