//! families of refresh tokens against a model of them: the rules alone, and the method over the store.
//!
//! A million sequences: `PROPTEST_CASES=1000000 cargo nextest run --release -p muster-auth --test model_refresh rules`;
//! on the stores 10,000 take an hour or so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../common/mod.rs"]
mod common;
mod reference;
mod rules;
mod store;
