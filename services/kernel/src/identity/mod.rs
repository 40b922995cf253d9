//! Who calls, and how that is proved. Identity travels as a signed token in metadata and in no other way.

mod caller;
mod claims;
#[cfg(feature = "testing")]
pub mod corpus;
mod follow;
mod lock;
mod service_token;
mod trust;
mod verify;

pub use caller::{Caller, Principal};
pub use claims::{AUDIENCE, Claims, LIFETIME, TOKEN_TYPE};
pub use follow::follow_trust;
pub use lock::{FRESH_FOR, Lock};
pub use service_token::{CLIENT_HEADER, SERVICE_HEADER, ServiceKey};
pub use trust::{PublicKey, Revocation, Trust};
pub use verify::{Verifier, bearer};
