//! Services do not trust the network, and whoever is put out is out: at the gateway, at every service, and on streams
//! that are open (Z-12, Z-13, A-08).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

mod forged;
mod put_out;
