//! Rate, errors and duration of every method.

use std::time::Duration;

use http::Response;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::clock::World;

/// Measures one request from its arrival.
pub struct Measured {
    role: &'static str,
    method: &'static str,
    started: chrono::DateTime<chrono::Utc>,
    world: World,
}

impl Measured {
    /// Starts now. `method` must be of the contract, so that there are only so many of them.
    pub fn start(role: &'static str, method: &'static str, world: &World) -> Self {
        Self {
            role,
            method,
            started: world.now(),
            world: world.clone(),
        }
    }

    /// The request was answered; for a stream, it was opened.
    pub fn answered(self, response: &Response<Body>) {
        let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
        let took = (self.world.now() - self.started).to_std().unwrap_or(Duration::ZERO);
        let (role, method) = (self.role, self.method);
        let code_name = format!("{code:?}");
        metrics::counter!("muster_rpc_total", "role" => role, "method" => method, "code" => code_name.clone())
            .increment(1);
        metrics::histogram!("muster_rpc_seconds", "role" => role, "method" => method).record(took.as_secs_f64());
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::info!(target: "muster::access", role, method, code = code_name, micros, "answered");
    }
}
