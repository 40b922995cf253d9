//! Steps that several methods take inside their unit of work.

pub mod acting;
pub mod password;
pub mod people;
pub mod revoking;
pub mod sessions;
pub mod tokens;
