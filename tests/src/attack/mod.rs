//! Attackers: what no decent client sends, byte by byte.

pub mod attacker;
pub mod floods;
pub mod keys;
pub mod resets;
pub mod sign_ins;
pub mod wire;
