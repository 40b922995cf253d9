//! The one binary: any set of roles in one process, and the commands of operators.

pub mod check;
pub mod cli;
pub mod demo;
pub mod dev;
mod housekeeping;
pub mod listeners;
pub mod memory;
pub mod migrate;
mod ops;
pub mod process;
pub mod role;
pub mod serve;
pub mod tenant;
