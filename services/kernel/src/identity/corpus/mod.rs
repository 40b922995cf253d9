//! Attacks on access tokens as data: T-01 to T-46 of RELIABILITY section 13, one entry per mutation. For tests only.
//!
//! Each token is signed with a key that the verifier trusts unless the signature itself is the fault, so that only the
//! one mutation stands between it and the door. [`attacks`] are the ones that a single token or header shows; what needs
//! a state of the verifier (a retired key, a revocation, no keys at all) is built by the tests from a [`Forger`].
#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "tests fail by panicking")]

mod claims;
mod envelope;
mod header;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Map, Value, json};

/// One mutation, and how it reaches the door.
#[derive(Debug, Clone)]
pub struct Attack {
    /// `T-01` to `T-46`.
    pub id: &'static str,
    /// What was done.
    pub what: String,
    /// What is sent.
    pub carry: Carry,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Carry {
    /// This token, as `authorization: Bearer …`.
    Token(String),
    /// These headers instead.
    Headers(Vec<(&'static str, String)>),
    /// The good token as a query of the path, and no header.
    Query(String),
}

/// Signs whatever it is told to.
#[derive(Clone)]
pub struct Forger {
    key: SigningKey,
    /// The key's name in token headers.
    pub kid: String,
    /// The claims of a good token.
    pub claims: Map<String, Value>,
}

impl Forger {
    /// A forger with this key and these good claims.
    pub fn new(seed: [u8; 32], kid: &str, claims: Map<String, Value>) -> Self {
        Self {
            key: SigningKey::from_bytes(&seed),
            kid: kid.to_owned(),
            claims,
        }
    }

    /// The same claims under another key's signature.
    #[must_use]
    pub fn with_key(&self, seed: [u8; 32], kid: &str) -> Self {
        Self::new(seed, kid, self.claims.clone())
    }

    /// The public half.
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The header of a good token.
    pub fn header(&self) -> Map<String, Value> {
        object(json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": self.kid }))
    }

    /// A good token.
    pub fn good(&self) -> String {
        self.token(&self.header(), &self.claims)
    }

    /// A token of this header and these claims, properly signed.
    pub fn token(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        self.sign(&json!(header).to_string(), &json!(claims).to_string())
    }

    /// A token of these texts, properly signed.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        self.seal(&format!("{}.{}", encode(header), encode(payload)))
    }

    /// What is before the second dot, with its signature.
    pub fn seal(&self, signed: &str) -> String {
        format!("{signed}.{}", encode(self.key.sign(signed.as_bytes()).to_bytes()))
    }

    /// A token with one more, another or (`null`) no header.
    pub fn with_header(&self, name: &str, value: Value) -> String {
        self.token(&changed(self.header(), name, value), &self.claims)
    }

    /// A token with one more, another or (`null`) no claim.
    pub fn with_claim(&self, name: &str, value: Value) -> String {
        self.token(&self.header(), &changed(self.claims.clone(), name, value))
    }

    /// A number of the good claims.
    pub fn number(&self, name: &str) -> i64 {
        self.claims.get(name).and_then(Value::as_i64).expect("a number")
    }

    /// A text of the good claims.
    pub fn text(&self, name: &str) -> String {
        self.claims
            .get(name)
            .and_then(Value::as_str)
            .expect("a text")
            .to_owned()
    }
}

/// Every attack that one token or header shows. `listener` is an address that nobody may be made to call.
pub fn attacks(forger: &Forger, listener: &str) -> Vec<Attack> {
    let mut all = header::attacks(forger, listener);
    all.extend(claims::attacks(forger));
    all.extend(envelope::attacks(forger));
    all
}

/// The claims that a token carries.
pub fn claims_of(token: &str) -> Map<String, Value> {
    let payload = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .expect("a payload");
    object(serde_json::from_slice(&payload).expect("claims"))
}

/// The token with one bit flipped, for each bit of header, payload and signature (T-07).
pub fn bit_flips(token: &str) -> impl Iterator<Item = String> + '_ {
    let parts: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64"))
        .collect();
    let places: Vec<(usize, usize)> = parts
        .iter()
        .enumerate()
        .flat_map(|(part, bytes)| (0..bytes.len() * 8).map(move |bit| (part, bit)))
        .collect();
    places.into_iter().map(move |(part, bit)| {
        let mut parts = parts.clone();
        if let Some(byte) = parts.get_mut(part).and_then(|bytes| bytes.get_mut(bit / 8)) {
            *byte ^= 1 << (bit % 8);
        }
        parts.iter().map(encode).collect::<Vec<_>>().join(".")
    })
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn changed(mut map: Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    match value {
        Value::Null => map.remove(name),
        value => map.insert(name.to_owned(), value),
    };
    map
}

/// Collects attacks of one kind.
#[derive(Default)]
struct List(Vec<Attack>);

impl List {
    fn token(&mut self, id: &'static str, what: impl Into<String>, token: String) {
        self.0.push(Attack {
            id,
            what: what.into(),
            carry: Carry::Token(token),
        });
    }

    fn headers(&mut self, id: &'static str, what: &str, headers: &[(&'static str, &str)]) {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        self.0.push(Attack {
            id,
            what: what.to_owned(),
            carry: Carry::Headers(headers),
        });
    }
}
