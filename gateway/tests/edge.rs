//! The G items of the gateway itself, over a service that does what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    dead_code
)]

#[path = "../../tests/src/attack/wire.rs"]
mod wire;

#[path = "edge/browsers.rs"]
mod browsers;
#[path = "edge/forms.rs"]
mod forms;
#[path = "edge/limits.rs"]
mod limits;
#[path = "edge/rig.rs"]
mod rig;
#[path = "edge/statuses.rs"]
mod statuses;
