//! The signing keys of the installation: made here, kept sealed, published ahead of their use.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey as PrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_kernel::identity::{Claims, PublicKey, TOKEN_TYPE};
use muster_kernel::seal::{Sealing, digest};
use muster_kernel::service::Deps;
use muster_proto::auth::v1::SigningKey;
use tokio::sync::watch;

use crate::domain::signing::{Term, due, is_over, signer, verify_until};
use crate::domain::time::stamp;
use crate::store::signing_key::{self, KeyRow};

const PRIVATE_KEY: usize = 32;
/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, 7).
const PKCS8_HEAD: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The keys, as this process knows them. Cheap to clone.
#[derive(Clone)]
pub struct KeyRing {
    deps: Deps,
    sealing: Sealing,
    opened: Arc<RwLock<HashMap<i64, (String, EncodingKey)>>>,
    terms: Arc<RwLock<Vec<Term>>>,
    published: Arc<watch::Sender<Vec<SigningKey>>>,
}

impl KeyRing {
    /// The keys of the installation; makes the first one.
    ///
    /// # Errors
    /// If the database is out of reach, or the installation's secret is not the one that the keys were sealed with.
    pub async fn open(deps: &Deps) -> Result<Self, Error> {
        let ring = Self {
            deps: deps.clone(),
            sealing: deps.master.sealing("auth-signing-key", b""),
            opened: Arc::default(),
            terms: Arc::default(),
            published: Arc::new(watch::Sender::new(Vec::new())),
        };
        ring.look_after().await?;
        Ok(ring)
    }

    /// Makes a key when one is due, destroys those that are over, and learns what other processes did.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn look_after(&self) -> Result<(), Error> {
        let now = self.deps.world.now();
        let mut rows = self.read().await?;
        let terms = terms_of(&rows);
        if due(&terms, now).is_some() || terms.iter().any(|term| is_over(&terms, term.number, now)) {
            self.change(|terms| due(terms, now)).await?;
            rows = self.read().await?;
        }
        self.learn(&rows)
    }

    /// Makes a successor at once, for when a key may be known to others. It signs as soon as everybody can know it; the
    /// old ones are accepted for one token's life longer.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn rotate_now(&self) -> Result<(), Error> {
        let sign_from = self.deps.world.now() + chrono::TimeDelta::seconds(10);
        self.change(|terms| {
            let newest = terms.iter().map(|term| term.number).max().unwrap_or_default();
            Some(Term {
                number: newest.saturating_add(1),
                sign_from,
            })
        })
        .await?;
        let rows = self.read().await?;
        self.learn(&rows)
    }

    /// Signs claims with the key of the moment.
    ///
    /// # Errors
    /// `UNAVAILABLE` while there is no key.
    pub fn sign(&self, claims: &Claims) -> Result<String, Error> {
        let missing = || Error::unavailable("NO_SIGNING_KEY", "signing in is not possible yet; try again");
        let terms = self.terms.read().map(|terms| terms.clone()).unwrap_or_default();
        let term = signer(&terms, self.deps.world.now()).ok_or_else(missing)?;
        let opened = self.opened.read().map_err(|_| missing())?;
        let (kid, key) = opened.get(&term.number).ok_or_else(missing)?;
        let header = Header {
            typ: Some(TOKEN_TYPE.to_owned()),
            kid: Some(kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        jsonwebtoken::encode(&header, claims, key).map_err(Error::internal)
    }

    /// The public keys, and every change of them.
    pub fn published(&self) -> watch::Receiver<Vec<SigningKey>> {
        self.published.subscribe()
    }

    async fn read(&self) -> Result<Vec<KeyRow>, Error> {
        let mut conn = self.deps.db.read(Reach::System).await?;
        let rows = signing_key::all(&mut conn).await;
        conn.rollback().await;
        rows
    }

    async fn change(&self, wanted: impl Fn(&[Term]) -> Option<Term>) -> Result<(), Error> {
        let now = self.deps.world.now();
        let mut conn = self.deps.db.write(Reach::System).await?;
        let outcome = async {
            let terms = terms_of(&signing_key::all(&mut conn).await?);
            if let Some(term) = wanted(&terms) {
                signing_key::insert(&mut conn, &self.make(term)?).await?;
            }
            for term in terms.iter().filter(|term| is_over(&terms, term.number, now)) {
                signing_key::delete(&mut conn, term.number).await?;
            }
            Ok::<(), Error>(())
        }
        .await;
        match outcome {
            Ok(()) => Ok(conn.commit().await?),
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    fn make(&self, term: Term) -> Result<KeyRow, Error> {
        let seed = self.deps.world.random::<32>();
        let public_key = PrivateKey::from_bytes(&seed).verifying_key().to_bytes();
        let kid = URL_SAFE_NO_PAD.encode(digest(&public_key).get(..12).unwrap_or_default());
        let sealed_key = self.sealing.seal(&self.deps.world, kid.as_bytes(), &seed)?;
        let public_key = public_key.to_vec();
        Ok(KeyRow {
            number: term.number,
            kid,
            public_key,
            sealed_key,
            sign_from: term.sign_from,
        })
    }

    fn learn(&self, rows: &[KeyRow]) -> Result<(), Error> {
        let lost = |_| Error::internal("the key ring is lost");
        {
            let mut opened = self.opened.write().map_err(|_| lost(()))?;
            opened.retain(|number, _| rows.iter().any(|row| row.number == *number));
            for row in rows {
                if let Entry::Vacant(place) = opened.entry(row.number) {
                    place.insert((row.kid.clone(), self.unseal(row)?));
                }
            }
        }
        let terms = terms_of(rows);
        let public: Vec<SigningKey> = rows.iter().map(|row| publish(row, &terms)).collect();
        *self.terms.write().map_err(|_| lost(()))? = terms;
        let changed = self.published.send_if_modified(|known| {
            let changed = *known != public;
            *known = public;
            changed
        });
        if changed {
            // This process checks tokens as well, and knows the keys before anybody.
            let keys = rows.iter().map(|row| PublicKey {
                kid: row.kid.clone(),
                key: row.public_key.clone(),
            });
            self.deps.trust.set_keys(keys.collect())?;
        }
        Ok(())
    }

    fn unseal(&self, row: &KeyRow) -> Result<EncodingKey, Error> {
        let seed = self.sealing.open(row.kid.as_bytes(), &row.sealed_key)?;
        if seed.len() != PRIVATE_KEY {
            return Err(Error::internal("a signing key has the wrong length"));
        }
        Ok(EncodingKey::from_ed_der(&[PKCS8_HEAD, &seed].concat()))
    }
}

fn terms_of(rows: &[KeyRow]) -> Vec<Term> {
    rows.iter().map(KeyRow::term).collect()
}

fn publish(row: &KeyRow, terms: &[Term]) -> SigningKey {
    SigningKey {
        kid: row.kid.clone(),
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
        x: URL_SAFE_NO_PAD.encode(&row.public_key),
        sign_from_time: Some(stamp(row.sign_from)),
        verify_until_time: verify_until(terms, row.number).map(stamp),
    }
}
