//! How Muster's own parts prove themselves to each other.
//!
//! Every process of an installation knows the cluster secret. From it each derives the same key, with which it signs
//! short-lived service tokens and vouches for what the gateway saw of a client.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, RwLock};

use http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

use super::{Caller, Principal};
use crate::clock::World;
use crate::error::Error;
use crate::seal::{MasterKey, keyed_digest};

/// The header in which a part of Muster names itself: `name.seconds.mac`.
pub const SERVICE_HEADER: &str = "muster-service";
/// The header in which the gateway tells the client's address: `address;seconds;mac`.
pub const CLIENT_HEADER: &str = "muster-client";

/// A service token is good for so many seconds around its making.
const GOOD_FOR: i64 = 300;
/// The gateway says the same of an address for so many seconds.
const SAID_FOR: i64 = 10;
/// Addresses that are remembered; more, and all are forgotten.
const MOST_REMEMBERED: usize = 10_000;
const NAMES: &[&str] = &[
    "gateway", "auth", "orders", "scoring", "voting", "payroll", "kpi", "operator",
];

/// Signs and checks what Muster's parts say of themselves.
#[derive(Clone)]
pub struct ServiceKey {
    key: [u8; 32],
    client_key: [u8; 32],
    world: World,
    /// What was said of an address, and when: a busy client's is not signed anew for each request.
    said: Memory<IpAddr, (HeaderValue, i64)>,
    /// What was heard and found to be genuine.
    heard: Memory<HeaderValue, (IpAddr, i64)>,
}

impl ServiceKey {
    /// The key of the installation with this secret.
    pub fn new(cluster: &MasterKey, world: World) -> Self {
        let (key, client_key) = (
            cluster.derive("service-token", b""),
            cluster.derive("client-address", b""),
        );
        let (said, heard) = (Memory::default(), Memory::default());
        Self {
            key,
            client_key,
            world,
            said,
            heard,
        }
    }

    /// A token that says "I am `name`", for the header `muster-service`.
    pub fn token(&self, name: &str) -> String {
        let now = self.world.seconds();
        let mac = keyed_digest(&self.key, &[name.as_bytes(), &now.to_le_bytes()]);
        format!("{name}.{now}.{}", hex(&mac))
    }

    /// The part of Muster that sent these headers, if it proves to be one.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` if there is a token and it is not good.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Error> {
        let Some(value) = headers.get(SERVICE_HEADER) else {
            return Ok(None);
        };
        let refused = || Error::unauthenticated("UNAUTHENTICATED", "sign in to do this");
        let text = value.to_str().map_err(|_| refused())?;
        let mut parts = text.split('.');
        let (Some(name), Some(made), Some(mac), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(refused());
        };
        let made: i64 = made.parse().map_err(|_| refused())?;
        let expected = hex(&keyed_digest(&self.key, &[name.as_bytes(), &made.to_le_bytes()]));
        let genuine = bool::from(expected.as_bytes().ct_eq(mac.as_bytes()));
        let current = (self.world.seconds() - made).abs() <= GOOD_FOR;
        let name = NAMES.iter().find(|known| **known == name);
        match name {
            Some(name) if genuine && current => Ok(Some(Caller::service(name))),
            _ => Err(refused()),
        }
    }

    /// Tells a service where the request came from.
    pub fn vouch_for(&self, address: IpAddr) -> Option<HeaderValue> {
        let now = self.world.seconds();
        if let Some((value, made)) = self.said.get(&address)
            && (now - made).abs() <= SAID_FOR
        {
            return Some(value);
        }
        let mac = self.client_mac(address, now);
        let value = HeaderValue::from_str(&format!("{address};{now};{mac}")).ok()?;
        self.said.put(address, (value.clone(), now));
        Some(value)
    }

    /// Where the request came from, if the gateway vouches for it.
    pub fn address(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let value = headers.get(CLIENT_HEADER)?;
        let known = self.heard.get(value);
        let (address, made) = known.or_else(|| self.check(value))?;
        ((self.world.seconds() - made).abs() <= GOOD_FOR).then_some(address)
    }

    fn check(&self, value: &HeaderValue) -> Option<(IpAddr, i64)> {
        let mut parts = value.to_str().ok()?.split(';');
        let (address, made, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let (address, made): (IpAddr, i64) = (address.parse().ok()?, made.parse().ok()?);
        let genuine = bool::from(self.client_mac(address, made).as_bytes().ct_eq(mac.as_bytes()));
        if genuine {
            self.heard.put(value.clone(), (address, made));
        }
        genuine.then_some((address, made))
    }

    fn client_mac(&self, address: IpAddr, made: i64) -> String {
        hex(&keyed_digest(
            &self.client_key,
            &[address.to_string().as_bytes(), &made.to_le_bytes()],
        ))
    }
}

impl Caller {
    /// Whether a part of Muster itself calls.
    pub fn is_service(&self) -> bool {
        matches!(self.principal, Principal::Service(_))
    }
}

/// What was worked out once. Cheap to clone; all clones know the same.
struct Memory<K, V>(Arc<RwLock<HashMap<K, V>>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Clone for Memory<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        self.0.read().ok()?.get(key).cloned()
    }

    fn put(&self, key: K, value: V) {
        let Ok(mut known) = self.0.write() else { return };
        if known.len() >= MOST_REMEMBERED {
            known.clear();
        }
        known.insert(key, value);
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::clock::{ManualClock, SystemChance};

    #[test]
    fn an_address_is_vouched_for_once_and_believed_no_longer_than_it_is_good() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH + TimeDelta::days(20_000));
        let world = World::new(clock.clone(), Arc::new(SystemChance));
        let key = ServiceKey::new(&MasterKey::from_secret("one"), world.clone());
        let service = ServiceKey::new(&MasterKey::from_secret("one"), world.clone());
        let stranger = ServiceKey::new(&MasterKey::from_secret("two"), world);
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let headers =
            |value: HeaderValue| HeaderMap::from_iter([(http::HeaderName::from_static(CLIENT_HEADER), value)]);
        let first = key.vouch_for(address).unwrap();
        clock.advance(TimeDelta::seconds(SAID_FOR));
        assert_eq!(key.vouch_for(address).unwrap(), first);
        clock.advance(TimeDelta::seconds(1));
        assert_ne!(key.vouch_for(address).unwrap(), first, "it is said anew");
        for _ in 0..2 {
            assert_eq!(service.address(&headers(first.clone())), Some(address));
            assert_eq!(stranger.address(&headers(first.clone())), None);
        }
        let other = first.to_str().unwrap().replace("192.0.2.7", "192.0.2.8");
        assert_eq!(service.address(&headers(other.parse().unwrap())), None);
        clock.advance(TimeDelta::seconds(GOOD_FOR));
        assert_eq!(
            service.address(&headers(first)),
            None,
            "what was genuine once gets old all the same"
        );
    }

    #[test]
    fn digits_are_those_of_the_bytes() {
        assert_eq!(hex(&[0x00, 0x9f, 0xa0, 0xff]), "009fa0ff");
    }
}
