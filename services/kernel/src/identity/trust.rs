//! What the auth service wants everybody to know: signing keys and revocations.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::DecodingKey;
use tokio::sync::watch;
use uuid::Uuid;

use super::{Caller, LIFETIME};
use crate::error::Error;

/// A key that access tokens are signed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name in token headers.
    pub kid: String,
    /// The Ed25519 public key, 32 bytes.
    pub key: Vec<u8>,
}

/// Tokens of this session or principal that were made before this moment are void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// A session, a person or a device.
    pub id: Uuid,
    /// Tokens made up to this moment are void.
    pub not_before: DateTime<Utc>,
}

/// What this process knows. Cheap to clone; all clones know the same.
#[derive(Clone)]
pub struct Trust(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, DecodingKey>,
    public: Vec<PublicKey>,
    revoked: HashMap<Uuid, DateTime<Utc>>,
}

impl Default for Trust {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: RwLock::default(),
            version: watch::Sender::new(0),
        }))
    }
}

impl Trust {
    /// Replaces the known keys. Tokens of other keys are refused from now on.
    ///
    /// # Errors
    /// `INTERNAL` if a key is not an Ed25519 public key; then nothing changes.
    pub fn set_keys(&self, keys: Vec<PublicKey>) -> Result<(), Error> {
        let mut decoding = HashMap::with_capacity(keys.len());
        for key in &keys {
            let point: [u8; 32] = key.key.as_slice().try_into().map_err(Error::internal)?;
            ed25519_dalek::VerifyingKey::from_bytes(&point).map_err(Error::internal)?;
            decoding.insert(key.kid.clone(), DecodingKey::from_ed_der(&key.key));
        }
        self.change(|state| {
            state.keys = decoding;
            state.public = keys;
        });
        Ok(())
    }

    /// Adds a revocation, and forgets those that no living token can be touched by.
    pub fn revoke(&self, revocation: Revocation) {
        let horizon = revocation.not_before - LIFETIME - TimeDelta::minutes(1);
        self.change(|state| {
            let entry = state.revoked.entry(revocation.id).or_insert(revocation.not_before);
            *entry = (*entry).max(revocation.not_before);
            state.revoked.retain(|_, moment| *moment > horizon);
        });
    }

    /// The known public keys.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.read(|state| state.public.clone())
    }

    /// Whether any key is known, that is, whether tokens can be checked at all.
    pub fn is_ready(&self) -> bool {
        self.read(|state| !state.keys.is_empty())
    }

    /// Changes each time something is learned.
    pub fn version(&self) -> u64 {
        *self.0.version.borrow()
    }

    /// Wakes each time something is learned.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    pub(super) fn key(&self, kid: &str) -> Option<(PublicKey, DecodingKey)> {
        self.read(|state| {
            let public = state.public.iter().find(|key| key.kid == kid)?;
            Some((public.clone(), state.keys.get(kid)?.clone()))
        })
    }

    /// Whether exactly this key is known, under this name.
    pub(super) fn has_key(&self, key: &PublicKey) -> bool {
        self.read(|state| state.public.contains(key))
    }

    /// Whether the caller's session or the caller themself was revoked after the token was made.
    pub fn is_revoked(&self, caller: &Caller) -> bool {
        let Some(issued) = caller.issued_at else { return false };
        self.read(|state| {
            if state.revoked.is_empty() {
                return false;
            }
            let voided = |id: Option<Uuid>| {
                id.and_then(|id| state.revoked.get(&id))
                    .is_some_and(|from| issued <= *from)
            };
            voided(caller.session_id) || voided(caller.principal.id())
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if let Ok(mut state) = self.0.state.write() {
            change(&mut state);
        }
        self.0.version.send_modify(|version| *version += 1);
    }

    fn read<T: Default>(&self, read: impl FnOnce(&State) -> T) -> T {
        self.0.state.read().map(|state| read(&state)).unwrap_or_default()
    }
}
