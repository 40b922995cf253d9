//! What every request to a service passes before its handler, over the network and in-process alike.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service, ServiceExt};
use tracing::Instrument;

use super::answer::see_out;
use super::question::single;
use super::{Measured, Shed, deadline_of, is_grpc, normalise, refuse, request_id, span_for};
use crate::clock::World;
use crate::door::{REQUEST_ID, Visit};
use crate::error::Error;
use crate::identity::{Caller, Lock};

/// One role's routes behind its lock. Cheap to clone.
#[derive(Clone)]
pub struct ServiceStack {
    role: &'static str,
    routes: Routes,
    lock: Arc<Lock>,
    world: World,
    shed: Shed,
}

impl ServiceStack {
    /// Puts the routes of a role behind the lock, as many calls at once as `shed` lets in.
    pub fn new(role: &'static str, routes: Routes, lock: Arc<Lock>, world: World, shed: Shed) -> Self {
        Self {
            role,
            routes: routes.prepare(),
            lock,
            world,
            shed,
        }
    }

    async fn handle(self, mut request: Request<Body>) -> Response<Body> {
        if !is_grpc(request.method(), request.headers()) {
            return refuse(request.method());
        }
        let id = request_id(request.headers(), &self.world);
        let path = request.uri().path().to_owned();
        let mut response = if is_health(&path) {
            self.routes
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {})
        } else {
            let span = span_for(self.role, &path, &id, request.headers());
            request.extensions_mut().clear();
            self.admit(request, &path, Arc::clone(&id)).instrument(span).await
        };
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn admit(self, mut request: Request<Body>, path: &str, id: Arc<str>) -> Response<Body> {
        let (rule, caller) = match self.lock.admit(path, request.headers()) {
            Ok(admitted) => admitted,
            Err(error) => return error.to_status().into_http(),
        };
        let measured = Measured::start(self.role, rule.method, &self.world);
        note(&caller);
        let entered = self.shed.enter(rule);
        let response = match entered.and_then(|place| Ok((deadline_of(request.headers(), rule)?, place))) {
            Ok((deadline, _place)) => {
                request.extensions_mut().insert(Visit {
                    method: rule.method,
                    request_id: id,
                });
                request.extensions_mut().insert(caller);
                let end = tokio::time::Instant::now() + deadline;
                let handled = AssertUnwindSafe(self.routes.oneshot(single(request))).catch_unwind();
                match tokio::time::timeout_at(end, handled).await {
                    Ok(Ok(Ok(response))) => see_out(normalise(response), end, ()),
                    Ok(Ok(Err(never))) => match never {},
                    Ok(Err(_)) => tonic::Status::from(Error::internal("the handler panicked")).into_http(),
                    Err(_) => Error::deadline().to_status().into_http(),
                }
            }
            Err(error) => error.to_status().into_http(),
        };
        measured.answered(&response);
        response
    }
}

fn note(caller: &Caller) {
    let span = tracing::Span::current();
    if let Some(tenant) = caller.tenant_id {
        span.record("tenant", tracing::field::display(tenant));
    }
    span.record("principal", tracing::field::display(&caller.principal));
}

fn is_health(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/")
}

impl Service<Request<Body>> for ServiceStack {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().handle(request).map(Ok))
    }
}
