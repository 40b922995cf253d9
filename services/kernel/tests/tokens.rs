//! the corpus of section 13 against verifier, lock and bearer. Only our tokens open the door, and every other one
//! gets the same answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use http::{HeaderMap, HeaderValue};
use muster_kernel::clock::{ManualClock, SystemChance, World};
use muster_kernel::error::Error;
use muster_kernel::identity::corpus::{Carry, Forger, attacks, bit_flips};
use muster_kernel::identity::{Lock, PublicKey, Revocation, ServiceKey, Trust, Verifier};
use muster_kernel::seal::MasterKey;
use muster_proto::authz::v1::Permission;
use serde_json::json;

const ISSUER: &str = "https://muster.test";
const METHOD: &str = "/muster.orders.v1.OrderService/GetOrder";
const NOW: i64 = 1_790_000_000;

struct Door {
    lock: Lock,
    trust: Trust,
    clock: Arc<ManualClock>,
    forger: Forger,
}

fn door() -> Door {
    let clock = ManualClock::at(DateTime::from_timestamp(NOW, 0).unwrap());
    let world = World::new(Arc::clone(&clock) as _, Arc::new(SystemChance));
    let claims = json!({
        "iss": ISSUER, "aud": "muster-api", "sub": "01890a5d-ac96-774b-bcce-b302099a8001",
        "tid": "01890a5d-ac96-774b-bcce-b302099a8002", "sid": "01890a5d-ac96-774b-bcce-b302099a8003",
        "jti": "01890a5d-ac96-774b-bcce-b302099a8004", "knd": "person", "per": [Permission::OrdersRead as i32],
        "loc": ["01890a5d-ac96-774b-bcce-b302099a8005"], "auth_time": NOW, "iat": NOW, "nbf": NOW, "exp": NOW + 300,
    });
    let forger = Forger::new([7; 32], "key-1", claims.as_object().unwrap().clone());
    let trust = Trust::default();
    trust.set_keys(vec![public(&forger)]).unwrap();
    let verifier = Verifier::new(ISSUER, trust.clone(), world.clone());
    let key = ServiceKey::new(
        &MasterKey::from_secret("a secret of 32 characters or more"),
        world.clone(),
    );
    Door {
        lock: Lock::new(verifier, key, world),
        trust,
        clock,
        forger,
    }
}

fn public(forger: &Forger) -> PublicKey {
    PublicKey {
        kid: forger.kid.clone(),
        key: forger.public().to_vec(),
    }
}

/// The bytes of the one answer.
fn answer(error: &Error) -> (tonic::Code, String, Vec<u8>) {
    let status = error.to_status();
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

impl Door {
    fn verify(&self, token: &str) -> Result<(), Error> {
        self.lock.verifier().verify(token).map(drop)
    }

    fn admit(&self, headers: &[(&'static str, String)]) -> Option<Result<(), Error>> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
        }
        Some(self.lock.admit(METHOD, &map).map(drop))
    }

    fn bearer(&self, token: &str) -> Option<Result<(), Error>> {
        self.admit(&[("authorization", format!("Bearer {token}"))])
    }

    fn good_is_good(&self) {
        self.verify(&self.forger.good()).unwrap();
        self.bearer(&self.forger.good()).unwrap().unwrap();
    }
}

#[test]
fn every_mutation_is_refused_with_the_same_answer() {
    let door = door();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    door.good_is_good();
    let expected = answer(&door.admit(&[]).unwrap().unwrap_err());
    assert_eq!(expected.0, tonic::Code::Unauthenticated);
    let mut seen = BTreeSet::new();
    let all = attacks(&door.forger, &listener.local_addr().unwrap().to_string());
    for attack in &all {
        let outcomes = match &attack.carry {
            Carry::Token(token) => vec![Some(door.verify(token)), door.bearer(token)],
            Carry::Headers(headers) => vec![door.admit(headers)],
            Carry::Query(_) => vec![door.admit(&[])],
        };
        for outcome in outcomes.into_iter().flatten() {
            let error = outcome.expect_err(&format!("{} let in: {}", attack.id, attack.what));
            assert_eq!(answer(&error), expected, "{}: {}", attack.id, attack.what);
        }
        seen.insert(attack.id);
    }
    door.good_is_good();
    assert!(listener.accept().is_err(), "T-13: a token made somebody call");
    // The others of the 46 need more than one token; they are the tests below.
    seen.extend(["T-07", "T-42", "T-46"]);
    let wanted: Vec<String> = (1..=46).map(|number| format!("T-{number:02}")).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), wanted);
    println!("A-01: {} mutations refused", all.len());
}

