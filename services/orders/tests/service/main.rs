//! The whole service on both engines: every method, every table, and the stream.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod at_once;
mod diner;
mod kitchen;
mod listing;
mod memory;
mod menu;
mod orders;
mod stations;
mod stores;
mod tenants;
mod watching;
