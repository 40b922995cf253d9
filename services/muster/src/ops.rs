//! The listener for operators: metrics, health, readiness, cache statistics. Never on the public port.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use muster_kernel::cache::CacheHub;
use muster_kernel::db::Db;
use muster_kernel::identity::Trust;
use muster_kernel::telemetry::Telemetry;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use crate::role::Role;

/// Answers operators and probes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ops(Arc<Inner>);

struct Inner {
    telemetry: Option<Arc<Telemetry>>,
    databases: Vec<(Role, Db)>,
    trust: Trust,
    caches: CacheHub,
    stopping: CancellationToken,
}

impl Ops {
    pub(crate) fn new(
        telemetry: Option<Arc<Telemetry>>,
        databases: Vec<(Role, Db)>,
        trust: &Trust,
        caches: &CacheHub,
        stopping: &CancellationToken,
    ) -> Self {
        let (trust, caches, stopping) = (trust.clone(), caches.clone(), stopping.clone());
        Self(Arc::new(Inner {
            telemetry,
            databases,
            trust,
            caches,
            stopping,
        }))
    }

    async fn answer(&self, path: &str) -> Response<Body> {
        match path {
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.readiness().await,
            "/metrics" => text(
                StatusCode::OK,
                self.0.telemetry.as_ref().map(|t| t.metrics()).unwrap_or_default(),
            ),
            "/caches" => text(StatusCode::OK, self.caches()),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /healthz, /readyz, /metrics and /caches\n".to_owned(),
            ),
        }
    }

    async fn readiness(&self) -> Response<Body> {
        let mut lines = Vec::new();
        let mut ready = true;
        let mut say = |what: &str, well: bool| {
            ready &= well;
            lines.push(format!("{what}: {}\n", if well { "ok" } else { "not ready" }));
        };
        say("keys", self.0.trust.is_ready());
        say("running", !self.0.stopping.is_cancelled());
        for (role, db) in &self.0.databases {
            let asked = tokio::time::timeout(Duration::from_millis(500), db.ping()).await;
            say(role.name(), asked.is_ok_and(|answer| answer.is_ok()));
        }
        text(
            if ready {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            },
            lines.concat(),
        )
    }

    fn caches(&self) -> String {
        let line = |(name, stats): (&str, muster_kernel::cache::Stats)| {
            let found = stats.local_hits + stats.shared_hits;
            let percent = found * 100 / (found + stats.misses).max(1);
            format!(
                "{name}: {percent} % found ({} here, {} shared, {} loaded), {} kept\n",
                stats.local_hits, stats.shared_hits, stats.misses, stats.entries
            )
        };
        self.0.caches.stats().into_iter().map(line).collect()
    }
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::new(http_body_util::Full::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl Service<Request<Body>> for Ops {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ops = self.clone();
        Box::pin(async move { Ok(ops.answer(request.uri().path()).await) })
    }
}
