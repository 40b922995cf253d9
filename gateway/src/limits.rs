//! How much one caller may ask for: by tenant, by person or device, by address.
//!
//! Each process counts by itself (GCRA), which costs no round trip and holds when Redis is away. Where there is Redis,
//! [`SharedLimits`] adds what the other gateways counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use http::Response;
use muster_kernel::Error;
use muster_kernel::config::Gateway as Settings;
use muster_kernel::edge::{OverShare, network};
use muster_kernel::identity::Caller;
use tonic::body::Body;
use uuid::Uuid;

use crate::quota::Quota;
use crate::shared_limits::SharedLimits;
use crate::tally::{Counted, Who};

/// The reason of a refusal by rate.
const RATE_LIMITED: &str = "RATE_LIMITED";
/// Idle callers are forgotten this often.
const SWEEP: Duration = Duration::from_secs(60);

/// The limits of one gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Inner>);

struct Inner {
    tenants: Quota<Uuid>,
    principals: Quota<Uuid>,
    addresses: Quota<IpAddr>,
    public: Quota<IpAddr>,
    shared: Option<SharedLimits>,
}

impl Limits {
    pub(crate) fn new(settings: &Settings, shared: Option<SharedLimits>) -> Self {
        let inner = Arc::new(Inner {
            tenants: keyed(settings.tenant_per_second, settings.tenant_burst),
            principals: keyed(settings.principal_per_second, settings.principal_burst),
            addresses: keyed(settings.address_per_second, settings.address_burst),
            public: keyed(settings.public_per_second, settings.public_burst),
            shared,
        });
        let weak = Arc::downgrade(&inner);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let Some(inner) = weak.upgrade() else { return };
                inner.tenants.forget_idle();
                inner.principals.forget_idle();
                inner.addresses.forget_idle();
                inner.public.forget_idle();
            }
        });
        Self(inner)
    }

    /// Counts a request by where it comes from, before anything is checked.
    pub(crate) fn address(&self, address: IpAddr, public: bool) -> Result<(), Error> {
        let network = network(address);
        self.check(&self.0.addresses, &network, "address")?;
        if public {
            self.check(&self.0.public, &network, "public")
        } else {
            Ok(())
        }
    }

    /// Counts a request by who sent it.
    pub(crate) fn caller(&self, caller: &Caller) -> Result<(), Error> {
        if let Some(tenant) = &caller.tenant_id {
            self.check(&self.0.tenants, tenant, "tenant")?;
        }
        caller
            .principal
            .id()
            .map_or(Ok(()), |id| self.check(&self.0.principals, &id, "principal"))
    }

    fn check<K>(&self, quota: &Quota<K>, key: &K, kind: &'static str) -> Result<(), Error>
    where
        K: std::hash::Hash + Eq + Copy + Into<Who>,
    {
        let local = quota.take(key);
        let outcome = match (&local, &self.0.shared) {
            (Ok(()), Some(shared)) => {
                let who = (*key).into();
                shared.check(Counted { kind, who })
            }
            _ => local,
        };
        outcome.map_err(|wait| {
            metrics::counter!("muster_gateway_limited_total", "by" => kind).increment(1);
            Error::exhausted(
                RATE_LIMITED,
                "too many requests; slow down",
                wait.max(Duration::from_millis(50)),
            )
        })
    }
}

/// The answer that refuses a call. A refusal by rate is marked, so that the connection can slow down whoever does not heed it.
pub(crate) fn refusal(error: &Error) -> Response<Body> {
    let mut response = error.to_status().into_http();
    if error.reason == RATE_LIMITED {
        response.extensions_mut().insert(OverShare);
    }
    response
}

fn keyed<K: std::hash::Hash + Eq + Clone>(per_second: u32, burst: u32) -> Quota<K> {
    Quota::new(per_second, burst, DefaultClock::default())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use muster_kernel::config::Config;

    use super::*;

    /// Bytes of memory that this process has in use.
    fn resident() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }

    /// G-12: an attacker with a million addresses takes no more memory than we have.
    #[tokio::test]
    async fn a_million_callers_are_remembered_cheaply_and_forgotten() {
        let settings = Config::load(None).unwrap().gateway;
        let limits = Limits::new(&settings, None);
        let before = resident();
        for number in 0..1_000_000_u32 {
            limits.address(IpAddr::V4(Ipv4Addr::from_bits(number)), true).unwrap();
        }
        let grown = resident().saturating_sub(before);
        println!(
            "G-12: a million addresses, counted twice each, take {} MiB",
            grown >> 20
        );
        assert!(grown < 200 << 20);
        tokio::time::sleep(Duration::from_secs(1)).await;
        limits.0.addresses.forget_idle();
        assert_eq!(limits.0.addresses.remembered(), 0, "who has been quiet is forgotten");
    }

    #[tokio::test]
    async fn a_home_network_is_one_client() {
        let mut settings = Config::load(None).unwrap().gateway;
        (settings.address_per_second, settings.address_burst) = (1, 3);
        let limits = Limits::new(&settings, None);
        let come = |text: &str| limits.address(text.parse().unwrap(), false);
        for last in 1..=3 {
            come(&format!("2001:db8:1:2:{last}::1")).unwrap();
        }
        assert_eq!(come("2001:db8:1:2:ffff::9").unwrap_err().reason, "RATE_LIMITED");
        come("2001:db8:1:3::1").unwrap();
    }
}
