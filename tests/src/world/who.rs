//! Everybody who may stand before a door.

/// A kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// No token.
    Anonymous,
    /// A token that is none.
    Garbage,
    /// An owner's token, ten minutes too old.
    Expired,
    /// The token of somebody who was disabled meanwhile.
    Suspended,
    /// A part of Muster itself.
    Service,
    /// A paired kitchen screen.
    Screen,
    /// Takes orders at East.
    Staff,
    /// Cooks at East.
    Kitchen,
    /// Runs East.
    Manager,
    /// Runs the tenant.
    Admin,
    /// Owns the tenant.
    Owner,
    /// The owner, signed in an hour ago.
    Stale,
}

impl Who {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Anonymous,
        Self::Garbage,
        Self::Expired,
        Self::Suspended,
        Self::Service,
        Self::Screen,
        Self::Staff,
        Self::Kitchen,
        Self::Manager,
        Self::Admin,
        Self::Owner,
        Self::Stale,
    ];

    /// Whose token is good.
    pub fn is_signed_in(self) -> bool {
        self >= Self::Screen
    }

    /// Who works at every location.
    pub fn works_everywhere(self) -> bool {
        self >= Self::Admin
    }
}

/// One caller.
#[derive(Debug, Clone, Default)]
pub struct Principal {
    /// What it sends as `authorization`; empty for nothing.
    pub token: String,
    /// What it sends as `muster-service`; empty for nothing.
    pub service: String,
    /// The person; the owner where the caller is none.
    pub person: String,
    /// The session; the owner's where the caller has none.
    pub session: String,
}

impl Principal {
    /// What it sends besides the token.
    pub fn metadata(&self) -> Vec<(&'static str, &str)> {
        if self.service.is_empty() {
            Vec::new()
        } else {
            vec![("muster-service", self.service.as_str())]
        }
    }
}
