//! Pairing of a device (after RFC 8628): it shows a code, a person approves, it collects its tokens.

use chrono::{DateTime, TimeDelta, Utc};
use muster_proto::auth::v1::{DeviceKind, Pairing, PairingState};
use uuid::Uuid;

use super::refresh::GRACE;
use super::time::stamp;

/// How long a code waits for a decision, and an approval to be collected.
pub const LIFE: TimeDelta = TimeDelta::minutes(10);
/// How often the device may ask.
pub const POLL_INTERVAL: TimeDelta = TimeDelta::seconds(5);
/// A poll so much too early is forgiven: clocks and networks are not exact.
const POLL_TOLERANCE: TimeDelta = TimeDelta::seconds(1);

/// The letters of a code: no vowels, so no words; no digits, so nothing that looks like a letter (RFC 8628, 6.1).
const LETTERS: [char; 20] = [
    'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Z',
];
const CODE_LENGTH: usize = 8;

/// A code drawn from random bytes; `None` when they happened to hold too few usable ones. About 34 bits.
pub fn draw_code(random: &[u8; 32]) -> Option<String> {
    // 240 is the largest multiple of 20 in a byte: beyond it, some letters would come up more often.
    let letters = random
        .iter()
        .filter(|byte| **byte < 240)
        .filter_map(|byte| LETTERS.get(usize::from(byte % 20)));
    let code: String = letters.take(CODE_LENGTH).collect();
    (code.len() == CODE_LENGTH).then(|| show(&code))
}

/// The code that somebody meant: `wdjb mjht` is `WDJB-MJHT`. `None` when it cannot be a code.
pub fn read_code(typed: &str) -> Option<String> {
    let letters: String = typed.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let letters = letters.to_ascii_uppercase();
    let good = letters.len() == CODE_LENGTH && letters.chars().all(|letter| LETTERS.contains(&letter));
    good.then(|| show(&letters))
}

fn show(letters: &str) -> String {
    let (left, right) = letters.split_at_checked(CODE_LENGTH / 2).unwrap_or((letters, ""));
    format!("{left}-{right}")
}

/// What was decided about a pairing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    Open,
    /// Let in, as this device of this tenant.
    Approved {
        /// Whose device it is.
        tenant_id: Uuid,
        /// The device.
        device_id: Uuid,
        /// Who let it in.
        person_id: Uuid,
    },
    /// Turned away.
    Denied,
}

/// One device that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it shows.
    pub code: String,
    /// What it asks to be.
    pub kind: DeviceKind,
    /// What it calls itself.
    pub label: String,
    /// When it asked.
    pub began: DateTime<Utc>,
    /// What was decided.
    pub decision: Decision,
    /// When it was decided.
    pub decided: Option<DateTime<Utc>>,
    /// When it last asked how far it has come.
    pub polled: Option<DateTime<Utc>>,
    /// The session that it got, and when.
    pub collected: Option<(Uuid, DateTime<Utc>)>,
}

/// What a poll leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Nobody has decided yet.
    Pending,
    /// It asked too soon; wait for so long.
    SlowDown(TimeDelta),
    /// Begin a session for this device.
    Begin {
        /// Whose device it is.
        tenant_id: Uuid,
        /// The device.
        device_id: Uuid,
        /// Who let it in, and must still be allowed to.
        person_id: Uuid,
    },
    /// The answer was lost: give the tokens of this session again.
    Repeat {
        /// Whose device it is.
        tenant_id: Uuid,
        /// The device.
        device_id: Uuid,
        /// Its session.
        session_id: Uuid,
    },
    /// The tokens were collected before, too long ago to be a lost answer.
    Used,
    /// Turned away.
    Denied,
    /// Too late.
    Expired,
}

impl Request {
    /// A fresh request.
    pub fn new(code: String, kind: DeviceKind, label: String, now: DateTime<Utc>) -> Self {
        Self {
            code,
            kind,
            label,
            began: now,
            decision: Decision::Open,
            decided: None,
            polled: None,
            collected: None,
        }
    }

    /// When it is over, whatever happens. An approval in the last second can still be collected.
    pub fn ends(&self) -> DateTime<Utc> {
        self.decided.unwrap_or(self.began) + LIFE
    }

    /// Whether somebody may decide about it now.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.decision == Decision::Open && now < self.ends()
    }

    /// Records a decision. `false`, and nothing changed, when it is not open any more.
    #[must_use]
    pub fn decide(&mut self, decision: Decision, now: DateTime<Utc>) -> bool {
        if !self.is_open(now) {
            return false;
        }
        (self.decision, self.decided) = (decision, Some(now));
        true
    }

    /// The device asks how far it has come.
    pub fn poll(&mut self, now: DateTime<Utc>) -> Poll {
        if let Some(polled) = self.polled {
            let ready = polled + POLL_INTERVAL;
            if now + POLL_TOLERANCE < ready && self.collected.is_none() {
                return Poll::SlowDown(ready - now);
            }
        }
        self.polled = Some(now);
        match (self.decision, self.collected) {
            (
                Decision::Approved {
                    tenant_id, device_id, ..
                },
                Some((session_id, at)),
            ) => {
                if now - at <= GRACE {
                    Poll::Repeat {
                        tenant_id,
                        device_id,
                        session_id,
                    }
                } else {
                    Poll::Used
                }
            }
            _ if now >= self.ends() => Poll::Expired,
            (
                Decision::Approved {
                    tenant_id,
                    device_id,
                    person_id,
                },
                None,
            ) => Poll::Begin {
                tenant_id,
                device_id,
                person_id,
            },
            (Decision::Denied, _) => Poll::Denied,
            (Decision::Open, _) => Poll::Pending,
        }
    }

    /// The session has begun.
    pub fn collect(&mut self, session_id: Uuid, now: DateTime<Utc>) {
        self.collected = Some((session_id, now));
    }

    /// As the person who decides sees it.
    pub fn describe(&self, now: DateTime<Utc>) -> Pairing {
        let state = match self.decision {
            Decision::Approved { .. } => PairingState::Approved,
            Decision::Denied => PairingState::Denied,
            Decision::Open if self.is_open(now) => PairingState::Pending,
            Decision::Open => PairingState::Expired,
        };
        Pairing {
            code: self.code.clone(),
            kind: self.kind.into(),
            device_label: self.label.clone(),
            state: state.into(),
            create_time: Some(stamp(self.began)),
            expire_time: Some(stamp(self.ends())),
        }
    }
}

#[cfg(test)]
#[path = "pairing_tests.rs"]
mod tests;
