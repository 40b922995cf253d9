//! What the gateway answers itself: health, reflection, keys, readiness.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use muster_kernel::config::{Config, Mode};
use muster_kernel::identity::Lock;
use muster_kernel::transport::{Peers, Transport};
use muster_proto::authz::v1::{Permission, Scope};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::HealthReporter;
use tower::ServiceExt;

use crate::{Parts, plain};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A little more than it takes to find that a connection is dead: then every other call learns of it too.
const LOOK_LIMIT: Duration = Duration::from_millis(2_500);

/// Whether a path is that of a method that the gateway answers itself.
pub(crate) fn is_own(path: &str) -> bool {
    path.starts_with("/grpc.health.v1.Health/") || path.starts_with("/grpc.reflection.")
}

/// The gateway's own answers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Own {
    routes: Routes,
    lock: Arc<Lock>,
    reflection_is_open: bool,
    stop: CancellationToken,
}

impl Own {
    pub(crate) fn new(config: &Config, parts: &Parts) -> Self {
        let (reporter, health) = tonic_health::server::health_reporter();
        tokio::spawn(watch_health(
            reporter,
            Arc::clone(&parts.lock),
            parts.peers.clone(),
            parts.stop.clone(),
        ));
        let mut routes = Routes::new(health);
        let builder = || {
            let builder = tonic_reflection::server::Builder::configure();
            listed()
                .into_iter()
                .fold(builder, tonic_reflection::server::Builder::with_service_name)
                .register_encoded_file_descriptor_set(muster_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                // What errors carry, so that tools can print it.
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        };
        if let (Ok(v1), Ok(v1alpha)) = (builder().build_v1(), builder().build_v1alpha()) {
            routes = routes.add_service(v1).add_service(v1alpha);
        }
        Self {
            routes: routes.prepare(),
            lock: Arc::clone(&parts.lock),
            reflection_is_open: config.mode == Mode::Development,
            stop: parts.stop.clone(),
        }
    }

    pub(crate) async fn call(self, request: Request<Body>) -> Response<Body> {
        if !muster_kernel::edge::is_grpc(request.method(), request.headers()) {
            return muster_kernel::edge::refuse(request.method());
        }
        let reflects = request.uri().path().starts_with("/grpc.reflection.");
        if reflects
            && !self.reflection_is_open
            && let Err(error) = self.lock.admit_for(Permission::ReflectionRead, request.headers())
        {
            return error.to_status().into_http();
        }
        let Ok(response) = self.routes.oneshot(request).await;
        response
    }

    /// Pages for machines. None where the path is not one of them.
    pub(crate) fn page(&self, request: &Request<Body>) -> Option<Response<Body>> {
        if request.method() != Method::GET {
            return None;
        }
        match request.uri().path() {
            "/healthz" => Some(plain(StatusCode::OK)),
            "/readyz" => Some(plain(if self.is_ready() {
                StatusCode::OK
            } else {
                StatusCode::SERVICE_UNAVAILABLE
            })),
            "/.well-known/jwks.json" => Some(self.keys()),
            _ => None,
        }
    }

    fn is_ready(&self) -> bool {
        self.lock.verifier().trust().is_ready() && !self.stop.is_cancelled()
    }

    /// The public keys of access tokens (RFC 7517, RFC 8037).
    fn keys(&self) -> Response<Body> {
        let keys = self.lock.verifier().trust().public_keys();
        let keys: Vec<_> = keys
            .iter()
            .map(|key| {
                let x = URL_SAFE_NO_PAD.encode(&key.key);
                serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": x })
            })
            .collect();
        let mut response = Response::new(Body::new(http_body_util::Full::from(
            serde_json::json!({ "keys": keys }).to_string(),
        )));
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        response
    }
}

/// Asks each role how it is, and tells whoever asks the gateway. The gateway as a whole (`""`) serves when it knows the
/// keys and every role serves.
async fn watch_health(reporter: HealthReporter, lock: Arc<Lock>, peers: Peers, stop: CancellationToken) {
    loop {
        let mut all = lock.verifier().trust().is_ready() && !stop.is_cancelled();
        for role in peers.names() {
            let serving = match peers.connect(role) {
                Ok(transport) => asks_well(transport).await,
                Err(_) => false,
            };
            all &= serving;
            for service in services_of(role) {
                reporter.set_service_status(service, status(serving)).await;
            }
        }
        reporter.set_service_status("", status(all)).await;
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
    }
}

async fn asks_well(transport: Transport) -> bool {
    let mut client = HealthClient::new(transport);
    let answer = tokio::time::timeout(LOOK_LIMIT, client.check(HealthCheckRequest::default())).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.get_ref().status == ServingStatus::Serving as i32))
}

fn status(serving: bool) -> ServingStatus {
    if serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    }
}

/// The services that reflection lists: what a client can call here. What Muster's parts ask of each other is not.
fn listed() -> BTreeSet<&'static str> {
    let open = muster_proto::RULES.iter().filter(|rule| rule.scope != Scope::Platform);
    open.filter_map(|rule| rule.method.trim_start_matches('/').split('/').next())
        .chain(["grpc.health.v1.Health"])
        .collect()
}

/// The gRPC services of a role: `muster.orders.v1.OrderService` and so on.
fn services_of(role: &str) -> impl Iterator<Item = &'static str> {
    let prefix = format!("/muster.{role}.");
    let mut names: Vec<&'static str> = muster_proto::RULES
        .iter()
        .filter(|rule| rule.method.starts_with(&prefix))
        .filter_map(|rule| rule.method.trim_start_matches('/').split('/').next())
        .collect();
    names.dedup();
    names.into_iter()
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn reflection_lists_what_clients_can_call() {
        let listed = listed();
        assert!(listed.contains("muster.orders.v1.OrderService") && listed.contains("muster.auth.v1.SessionService"));
        assert!(!listed.contains("muster.log.v1.LogService") && !listed.contains("muster.auth.v1.TrustService"));
    }
}
