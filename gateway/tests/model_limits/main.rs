//! the limits of the gateway against models of them. All of it is pure, with the clock as a parameter.
//!
//! A million sequences: `PROPTEST_CASES=1000000 cargo nextest run --release -p muster-gateway --test model_limits`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod at_once;
mod quota;
mod tally;
