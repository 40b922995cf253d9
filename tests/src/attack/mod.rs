//! Attackers: what no decent client sends, byte by byte.

pub mod keys;
pub mod wire;
