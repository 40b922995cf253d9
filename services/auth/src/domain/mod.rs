//! The rules of auth: pure functions and state machines. No database, no transport, no clock, no randomness.

pub mod claims;
pub mod device;
pub mod guess;
pub mod lifetime;
pub mod location;
pub mod names;
pub mod pairing;
pub mod password;
pub mod person;
pub mod person_change;
pub mod policy;
pub mod refresh;
pub mod role;
pub mod signing;
pub mod time;
