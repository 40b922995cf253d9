//! Bad input, made from the contract itself: for each method what its fields do not take, and what is no message at all.
//! The lists of texts and numbers that have hurt others stand in `tests/data`.

pub mod cases;
pub mod data;
pub mod quiet;
pub mod rules;
pub mod wire;
