//! Rotation of refresh tokens.
//!
//! A session is a family of refresh tokens, numbered by generation. Only the number is stored, with a seed that is worth
//! nothing without the server's key: a token is computed from them, and computed again when its answer was lost. So there
//! is never a second successor, whoever asks and however often at once. `tests/model_refresh` holds it to that.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use muster_kernel::seal::keyed_digest;
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// For so long after a rotation the old token gets the same successor again: a lost answer, a second tab.
pub const GRACE: TimeDelta = TimeDelta::seconds(10);

const PREFIX: &str = "mr1_";
const LENGTH: usize = 16 + 16 + 4 + 32;

/// What a refresh token says. It is worth something only with the seal of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The tenant of the session.
    pub tenant_id: Uuid,
    /// The session: the family.
    pub session_id: Uuid,
    /// Counts the rotations from 1.
    pub generation: u32,
}

/// A ticket as it was presented, with the seal still to be checked.
#[derive(Clone, Copy)]
pub struct Presented {
    /// What it says.
    pub ticket: Ticket,
    seal: [u8; 32],
}

impl Ticket {
    /// The token text for this ticket.
    pub fn write(self, key: &[u8; 32], seed: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(self.tenant_id.as_bytes());
        bytes.extend_from_slice(self.session_id.as_bytes());
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.seal(key, seed));
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn seal(self, key: &[u8; 32], seed: &[u8]) -> [u8; 32] {
        let generation = self.generation.to_be_bytes();
        keyed_digest(
            key,
            &[seed, self.tenant_id.as_bytes(), self.session_id.as_bytes(), &generation],
        )
    }
}

impl Presented {
    /// Reads a token. `None` for anything that this service did not write.
    pub fn read(token: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        if bytes.len() != LENGTH {
            return None;
        }
        let (tenant_id, rest) = bytes.split_first_chunk::<16>()?;
        let (session_id, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let ticket = Ticket {
            tenant_id: Uuid::from_bytes(*tenant_id),
            session_id: Uuid::from_bytes(*session_id),
            generation: u32::from_be_bytes(*generation),
        };
        Some(Self {
            ticket,
            seal: *rest.first_chunk::<32>()?,
        })
    }

    /// Whether this service wrote it, for the family with this seed.
    pub fn is_genuine(&self, key: &[u8; 32], seed: &[u8]) -> bool {
        self.ticket.seal(key, seed).ct_eq(&self.seal).into()
    }
}

/// Where a family stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// The newest token that was given out.
    pub generation: u32,
    /// When it was given out first.
    pub rotated_at: DateTime<Utc>,
}

/// What to do with a genuine token of a session that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The newest one: the family moves on.
    Rotate(Family),
    /// The one before, a moment later: give the newest one out again, and change nothing.
    Repeat,
    /// An older one, or one from the future: somebody else holds a copy. The session ends.
    Reused,
}

/// Judges a token by the counter alone; clocks only decide how long a lost answer may be asked for again.
pub fn judge(family: Family, presented: u32, now: DateTime<Utc>) -> Verdict {
    if presented == family.generation {
        match family.generation.checked_add(1) {
            Some(generation) => Verdict::Rotate(Family {
                generation,
                rotated_at: now,
            }),
            None => Verdict::Reused,
        }
    } else if presented.checked_add(1) == Some(family.generation) && now - family.rotated_at <= GRACE {
        Verdict::Repeat
    } else {
        Verdict::Reused
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn table_of_verdicts() {
        let family = Family {
            generation: 5,
            rotated_at: at(0),
        };
        let table = [
            (
                5,
                0,
                Verdict::Rotate(Family {
                    generation: 6,
                    rotated_at: at(0),
                }),
            ),
            (
                5,
                100_000,
                Verdict::Rotate(Family {
                    generation: 6,
                    rotated_at: at(100_000),
                }),
            ),
            (4, 0, Verdict::Repeat),
            (4, 10, Verdict::Repeat),
            (4, 11, Verdict::Reused),
            (3, 0, Verdict::Reused),
            (0, 0, Verdict::Reused),
            (6, 0, Verdict::Reused),
            (u32::MAX, 0, Verdict::Reused),
        ];
        for (presented, later, verdict) in table {
            assert_eq!(
                judge(family, presented, at(later)),
                verdict,
                "{presented} after {later} s"
            );
        }
        let last = Family {
            generation: u32::MAX,
            rotated_at: at(0),
        };
        assert_eq!(judge(last, u32::MAX, at(0)), Verdict::Reused);
    }

    #[test]
    fn twenty_rotations_within_a_second_leave_no_old_token_alive() {
        let mut family = Family {
            generation: 1,
            rotated_at: at(0),
        };
        for _ in 0..20 {
            let Verdict::Rotate(next) = judge(family, family.generation, at(0)) else {
                panic!("must rotate")
            };
            family = next;
        }
        for old in 1..family.generation - 1 {
            assert_eq!(judge(family, old, at(0)), Verdict::Reused);
        }
    }

    #[test]
    fn the_same_ticket_is_the_same_text_and_others_are_not() {
        let ticket = Ticket {
            tenant_id: Uuid::from_u128(1),
            session_id: Uuid::from_u128(2),
            generation: 3,
        };
        let text = ticket.write(&KEY, b"seed");
        assert_eq!(text, ticket.write(&KEY, b"seed"));
        assert_ne!(
            text,
            Ticket {
                generation: 4,
                ..ticket
            }
            .write(&KEY, b"seed")
        );
        assert_ne!(text, ticket.write(&[8; 32], b"seed"));
        let presented = Presented::read(&text).unwrap();
        assert_eq!(presented.ticket, ticket);
        assert!(presented.is_genuine(&KEY, b"seed"));
        assert!(!presented.is_genuine(&KEY, b"other"));
    }

    proptest! {
        /// Whatever a thief and an owner do, at most one token opens the door at any time, and the first replay of a
        /// token that is neither the newest nor within the grace ends it all.
        #[test]
        fn one_successor(steps in prop::collection::vec((0_u32..30, 0_i64..30), 1..60)) {
            let mut family = Family { generation: 1, rotated_at: at(0) };
            let mut now = 0;
            for (presented, pause) in steps {
                now += pause;
                match judge(family, presented, at(now)) {
                    Verdict::Rotate(next) => {
                        prop_assert_eq!(presented, family.generation);
                        prop_assert_eq!(next.generation, family.generation + 1);
                        family = next;
                    }
                    Verdict::Repeat => {
                        prop_assert_eq!(presented + 1, family.generation);
                        prop_assert!(at(now) - family.rotated_at <= GRACE);
                    }
                    Verdict::Reused => prop_assert_ne!(presented, family.generation),
                }
            }
        }

        #[test]
        fn nothing_else_reads(text in ".{0,200}") {
            if let Some(presented) = Presented::read(&text) {
                prop_assert!(!presented.is_genuine(&KEY, b"seed"));
            }
        }

        #[test]
        fn every_flipped_bit_is_noticed(bit in 0_usize..LENGTH * 8) {
            let ticket = Ticket { tenant_id: Uuid::from_u128(1), session_id: Uuid::from_u128(2), generation: 3 };
            let text = ticket.write(&KEY, b"seed");
            let mut bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX).unwrap()).unwrap();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
            let presented = Presented::read(&changed).unwrap();
            prop_assert!(!presented.is_genuine(&KEY, b"seed"));
        }
    }
}
