//! The G items that need nothing but a listener: what a connection may do, and what becomes of it. Where an item is
//! starred, the same attack is first shown to work on the bare stack.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code
)]

#[path = "../../../tests/src/attack/floods.rs"]
mod floods;
#[path = "../../../tests/src/attack/resets.rs"]
mod resets;
#[path = "../../../tests/src/attack/wire.rs"]
mod wire;

#[path = "edge_transport/flooded.rs"]
mod flooded;
#[path = "edge_transport/half_open.rs"]
mod half_open;
#[path = "edge_transport/lifetime.rs"]
mod lifetime;
#[path = "edge_transport/server.rs"]
mod server;
#[path = "edge_transport/sizes.rs"]
mod sizes;
#[path = "edge_transport/statuses.rs"]
mod statuses;
#[path = "edge_transport/streams.rs"]
mod streams;
