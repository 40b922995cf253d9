//! Resume tokens: a place in the log, and what was watched. Whoever watches something else starts from a snapshot.

use std::collections::HashSet;

use muster_kernel::log::Position;
use uuid::Uuid;

/// What a token is good for: one location and one set of stations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched(String);

impl Watched {
    /// A location and its stations.
    pub fn new(location: Uuid, station_ids: &HashSet<String>) -> Self {
        let mut sorted: Vec<&str> = station_ids.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let words = [
            vec![location.to_string()],
            sorted.into_iter().map(str::to_owned).collect(),
        ]
        .concat();
        Self(format!("{:016x}", digest(&words.join(","))))
    }

    /// The token of a place.
    pub fn token(&self, position: Position) -> String {
        format!("{position}-{}", self.0)
    }

    /// The place of a token. None when it belongs to something else, or is not one.
    pub fn read(&self, token: &str) -> Option<Position> {
        let (position, watched) = token.split_once('-')?;
        if watched != self.0 || position.is_empty() {
            return None;
        }
        position.parse().ok()
    }
}

/// FNV-1a: tells sets apart, keeps no secret.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_what_was_watched() {
        let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
        let watched = Watched::new(Uuid::from_u128(1), &set(&["a", "b"]));
        let position: Position = "7.9".parse().unwrap();
        let token = watched.token(position);
        assert_eq!(watched.read(&token), Some(position));
        assert_eq!(
            Watched::new(Uuid::from_u128(1), &set(&["b", "a"])).read(&token),
            Some(position)
        );
        assert_eq!(Watched::new(Uuid::from_u128(2), &set(&["a", "b"])).read(&token), None);
        assert_eq!(Watched::new(Uuid::from_u128(1), &set(&["a"])).read(&token), None);
        for bad in ["", "-", "7.9", "x-y"] {
            assert_eq!(watched.read(bad), None, "{bad}");
        }
    }
}
