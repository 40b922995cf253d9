//! What auth writes to its log. Each event carries the public state after it and no secret.

use muster_kernel::Error;
use muster_kernel::log::NewEvent;
use muster_proto::auth::v1 as pb;
use prost::Message;
use uuid::Uuid;

/// A message that is an event, with its kind.
pub trait Event: Message {
    /// `auth.person_changed`.
    const KIND: &'static str;
}

macro_rules! kinds {
    ($($message:ident => $kind:literal;)*) => {$(
        impl Event for pb::$message {
            const KIND: &'static str = $kind;
        }
    )*

        /// Every kind that auth writes.
        pub const KINDS: &[&str] = &[$($kind),*];
    };
}

kinds! {
    TenantChanged => "auth.tenant_changed";
    LocationChanged => "auth.location_changed";
    PersonChanged => "auth.person_changed";
    RolesGranted => "auth.roles_granted";
    PasswordChanged => "auth.password_changed";
    PersonSessionsRevoked => "auth.person_sessions_revoked";
    SessionStarted => "auth.session_started";
    SessionReauthenticated => "auth.session_reauthenticated";
    SessionEnded => "auth.session_ended";
    DevicePaired => "auth.device_paired";
    DeviceRevoked => "auth.device_revoked";
    PairingDenied => "auth.pairing_denied";
    AccessRevoked => "auth.access_revoked";
}

/// An event of its kind.
pub fn event<M: Event>(aggregate: Uuid, version: i64, message: &M) -> NewEvent {
    NewEvent::new(M::KIND, aggregate, version, message)
}

/// An id of the contract that was checked before it was stored.
///
/// # Errors
/// `INTERNAL` if it is not one.
pub fn id_of(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(Error::internal)
}
