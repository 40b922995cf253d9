//! The thread through a request: its id and its trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::clock::World;
use crate::door::REQUEST_ID;

/// Whether this process sends its traces anywhere. Where it does not, a caller's trace is passed on as it came.
static TRACED: AtomicBool = AtomicBool::new(false);

/// From now on this process sends its traces somewhere.
pub(crate) fn begin_tracing() {
    TRACED.store(true, Ordering::Relaxed);
}

/// Whether this process sends its traces anywhere.
pub fn is_traced() -> bool {
    TRACED.load(Ordering::Relaxed)
}

/// The request's id: the one it came with, if it is a decent one, or a new one.
pub fn request_id(headers: &HeaderMap, world: &World) -> Arc<str> {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            id.into()
        }
        _ => world.new_id().to_string().into(),
    }
}

/// A span for the request, continuing the caller's trace.
pub fn span_for(role: &'static str, method: &str, request_id: &str, headers: &HeaderMap) -> Span {
    let span = tracing::info_span!(
        "rpc",
        role,
        otel.name = method,
        otel.kind = "server",
        rpc.method = method,
        request_id,
        tenant = tracing::field::Empty,
        principal = tracing::field::Empty,
    );
    if is_traced() && headers.contains_key("traceparent") {
        let context = TraceContextPropagator::new().extract(&Headers(headers));
        let _ = span.set_parent(context);
    }
    span
}

struct Headers<'h>(&'h HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
