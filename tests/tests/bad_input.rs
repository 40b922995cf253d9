//! B-01 to B-05 and L-06: bad input, made from the contract for every method, at the gateway and at each service; and with
//! its refusals G-11, that none of them tells what is inside.
//!
//! By default a part of the cases is asked, chosen by a seed that the test prints. Everything, a quarter of an hour:
//! `MUSTER_TEST_BAD_INPUT=all cargo nextest run -p muster-tests --test bad_input`; the same part again: `MUSTER_TEST_SEED=…`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

#[path = "bad_input/asking.rs"]
mod asking;
#[path = "bad_input/fields.rs"]
mod fields;
#[path = "bad_input/frames.rs"]
mod frames;
#[path = "bad_input/framing.rs"]
mod framing;
#[path = "bad_input/money.rs"]
mod money;
#[path = "bad_input/server_log.rs"]
mod server_log;
#[path = "bad_input/texts.rs"]
mod texts;
#[path = "bad_input/web.rs"]
mod web;
