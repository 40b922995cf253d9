//! What is sealed opens only where it belongs, and page tokens cannot be made up or carried over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use muster_kernel::clock::World;
use muster_kernel::page::Pages;
use muster_kernel::seal::{MasterKey, keyed_digest};
use proptest::prelude::*;
use uuid::Uuid;

const TENANT: Uuid = Uuid::from_u128(1);
const OTHER: Uuid = Uuid::from_u128(2);

fn master() -> MasterKey {
    MasterKey::from_secret("a secret that only this test knows")
}

proptest! {
    #[test]
    fn what_is_sealed_opens_in_its_place_only(plain: Vec<u8>, place: Vec<u8>, elsewhere: Vec<u8>, flip: usize) {
        let sealing = master().sealing("test", b"");
        let mut sealed = sealing.seal(&World::system(), &place, &plain).unwrap();
        prop_assert_eq!(sealing.open(&place, &sealed).unwrap(), plain);
        prop_assert!(place == elsewhere || sealing.open(&elsewhere, &sealed).is_err());
        prop_assert!(master().sealing("other", b"").open(&place, &sealed).is_err());
        prop_assert!(master().sealing("test", b"salt").open(&place, &sealed).is_err());
        let at = flip % sealed.len();
        if let Some(byte) = sealed.get_mut(at) {
            *byte ^= 1;
        }
        prop_assert!(sealing.open(&place, &sealed).is_err());
    }

    #[test]
    fn page_tokens_belong_to_their_question(last in "[ -~]{0,40}", question in "[a-z]{1,9}", noise in "[A-Za-z0-9_-]{0,60}") {
        let pages = Pages::new(&master());
        let token = pages.token(TENANT, &question, &last);
        prop_assert_eq!(pages.read(TENANT, &question, &token).unwrap(), Some(last));
        prop_assert!(pages.read(OTHER, &question, &token).is_err());
        prop_assert!(pages.read(TENANT, "another question", &token).is_err());
        prop_assert!(noise.is_empty() || pages.read(TENANT, &question, &noise).is_err());
    }
}

#[test]
fn parts_of_a_digest_cannot_run_into_each_other() {
    let key = [7; 32];
    assert_ne!(keyed_digest(&key, &[b"ab", b"c"]), keyed_digest(&key, &[b"a", b"bc"]));
    assert_ne!(keyed_digest(&key, &[b"ab"]), keyed_digest(&[8; 32], &[b"ab"]));
}
