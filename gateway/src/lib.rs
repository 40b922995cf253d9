//! The gateway: one port for gRPC, grpc-web and the static clients.
//!
//! It checks the token and the method's rule, bounds callers, carries deadline, trace and request id on, and forwards
//! bytes. It knows no business rule and decodes no business message.

mod admit;
pub mod at_once;
mod browser;
mod clients;
mod forward;
mod limits;
mod own;
pub mod quota;
mod shared_limits;
pub mod tally;
mod upstreams;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Response, StatusCode};
use muster_kernel::clock::World;
use muster_kernel::config::Config;
use muster_kernel::edge::Limits;
use muster_kernel::identity::Lock;
use muster_kernel::redis::Redis;
use muster_kernel::transport::Peers;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic_web::GrpcWebLayer;
use tower::{Layer, Service, ServiceExt};

use crate::browser::Cors;
use crate::clients::Clients;
use crate::forward::Forward;
use crate::own::Own;

/// The gateway as a service of HTTP requests. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    forward: Forward,
    own: Own,
    clients: Clients,
    cors: Cors,
    secure: bool,
}

/// What the gateway stands on.
pub struct Parts {
    /// The lock on the outer door.
    pub lock: Arc<Lock>,
    /// The roles behind it.
    pub peers: Peers,
    /// Clock and chance.
    pub world: World,
    /// Shared rate limits, where there are several gateways.
    pub redis: Option<Redis>,
    /// Cancelled when the process stops.
    pub stop: CancellationToken,
}

impl Gateway {
    /// A gateway with these settings over these roles.
    pub fn new(config: &Config, parts: Parts) -> Self {
        let own = Own::new(config, &parts);
        let secure = !config.gateway.tls_certificate.is_empty();
        Self(Arc::new(Inner {
            forward: Forward::new(config, parts),
            own,
            clients: Clients::load(),
            cors: Cors::new(&config.gateway.cors_origins),
            secure,
        }))
    }

    /// The bounds of its listener.
    pub fn listener_limits(config: &Config) -> Limits {
        Limits {
            connections: config.gateway.connections,
            connections_per_address: config.gateway.connections_per_address,
            ..Limits::default()
        }
    }

    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let Inner {
            own,
            clients,
            cors,
            secure,
            ..
        } = &*self.0;
        let origin = request.headers().get(http::header::ORIGIN).cloned();
        let kind = kind(&request);
        let mut response = match kind {
            Kind::Preflight => cors.preflight(&request),
            Kind::Grpc => self.call(request).await,
            // In a box of its own: what a future may become is moved with every request, also with those that do not.
            Kind::GrpcWeb => {
                let translated = GrpcWebLayer::new().layer(Calls(self.clone())).oneshot(request);
                let Ok(response) = Box::pin(translated).await;
                response
            }
            Kind::Page => own.page(&request).unwrap_or_else(|| clients.page(&request)),
        };
        cors.mark(&mut response, origin.as_ref());
        browser::secure(&mut response, kind != Kind::Page, *secure);
        response
    }

    /// A call in gRPC's own form, whatever form it came in.
    async fn call(&self, request: Request<Body>) -> Response<Body> {
        let Inner { forward, own, .. } = &*self.0;
        match own::is_own(request.uri().path()) {
            // Health and reflection are bounded by address as everything else is (G-12).
            true => match forward.count(&request) {
                Ok(()) => Box::pin(own.clone().call(request)).await,
                Err(error) => limits::refusal(&error),
            },
            false => forward.call(request).await,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Preflight,
    Grpc,
    GrpcWeb,
    Page,
}

fn kind(request: &Request<Body>) -> Kind {
    if request.method() == Method::OPTIONS && request.headers().contains_key("access-control-request-method") {
        return Kind::Preflight;
    }
    let content_type = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match content_type {
        web if request.method() == Method::POST && browser::is_grpc_web(web) => Kind::GrpcWeb,
        _ if request.method() == Method::POST || names_method(request.uri().path()) => Kind::Grpc,
        _ => Kind::Page,
    }
}

/// Whether a path is that of a method rather than of a page: `/muster.orders.v1.OrderService/GetOrder`.
fn names_method(path: &str) -> bool {
    muster_proto::rule(path).is_some() || own::is_own(path)
}

impl Service<Request<Body>> for Gateway {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.clone();
        Box::pin(async move { Ok(gateway.handle(request).await) })
    }
}

/// The part of the gateway behind the translation from grpc-web.
#[derive(Clone)]
struct Calls(Gateway);

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let gateway = self.0.clone();
        Box::pin(async move { Ok(Gateway::call(&gateway, request).await) })
    }
}

/// An empty answer with a status of HTTP.
fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_not_a_page() {
        let kind_of = |method: Method, path: &str, content_type: &str| {
            let request = Request::builder()
                .method(method)
                .uri(path)
                .header(CONTENT_TYPE, content_type);
            kind(&request.body(Body::empty()).unwrap())
        };
        let method = "/muster.orders.v1.OrderService/GetOrder";
        assert!(kind_of(Method::POST, method, "application/grpc-web+proto") == Kind::GrpcWeb);
        assert!(kind_of(Method::POST, method, "application/json") == Kind::Grpc);
        // Refused with 405 there, where a page would not be found.
        assert!(kind_of(Method::GET, method, "") == Kind::Grpc);
        assert!(kind_of(Method::GET, "/grpc.health.v1.Health/Check", "") == Kind::Grpc);
        assert!(kind_of(Method::GET, "/kitchen/", "") == Kind::Page);
    }
}
