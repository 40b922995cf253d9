//! The contract of Muster: messages, clients and servers, the rule of each method, and the checks of each field.
//!
//! Everything here is generated from the `.proto` files beside it; see `build/`.

mod rules;
mod validate;

#[allow(
    missing_docs,
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    rust_2018_idioms
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/_includes.rs"));
}

pub use generated::muster::*;
pub use rules::{Mutation, RULES, Rule, Urgency, permission_name, permissions_text, rule, scope_name};
pub use validate::{Checker, Validate, Violation};

/// Every descriptor of the contract with its options, as protox encoded it: for reflection, clients and tests.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
