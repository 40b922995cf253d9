//! SQL: one text for both engines. Every function takes the tenant.

pub mod board;
pub mod by_id;
pub mod listing;
pub mod location;
pub mod menu;
pub mod menu_cache;
pub mod numbers;
pub mod order;
pub mod seen;
pub mod seen_order;
pub mod shop;
pub mod station;
pub mod stock;

use muster_kernel::Error;
use muster_kernel::db::migrate::Step;
use muster_kernel::step;
use prost::Message;
use uuid::Uuid;

/// The steps of the schema.
pub const STEPS: &[Step] = &[
    step!("../../../../migrations/orders", "0001_orders"),
    step!("../../../../migrations/orders", "0002_numbers"),
    step!("../../../../migrations/orders", "0003_listing"),
];

/// The UUID that a checked field holds.
///
/// # Errors
/// `INTERNAL` for text that the contract's checks should have refused.
pub fn id(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(Error::internal)
}

/// The message that a row holds.
///
/// # Errors
/// `INTERNAL` if the row is damaged.
fn decode<M: Message + Default>(state: &[u8]) -> Result<M, Error> {
    M::decode(state).map_err(Error::internal)
}

fn decode_all<M: Message + Default>(rows: &[(Vec<u8>,)]) -> Result<Vec<M>, Error> {
    rows.iter().map(|(state,)| decode(state)).collect()
}

/// Somebody changed the row since it was read: the door runs the handler again.
pub(crate) fn overtaken() -> Error {
    Error::aborted("CONFLICT", "nothing was changed; try again")
}
