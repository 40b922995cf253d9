//! Tenants, directory, roles, sign-in, sessions and devices.

pub mod domain;
pub mod error;
pub mod store;
