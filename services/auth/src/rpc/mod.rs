//! The methods: decode, call the rules, encode. One file per method or per small noun.

pub mod change_password;
pub mod collect_pairing;
pub mod decide_pairing;
pub mod devices;
pub mod directory;
pub mod disable_person;
pub mod grant_roles;
pub mod list_people;
pub mod list_sessions;
pub mod locations;
pub mod pairing;
pub mod person;
pub mod reauthenticate;
pub mod refresh;
pub mod services;
pub mod set_password;
pub mod sign_in;
pub mod sign_out;
pub mod trust;
pub mod who_am_i;
