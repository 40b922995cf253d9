//! How Muster's own parts prove themselves to each other.
//!
//! Every process of an installation knows the cluster secret. From it each derives the same key, with which it signs
//! short-lived service tokens and vouches for what the gateway saw of a client.

use std::net::IpAddr;

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
const NAMES: &[&str] = &[
    "gateway", "auth", "orders", "scoring", "voting", "payroll", "kpi", "operator",
];

/// Signs and checks what Muster's parts say of themselves.
#[derive(Clone)]
pub struct ServiceKey {
    key: [u8; 32],
    client_key: [u8; 32],
    world: World,
}

impl ServiceKey {
    /// The key of the installation with this secret.
    pub fn new(cluster: &MasterKey, world: World) -> Self {
        let (key, client_key) = (
            cluster.derive("service-token", b""),
            cluster.derive("client-address", b""),
        );
        Self { key, client_key, world }
    }

    /// A token that says "I am `name`", for the header `muster-service`.
    pub fn token(&self, name: &str) -> String {
        let now = self.world.now().timestamp();
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
        let current = (self.world.now().timestamp() - made).abs() <= GOOD_FOR;
        let name = NAMES.iter().find(|known| **known == name);
        match name {
            Some(name) if genuine && current => Ok(Some(Caller::service(name))),
            _ => Err(refused()),
        }
    }

    /// Tells a service where the request came from.
    pub fn vouch_for(&self, address: IpAddr) -> Option<HeaderValue> {
        let now = self.world.now().timestamp();
        let mac = self.client_mac(address, now);
        HeaderValue::from_str(&format!("{address};{now};{mac}")).ok()
    }

    /// Where the request came from, if the gateway vouches for it.
    pub fn address(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut parts = headers.get(CLIENT_HEADER)?.to_str().ok()?.split(';');
        let (address, made, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let (address, made): (IpAddr, i64) = (address.parse().ok()?, made.parse().ok()?);
        let genuine = bool::from(self.client_mac(address, made).as_bytes().ct_eq(mac.as_bytes()));
        (genuine && (self.world.now().timestamp() - made).abs() <= GOOD_FOR).then_some(address)
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
