//! Sealing: what must not be readable in a database, a backup or a page token.
//!
//! One master key per installation; every use derives its own key from it (HKDF-SHA256, RFC 5869), so that what is
//! sealed for one purpose cannot be opened for another. Sealing is ChaCha20-Poly1305 (RFC 8439) with a random nonce and
//! the place of the value as associated data: a sealed value that is moved to another row does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::clock::World;
use crate::error::Error;

const NONCE: usize = 12;

/// The installation's secret, from which all other keys are derived.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// The key for a configured secret of at least 32 bytes of text.
    pub fn from_secret(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Key material for one purpose, for example `idempotency`; `salt` narrows it further.
    pub fn derive(&self, purpose: &str, salt: &[u8]) -> [u8; 32] {
        let mut key = [0_u8; 32];
        // 32 bytes are far below HKDF's limit, so expanding cannot fail.
        let _ = Hkdf::<Sha256>::new(Some(salt), &self.0).expand(purpose.as_bytes(), &mut key);
        key
    }

    /// A sealing key for one purpose.
    pub fn sealing(&self, purpose: &str, salt: &[u8]) -> Sealing {
        Sealing(ChaCha20Poly1305::new(&Key::from(self.derive(purpose, salt))))
    }

    /// A keyed digest for one purpose: equal for equal messages, worthless without the key.
    pub fn digest(&self, purpose: &str, message: &[&[u8]]) -> [u8; 32] {
        keyed_digest(&self.derive(purpose, b""), message)
    }
}

/// HMAC-SHA256 over parts, each preceded by its length so that parts cannot run into each other.
pub fn keyed_digest(key: &[u8; 32], message: &[&[u8]]) -> [u8; 32] {
    // HMAC fills a short key up with zeros to the block of the hash.
    let mut block = [0_u8; 64];
    block.iter_mut().zip(key).for_each(|(place, byte)| *place = *byte);
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new(&block.into());
    for part in message {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256, for secrets that are random and long enough to need no more (RELIABILITY A-15).
pub fn digest(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Seals and opens values of one purpose.
#[derive(Clone)]
pub struct Sealing(ChaCha20Poly1305);

impl Sealing {
    /// Seals `plain`, bound to its `place`.
    ///
    /// # Errors
    /// `INTERNAL` if the cipher refuses, which only a value of many gigabytes makes it do.
    pub fn seal(&self, world: &World, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = world.random::<NONCE>();
        let sealed = self.0.encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: place });
        let sealed = sealed.map_err(|_| Error::internal("sealing failed"))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same place.
    ///
    /// # Errors
    /// `INTERNAL` if it was sealed by another key, for another place, or changed since.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let fault = || Error::internal("a sealed value does not open: wrong key, wrong place, or changed");
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or_else(fault)?;
        self.0
            .decrypt(&Nonce::from(*nonce), Payload { msg: body, aad: place })
            .map_err(|_| fault())
    }
}
