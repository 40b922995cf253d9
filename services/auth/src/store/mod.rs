//! SQL of auth: one text for both engines. Every function takes the tenant, except those of tables named `platform_…`.

pub mod device;
pub mod guess;
pub mod location;
pub mod pairing;
pub mod password;
pub mod people;
pub mod person;
pub mod revocation;
pub mod session;
pub mod signing_key;
pub mod tenant;

use muster_kernel::error::Error;
use prost::Message;
use uuid::Uuid;

/// One page of a list, by name. `after` is the last entry of the page before.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The last entry of the page before.
    pub after: Option<Uuid>,
    /// At most so many.
    pub size: i64,
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Error> {
    M::decode(bytes).map_err(Error::internal)
}

/// A field that is a UUID by the contract's check.
fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(Error::internal)
}

/// Nothing was changed although something had to be: somebody else was quicker. The door runs the handler again.
fn one(changed: u64) -> Result<(), Error> {
    if changed == 1 {
        Ok(())
    } else {
        Err(Error::aborted("CONFLICT", "somebody else was quicker; try again"))
    }
}
