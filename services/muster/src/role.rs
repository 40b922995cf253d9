//! What a process can be. One binary, any set of roles.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use muster_kernel::db::migrate::Step;

/// A part of Muster that can run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The outer door.
    Gateway,
    /// Tenants, people, sign-in, devices.
    Auth,
    /// Menu, orders, kitchen.
    Orders,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::Auth, Self::Orders];
    /// The roles with a database and gRPC services of their own.
    pub const SERVICES: [Self; 2] = [Self::Auth, Self::Orders];

    /// Its name, in settings, schemas and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Orders => "orders",
        }
    }

    /// The steps of its schema; none for the gateway.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Gateway => &[],
            Self::Auth => muster_auth::STEPS,
            Self::Orders => muster_orders::STEPS,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|role| role.name() == text.trim());
        found.ok_or_else(|| format!("there is no role `{text}`; the roles are {}, or `all`", known()))
    }
}

/// Reads `gateway,orders` or `all`.
///
/// # Errors
/// A sentence that names the roles there are.
pub fn parse_roles(text: &str) -> Result<BTreeSet<Role>, String> {
    if text.trim() == "all" {
        return Ok(Role::ALL.into_iter().collect());
    }
    text.split(',').map(str::parse).collect()
}
