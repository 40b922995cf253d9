//! idempotency and the log against models of them, on the real stores.
//!
//! By hand: `PROPTEST_CASES=1000000 cargo nextest run --release -p muster-kernel --test model_kernel` (days; 10,000 is an
//! hour or two).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod idempotency;
mod reader;

use muster_kernel::db::migrate::Step;
use muster_kernel::testing::{Engine, Lab};
use tokio::runtime::Runtime;

const THINGS: &[Step] = &[Step {
    name: "0001_things",
    up: "CREATE TABLE things (tenant_id UUID NOT NULL, name TEXT NOT NULL, PRIMARY KEY (tenant_id, name));",
    down: "DROP TABLE things;",
}];

/// One database for all the sequences of a test; each sequence has a tenant of its own.
fn lab(engine: Engine) -> (Runtime, Lab) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let lab = runtime.block_on(Lab::new(engine, "things", THINGS));
    (runtime, lab)
}
