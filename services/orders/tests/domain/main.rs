//! The rules of orders, without store or transport.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod commands;
mod diner;
mod kitchen;
mod rail;
mod routing;
mod screens;
