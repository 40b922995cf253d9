//! The fault lab: a town whose every wire can be cut and whose every process can be killed, a load that keeps a history of
//! what it was told, watchers, and a judge who reads the databases (RELIABILITY 3).
//!
//! A fault that is to be tried again and again is a [scenario](scenarios): one file and one line in its table.
//! `make chaos SCENARIO=… SEED=… STORE=…` runs it.

pub mod acts;
pub mod board;
pub mod books;
pub mod clients;
pub mod cluster;
pub mod crew;
pub mod cuts;
pub mod disk;
pub mod floor;
pub mod full;
pub mod history;
pub mod judge;
pub mod load;
pub mod power;
pub mod probe;
pub mod scenarios;
pub mod site;
pub mod stalled;
pub mod starters;
pub mod watch;
pub mod wire;
pub mod yardstick;

/// The dice of a run: the same seed throws the same.
pub type Dice = rand_chacha::ChaCha8Rng;

/// Dice of this seed for one purpose, so that what one part throws does not move the other's.
pub fn dice(seed: u64, purpose: u64) -> Dice {
    use rand::SeedableRng;
    let mut dice = Dice::seed_from_u64(seed);
    dice.set_stream(purpose);
    dice
}
