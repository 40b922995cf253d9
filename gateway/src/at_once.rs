//! How much one tenant may have running at once (RELIABILITY G-19). The rate of requests does not bound it where they
//! are slow: without this, one tenant's slow requests would hold everybody's connections to the database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_kernel::Error;
use muster_kernel::config::Gateway as Settings;
use muster_proto::{Rule, Urgency};
use uuid::Uuid;

type Running = Arc<Mutex<HashMap<(Uuid, bool), usize>>>;

/// Counts what runs, by tenant. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AtOnce {
    running: Running,
    /// Calls of a tenant at once.
    calls: usize,
    /// Open streams of a tenant at once.
    streams: usize,
}

/// One request's turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    running: Running,
    key: (Uuid, bool),
}

impl AtOnce {
    /// Nothing runs yet, within these bounds.
    pub fn new(settings: &Settings) -> Self {
        Self {
            running: Running::default(),
            calls: settings.tenant_calls_at_once,
            streams: settings.tenant_streams_at_once,
        }
    }

    /// A request of this tenant begins: a stream, or a call. Each is counted apart. The last quarter of the calls is for
    /// changes alone, and lists have half: orders go on coming in while somebody scrolls (RELIABILITY R-18).
    ///
    /// # Errors
    /// `TOO_MANY_AT_ONCE`.
    pub fn begin(&self, tenant: Uuid, rule: &Rule) -> Result<Turn, Error> {
        let busy = || {
            metrics::counter!("muster_gateway_limited_total", "by" => "at_once").increment(1);
            let message = "too many requests of your business at once; slow down";
            Error::exhausted("TOO_MANY_AT_ONCE", message, Duration::from_millis(200))
        };
        let key = (tenant, rule.streaming);
        let most = match rule.urgency() {
            _ if rule.streaming => self.streams,
            Urgency::Change => self.calls,
            Urgency::Read => self.calls - self.calls / 4,
            Urgency::List => self.calls.div_ceil(2),
        };
        let mut running = self.running.lock().map_err(|_| busy())?;
        let count = running.entry(key).or_insert(0);
        if *count >= most {
            return Err(busy());
        }
        *count += 1;
        drop(running);
        Ok(Turn {
            running: Arc::clone(&self.running),
            key,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Ok(mut running) = self.running.lock() else {
            return;
        };
        if let Some(count) = running.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_kernel::config::Config;

    use super::*;

    fn rule(method: &str) -> &'static Rule {
        muster_proto::rule(&format!("/muster.orders.v1.{method}")).unwrap()
    }

    #[test]
    fn turns_are_bounded_by_tenant_and_given_back() {
        let mut settings = Config::load(None).unwrap().gateway;
        assert_eq!(
            (settings.tenant_calls_at_once, settings.tenant_streams_at_once),
            (128, 4_000)
        );
        (settings.tenant_calls_at_once, settings.tenant_streams_at_once) = (7, 2);
        let (at_once, here, there) = (AtOnce::new(&settings), Uuid::from_u128(1), Uuid::from_u128(2));
        let (place, watch) = (rule("OrderService/PlaceOrder"), rule("KitchenService/WatchKitchen"));
        let mut turns: Vec<Turn> = (0..7).map(|_| at_once.begin(here, place).unwrap()).collect();
        assert_eq!(at_once.begin(here, place).err().unwrap().reason, "TOO_MANY_AT_ONCE");
        let _others = (
            at_once.begin(there, place).unwrap(),
            at_once.begin(here, watch).unwrap(),
        );
        let stream = at_once.begin(here, watch).unwrap();
        assert!(
            at_once.begin(here, watch).is_err(),
            "calls and streams are counted apart"
        );
        drop(stream);
        turns.pop();
        turns.push(at_once.begin(here, place).unwrap());
        turns.clear();
        assert_eq!(
            at_once.running.lock().unwrap().len(),
            2,
            "nobody is remembered who has nothing running"
        );
    }
}
