//! The caller of a request, once the lock has let them in.

use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use muster_proto::authz::v1::Permission;
use uuid::Uuid;

use crate::error::Error;

/// What kind of caller it is, and which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Principal {
    /// Somebody who works here.
    Person(Uuid),
    /// A paired screen or kiosk.
    Device(Uuid),
    /// A part of Muster itself.
    Service(&'static str),
    /// Nobody yet: a public method.
    Anonymous,
}

impl Principal {
    /// The id of a person or device.
    pub fn id(&self) -> Option<Uuid> {
        match self {
            Self::Person(id) | Self::Device(id) => Some(*id),
            Self::Service(_) | Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(id) => write!(f, "person:{id}"),
            Self::Device(id) => write!(f, "device:{id}"),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// Who calls, for which tenant, and what they may do.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant; none for services and public methods.
    pub tenant_id: Option<Uuid>,
    /// Who.
    pub principal: Principal,
    /// Their session.
    pub session_id: Option<Uuid>,
    /// Their rights, sorted.
    pub permissions: Vec<i32>,
    /// The locations they work at; empty means all of the tenant's.
    pub locations: Vec<Uuid>,
    /// When they last proved who they are.
    pub auth_time: Option<DateTime<Utc>>,
    /// When their token was made.
    pub issued_at: Option<DateTime<Utc>>,
    /// Where the request came from, as the gateway saw it.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// A caller of a public method.
    pub fn anonymous() -> Self {
        Self::nobody(Principal::Anonymous)
    }

    /// A part of Muster itself.
    pub fn service(name: &'static str) -> Self {
        Self {
            permissions: vec![Permission::PlatformFollow as i32],
            ..Self::nobody(Principal::Service(name))
        }
    }

    fn nobody(principal: Principal) -> Self {
        Self {
            tenant_id: None,
            principal,
            session_id: None,
            permissions: Vec::new(),
            locations: Vec::new(),
            auth_time: None,
            issued_at: None,
            address: None,
        }
    }

    /// How events and logs name the caller: `person:01890a5d-…`.
    pub fn actor(&self) -> String {
        self.principal.to_string()
    }

    /// Whether the caller holds this right, somewhere.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.binary_search(&(permission as i32)).is_ok()
    }

    /// Whether the caller works at this location.
    pub fn works_at(&self, location: Uuid) -> bool {
        self.locations.is_empty() || self.locations.contains(&location)
    }

    /// Lets the caller through to what belongs to `location`; otherwise answers `missing`, as if it were not there.
    ///
    /// # Errors
    /// `missing`.
    pub fn reach_location(&self, location: Uuid, missing: impl FnOnce() -> Error) -> Result<(), Error> {
        if self.works_at(location) {
            Ok(())
        } else {
            Err(missing())
        }
    }

    /// The id of the signed-in person or device.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if nobody is signed in.
    pub fn id(&self) -> Result<Uuid, Error> {
        self.principal
            .id()
            .ok_or_else(|| Error::unauthenticated("UNAUTHENTICATED", "sign in first"))
    }
}
