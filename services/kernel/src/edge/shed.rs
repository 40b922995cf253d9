//! What a role refuses when it has too much to do, and in which order (RELIABILITY R-18).
//!
//! Whoever is let in waits behind everybody who was let in before, so what runs is the queue: bounding it bounds how long
//! anybody waits. Lists are refused first, then other reads, and changes last, so that orders go on coming in while
//! somebody scrolls through yesterday's. Refusing costs next to nothing and is done at once: nobody waits for a no.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster_proto::{Rule, Urgency};

use crate::config::Shed as Settings;
use crate::error::Error;

/// Counts the calls that run in one role of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shed {
    role: &'static str,
    running: Arc<AtomicUsize>,
    calls: usize,
    reads: usize,
    lists: usize,
}

/// A call's place, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Shed {
    /// For a role of a process with so many processors.
    pub fn new(role: &'static str, settings: &Settings, processors: usize) -> Self {
        Self {
            role,
            running: Arc::default(),
            calls: settings.calls_at_once * processors,
            reads: settings.reads_at_once * processors,
            lists: settings.lists_at_once * processors,
        }
    }

    /// As [`new`](Self::new), for the processors that this process may use.
    pub fn here(role: &'static str, settings: &Settings) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(role, settings, processors)
    }

    /// Lets a call of this method in. A stream takes no place: it waits most of the time, and screens have their own bound.
    ///
    /// # Errors
    /// `OVERLOADED`, with when to come again: the sooner, the more it matters.
    pub fn enter(&self, rule: &Rule) -> Result<Option<Place>, Error> {
        if rule.streaming {
            return Ok(None);
        }
        let (kind, most, wait) = match rule.urgency() {
            Urgency::Change => ("change", self.calls, Duration::from_millis(200)),
            Urgency::Read => ("read", self.reads, Duration::from_millis(500)),
            Urgency::List => ("list", self.lists, Duration::from_secs(1)),
        };
        let place = Place(Arc::clone(&self.running));
        if self.running.fetch_add(1, Ordering::Relaxed) >= most {
            metrics::counter!("muster_shed_total", "role" => self.role, "kind" => kind).increment(1);
            return Err(Error::exhausted(
                "OVERLOADED",
                "too much is going on here; try again",
                wait,
            ));
        }
        Ok(Some(place))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use muster_proto::rule;

    use super::*;

    const CHANGE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
    const READ: &str = "/muster.orders.v1.MenuService/GetMenu";
    const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
    const STREAM: &str = "/muster.orders.v1.KitchenService/WatchKitchen";

    fn shed() -> Shed {
        let settings = Settings {
            calls_at_once: 4,
            reads_at_once: 3,
            lists_at_once: 2,
        };
        Shed::new("orders", &settings, 2)
    }

    fn may(shed: &Shed, path: &str) -> bool {
        shed.enter(rule(path).unwrap()).is_ok()
    }

    #[test]
    fn lists_are_refused_first_then_reads_and_changes_last() {
        let shed = shed();
        let mut places = Vec::new();
        let mut seen = Vec::new();
        for _ in 0..10 {
            seen.push([LIST, READ, CHANGE].map(|path| may(&shed, path)));
            places.extend(shed.enter(rule(CHANGE).unwrap()));
        }
        let all = [[true, true, true]; 4].into_iter();
        let no_list = [[false, true, true]; 2].into_iter();
        let changes = [[false, false, true]; 2].into_iter();
        let nothing = [[false, false, false]; 2].into_iter();
        let expected: Vec<_> = all.chain(no_list).chain(changes).chain(nothing).collect();
        assert_eq!(seen, expected);
        assert!(may(&shed, STREAM), "a stream takes no place");
    }

    #[test]
    fn places_are_given_back_also_by_who_is_refused() {
        let shed = shed();
        let places: Vec<Place> = (0..8)
            .flat_map(|_| shed.enter(rule(CHANGE).unwrap()).unwrap())
            .collect();
        for path in [LIST, READ, CHANGE] {
            let error = shed.enter(rule(path).unwrap()).unwrap_err();
            assert_eq!(error.reason, "OVERLOADED");
            assert!(error.retry_after.is_some_and(|wait| !wait.is_zero()));
        }
        drop(places);
        assert_eq!(shed.running.load(Ordering::Relaxed), 0);
        assert!([LIST, READ, CHANGE].into_iter().all(|path| may(&shed, path)));
    }
}