#[test]
fn t_07_every_single_bit_counts() {
    let door = door();
    let flips: Vec<String> = bit_flips(&door.forger.good()).collect();
    let accepted: Vec<&String> = flips.iter().filter(|token| door.verify(token).is_ok()).collect();
    assert!(accepted.is_empty(), "{accepted:?}");
    assert!(flips.len() > 3_500, "{}", flips.len());
    door.good_is_good();
}

#[test]
fn t_15_a_retired_key_opens_nothing_even_for_a_token_that_was_good() {
    let door = door();
    door.good_is_good();
    let next = door.forger.with_key([9; 32], "key-2");
    door.trust.set_keys(vec![public(&door.forger), public(&next)]).unwrap();
    door.good_is_good();
    door.verify(&next.good()).unwrap();
    door.trust.set_keys(vec![public(&next)]).unwrap();
    door.verify(&door.forger.good()).unwrap_err();
    door.verify(&next.good()).unwrap();
    // The same name with another key: what was remembered under the old one must not count.
    let renamed = door.forger.with_key([11; 32], "key-2");
    door.trust.set_keys(vec![public(&renamed)]).unwrap();
    door.verify(&renamed.good()).unwrap();
    door.verify(&next.good()).unwrap_err();
}

#[test]
fn t_42_what_was_revoked_stays_out() {
    for name in ["sid", "sub"] {
        let door = door();
        door.good_is_good();
        let not_before = DateTime::from_timestamp(NOW, 0).unwrap();
        door.trust.revoke(Revocation {
            id: door.forger.text(name).parse().unwrap(),
            not_before,
        });
        let error = door.verify(&door.forger.good()).unwrap_err();
        assert_eq!(answer(&error), answer(&door.admit(&[]).unwrap().unwrap_err()));
        // A token of a new sign-in of the same person is good again, one of before is not, also where it is new to us.
        door.verify(
            &door
                .forger
                .with_claim("jti", json!("01890a5d-ac96-774b-bcce-b302099a80ff")),
        )
        .unwrap_err();
        door.clock.advance(TimeDelta::seconds(2));
        door.verify(&door.forger.with_claim("iat", json!(NOW + 1))).unwrap();
    }
}

#[test]
fn t_46_without_keys_nobody_comes_in() {
    let door = door();
    door.good_is_good();
    door.trust.set_keys(vec![]).unwrap();
    assert!(!door.trust.is_ready());
    let error = door.verify(&door.forger.good()).unwrap_err();
    assert_eq!(answer(&error), answer(&door.admit(&[]).unwrap().unwrap_err()));
    // A set that cannot be read changes nothing: neither open nor shut.
    door.trust.set_keys(vec![public(&door.forger)]).unwrap();
    let broken = PublicKey {
        kid: "x".into(),
        key: vec![1, 2, 3],
    };
    door.trust.set_keys(vec![broken]).unwrap_err();
    door.good_is_good();
}

#[test]
fn a_remembered_token_still_expires() {
    let door = door();
    door.good_is_good();
    door.clock.advance(TimeDelta::seconds(304));
    door.good_is_good();
    door.clock.advance(TimeDelta::seconds(1));
    door.verify(&door.forger.good()).unwrap_err();
}

/// Reported, not asserted: the machine decides. Pass is <= 200 µs at p99 in a release build.
#[test]
#[allow(clippy::disallowed_methods, reason = "it measures")]
fn what_verification_costs() {
    let door = door();
    let token = |number: u64| {
        door.forger
            .with_claim("jti", json!(uuid::Uuid::from_u128(u128::from(number) + 1)))
    };
    let tokens: Vec<String> = (0..500).map(token).collect();
    let measure = || {
        let mut took: Vec<Duration> = tokens
            .iter()
            .map(|token| {
                let started = std::time::Instant::now();
                door.verify(token).unwrap();
                started.elapsed()
            })
            .collect();
        took.sort();
        (took[250], took[494])
    };
    let (new, known) = (measure(), measure());
    println!("A-01: verification p50/p99, new {new:?}, known {known:?}");
}
