//! Rate, errors and duration of every method.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock, RwLock};
use std::time::Duration;

use http::Response;
use metrics::{Counter, Histogram};
use tonic::Code;
use tonic::body::Body;

use crate::clock::World;

/// Measures one request from its arrival.
pub struct Measured {
    role: &'static str,
    method: &'static str,
    /// In microseconds since 1970.
    started: i64,
    world: World,
}

impl Measured {
    /// Starts now. `method` must be of the contract, so that there are only so many of them.
    pub fn start(role: &'static str, method: &'static str, world: &World) -> Self {
        Self {
            role,
            method,
            started: world.micros(),
            world: world.clone(),
        }
    }

    /// The request was answered; for a stream, it was opened.
    pub fn answered(self, response: &Response<Body>) {
        let status = response.headers().get("grpc-status");
        let code = status.map_or(Code::Ok, |status| Code::from_bytes(status.as_bytes()));
        // Nothing where the clock was set back.
        let micros = u64::try_from(self.world.micros() - self.started).unwrap_or_default();
        let (role, method) = (self.role, self.method);
        let meters = meters_of(role, method);
        meters.count(role, method, code);
        meters.seconds.record(Duration::from_micros(micros).as_secs_f64());
        tracing::info!(target: "muster::access", role, method, code = ?code, micros, "answered");
    }
}

/// Where one method's figures are kept: to find that by its labels costs more than to count.
struct Meters {
    seconds: Histogram,
    /// By code; none that never was.
    counts: [OnceLock<Counter>; CODES],
}

/// gRPC has so many codes.
const CODES: usize = 17;

impl Meters {
    fn count(&self, role: &'static str, method: &'static str, code: Code) {
        let Some(counter) = self.counts.get(code as usize) else {
            return;
        };
        let name =
            || metrics::counter!("muster_rpc_total", "role" => role, "method" => method, "code" => format!("{code:?}"));
        counter.get_or_init(name).increment(1);
    }
}

type Known = RwLock<HashMap<(&'static str, &'static str), Arc<Meters>>>;

/// By role and method of the contract, so there are only so many.
static KNOWN: LazyLock<Known> = LazyLock::new(Known::default);

fn meters_of(role: &'static str, method: &'static str) -> Arc<Meters> {
    let found = KNOWN.read().ok().and_then(|known| known.get(&(role, method)).cloned());
    found.unwrap_or_else(|| {
        let meters = Arc::new(Meters {
            seconds: metrics::histogram!("muster_rpc_seconds", "role" => role, "method" => method),
            counts: Default::default(),
        });
        if let Ok(mut known) = KNOWN.write() {
            known.insert((role, method), Arc::clone(&meters));
        }
        meters
    })
}
