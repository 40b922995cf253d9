//! How many connections there are, in all and by address (G-04), and who has to wait before he may come again (G-02).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Limits;

/// File descriptors for everything that is not a guest: databases, files, other roles.
const KEPT_BACK: usize = 256;

/// Where a connection was cut, the next one waits so long, and so much longer for each that is cut meanwhile.
const FOR_EACH_CUT: Duration = Duration::from_secs(1);
/// Nobody waits longer: others may share an address with whoever was cut.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// Counts connections, in all and by address.
#[derive(Clone)]
pub(super) struct Guests {
    all: Arc<Semaphore>,
    by_network: Arc<Mutex<HashMap<IpAddr, Network>>>,
    per_network: usize,
}

#[derive(Default)]
struct Network {
    connections: usize,
    /// Whoever comes waits until then.
    waits_until: Option<Instant>,
}

impl Network {
    fn is_forgotten(&self) -> bool {
        self.connections == 0 && self.waits_until.is_none_or(|until| until <= Instant::now())
    }
}

/// The place of one connection, until it is dropped.
pub(super) struct Place {
    /// It may be used from then on, where somebody of the same network was cut.
    pub(super) from: Option<Instant>,
    guests: Guests,
    network: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Guests {
    pub(super) fn new(limits: &Limits) -> Self {
        // Without a descriptor left nobody could be served, not even those who are in.
        let most = descriptors().map_or(usize::MAX, |most| most.saturating_sub(KEPT_BACK).max(most / 2));
        if most < limits.connections && limits.connections < usize::MAX {
            tracing::warn!(
                most,
                wanted = limits.connections,
                "fewer connections than set: raise the limit of open files"
            );
        }
        let all = limits.connections.min(most).min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(all)),
            by_network: Arc::default(),
            per_network: limits.connections_per_address,
        }
    }

    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let network = network(address);
        let mut networks = self.by_network.lock().ok()?;
        let known = networks.entry(network).or_default();
        if known.connections >= self.per_network {
            return None;
        }
        known.connections += 1;
        Some(Place {
            from: known.waits_until,
            guests: self.clone(),
            network,
            _permit: permit,
        })
    }
}

impl Place {
    /// The connection was cut for what it did. Coming again at once would make it worth while.
    pub(super) fn was_cut(&self) {
        let Ok(mut networks) = self.guests.by_network.lock() else {
            return;
        };
        networks.retain(|_, network| !network.is_forgotten());
        if let Some(known) = networks.get_mut(&self.network) {
            let now = Instant::now();
            let until = known.waits_until.map_or(now, |until| until.max(now));
            known.waits_until = Some((until + FOR_EACH_CUT).min(now + LONGEST_WAIT));
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(mut networks) = self.guests.by_network.lock() else {
            return;
        };
        if let Some(known) = networks.get_mut(&self.network) {
            known.connections -= 1;
            if known.is_forgotten() {
                networks.remove(&self.network);
            }
        }
    }
}

/// The network that counts as one client: a home gets a /64 of IPv6, so single addresses of it mean nothing.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// How many files this process may have open, where the system says so.
fn descriptors() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g_04_places_are_bounded_by_network_and_given_back() {
        let limits = Limits {
            connections: 5,
            connections_per_address: 2,
            ..Limits::default()
        };
        let guests = Guests::new(&limits);
        let come = |text: &str| guests.admit(text.parse().unwrap());
        let first = come("192.0.2.1").unwrap();
        let second = come("::ffff:192.0.2.1").unwrap();
        assert!(come("192.0.2.1").is_none());
        let _home = come("2001:db8:1:2::1").unwrap();
        let _same = come("2001:db8:1:2:ffff::9").unwrap();
        assert!(come("2001:db8:1:2::7").is_none(), "addresses of one /64 are one client");
        let _full = come("192.0.2.2").unwrap();
        assert!(come("192.0.2.3").is_none(), "five in all");
        drop(first);
        drop(come("192.0.2.3").unwrap());
        drop(come("192.0.2.1").unwrap());
        drop(second);
        assert!(
            !guests
                .by_network
                .lock()
                .unwrap()
                .contains_key(&"192.0.2.1".parse().unwrap())
        );
    }

    #[test]
    fn g_02_who_was_cut_waits_before_he_comes_again() {
        let guests = Guests::new(&Limits::default());
        let come = |text: &str| guests.admit(text.parse().unwrap()).unwrap();
        let waits = |text: &str| {
            come(text)
                .from
                .map(|from| from.saturating_duration_since(Instant::now()))
        };
        let about = |wait: Duration, most: Duration| wait <= most && wait > most / 2;
        assert_eq!(waits("192.0.2.1"), None);
        come("192.0.2.1").was_cut();
        assert!(about(waits("192.0.2.1").unwrap(), FOR_EACH_CUT));
        assert_eq!(waits("192.0.2.2"), None, "nobody else waits");
        (0..50).for_each(|_| come("192.0.2.1").was_cut());
        assert!(about(waits("192.0.2.1").unwrap(), LONGEST_WAIT));
        for network in guests.by_network.lock().unwrap().values_mut() {
            network.waits_until = Some(Instant::now());
        }
        drop(come("192.0.2.1"));
        assert!(
            guests.by_network.lock().unwrap().is_empty(),
            "who waits no more is forgotten"
        );
    }
}
