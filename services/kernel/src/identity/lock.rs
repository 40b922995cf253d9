//! The lock on both doors: the same check at the gateway and in every service.

use chrono::TimeDelta;
use http::HeaderMap;
use muster_proto::authz::v1::{Permission, Scope};
use muster_proto::{Rule, rule};
use tonic::Code;

use super::{Caller, ServiceKey, Verifier, bearer};
use crate::clock::World;
use crate::error::Error;

/// A sign-in counts as fresh for so long.
pub const FRESH_FOR: TimeDelta = TimeDelta::minutes(5);

/// Decides who may call which method, from the rules of the contract.
#[derive(Clone)]
pub struct Lock {
    verifier: Verifier,
    services: ServiceKey,
    world: World,
}

impl Lock {
    /// A lock that trusts these.
    pub fn new(verifier: Verifier, services: ServiceKey, world: World) -> Self {
        Self {
            verifier,
            services,
            world,
        }
    }

    /// What the lock trusts.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The key of Muster's own parts.
    pub fn services(&self) -> &ServiceKey {
        &self.services
    }

    /// Lets a call in, or not.
    ///
    /// # Errors
    /// `UNIMPLEMENTED` for a method without a rule, `UNAUTHENTICATED` without a good token, `PERMISSION_DENIED` without
    /// one of the rule's rights.
    pub fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(&'static Rule, Caller), Error> {
        let rule =
            rule(path).ok_or_else(|| Error::new(Code::Unimplemented, "UNKNOWN_METHOD", "there is no such method"))?;
        let mut caller = if rule.public {
            Caller::anonymous()
        } else if rule.scope == Scope::Platform {
            self.services
                .caller(headers)?
                .ok_or_else(|| Error::unauthenticated("UNAUTHENTICATED", "sign in to do this"))?
        } else {
            let caller = self.verifier.verify(bearer(headers)?)?;
            self.check(rule, &caller)?;
            caller
        };
        caller.address = self.services.address(headers);
        Ok((rule, caller))
    }

    /// Lets a caller use something that is not a method of the contract, such as reflection.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_for(&self, permission: Permission, headers: &HeaderMap) -> Result<Caller, Error> {
        let caller = self.verifier.verify(bearer(headers)?)?;
        if caller.may(permission) {
            Ok(caller)
        } else {
            Err(denied())
        }
    }

    fn check(&self, rule: &Rule, caller: &Caller) -> Result<(), Error> {
        if !rule.permissions.iter().any(|permission| caller.may(*permission)) {
            return Err(denied());
        }
        let is_fresh = || caller.auth_time.is_some_and(|at| self.world.now() - at <= FRESH_FOR);
        if rule.fresh && !is_fresh() {
            return Err(Error::unauthenticated(
                "STEP_UP_REQUIRED",
                "this needs a sign-in of the last five minutes; sign in again and repeat",
            ));
        }
        Ok(())
    }
}

fn denied() -> Error {
    Error::permission_denied("PERMISSION_DENIED", "your role does not allow this")
}
