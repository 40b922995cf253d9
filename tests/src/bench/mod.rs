//! What the benchmarks share: a service that only echoes, other gateways in front of it, a load, and what it cost.

pub mod echo;
pub mod ground;
pub mod load;
pub mod process;
pub mod rivals;
pub mod rows;
pub mod start;
pub mod table;
pub mod way;
