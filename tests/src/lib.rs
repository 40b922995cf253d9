//! Whole-system tests: real processes, real databases, real clients.
//!
//! A [`Town`](town::Town) is an installation of Muster of a test's own: the built binary, started as an operator would,
//! in one of two [`Shape`](town::Shape)s. Everything else is done through its gateway.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "tests fail by panicking"
)]

pub mod attack;
pub mod bad;
pub mod bench;
pub mod binary;
pub mod canary;
pub mod client;
pub mod contract;
pub mod expectation;
pub mod forge;
pub mod golden;
pub mod journal;
pub mod lab;
pub mod proxy;
pub mod raw;
pub mod requests;
pub mod stories;
pub mod town;
pub mod world;
