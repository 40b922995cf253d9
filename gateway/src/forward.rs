//! The gateway's path: check, count, pass on. Bodies stream through as bytes, trailers kept.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use muster_kernel::Error;
use muster_kernel::clock::World;
use muster_kernel::config::Config;
use muster_kernel::door::REQUEST_ID;
use muster_kernel::edge::{
    Measured, TIMEOUT_HEADER, deadline_of, format_timeout, is_grpc, is_traced, normalise, refuse, request_id, see_out,
    span_for,
};
use muster_kernel::identity::{CLIENT_HEADER, Caller, Lock};
use muster_kernel::transport::Peers;
use opentelemetry::propagation::{Injector, TextMapPropagator};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::body::Body;
use tower::ServiceExt;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::Parts;
use crate::admit::client_address;
use crate::at_once::{AtOnce, Turn};
use crate::limits::{Limits, refusal};
use crate::shared_limits::SharedLimits;
use crate::upstreams::upstream;

/// The service enforces the deadline itself; the gateway waits this much longer for it to say so.
const GRACE: Duration = Duration::from_millis(200);

/// Checks calls and passes them on.
pub(crate) struct Forward {
    lock: Arc<Lock>,
    peers: Peers,
    limits: Limits,
    at_once: AtOnce,
    world: World,
    trusted_hops: usize,
}

/// A request that may go on.
struct Admitted {
    measured: Measured,
    deadline: Duration,
    turn: Option<Turn>,
    /// Where the request came from.
    address: IpAddr,
}

impl Forward {
    pub(crate) fn new(config: &Config, parts: Parts) -> Self {
        let world = parts.world;
        let shared = parts
            .redis
            .map(|redis| SharedLimits::new(redis, world.clone(), &config.gateway));
        let limits = Limits::new(&config.gateway, shared);
        Self {
            lock: parts.lock,
            peers: parts.peers,
            limits,
            at_once: AtOnce::new(&config.gateway),
            world,
            trusted_hops: config.gateway.trusted_hops,
        }
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Response<Body> {
        if !is_grpc(request.method(), request.headers()) {
            return refuse(request.method());
        }
        let id = request_id(request.headers(), &self.world);
        let span = span_for("gateway", request.uri().path(), &id, request.headers());
        let mut response = self.checked(request, &id).instrument(span).await;
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    async fn checked(&self, request: Request<Body>, id: &str) -> Response<Body> {
        match self.admit(&request) {
            Ok(Admitted {
                measured,
                deadline,
                turn,
                address,
            }) => {
                let response = self.pass_on(request, id, deadline, address, turn).await;
                measured.answered(&response);
                response
            }
            Err(error) => refusal(&error),
        }
    }

    /// Counts a request that the gateway answers itself, by where it comes from.
    pub(crate) fn count(&self, request: &Request<Body>) -> Result<(), Error> {
        self.limits.address(client_address(request, self.trusted_hops), false)
    }

    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Error> {
        let path = request.uri().path();
        let public = muster_proto::rule(path).is_some_and(|rule| rule.public);
        let address = client_address(request, self.trusted_hops);
        self.limits.address(address, public)?;
        let (rule, caller): (_, Caller) = self.lock.admit(path, request.headers())?;
        self.limits.caller(&caller)?;
        let deadline = deadline_of(request.headers(), rule)?;
        let turn = caller
            .tenant_id
            .map(|tenant| self.at_once.begin(tenant, rule))
            .transpose()?;
        let measured = Measured::start("gateway", rule.method, &self.world);
        Ok(Admitted {
            measured,
            deadline,
            turn,
            address,
        })
    }

    async fn pass_on(
        &self,
        mut request: Request<Body>,
        id: &str,
        deadline: Duration,
        address: IpAddr,
        turn: Option<Turn>,
    ) -> Response<Body> {
        let unreachable = || Error::unavailable("UNAVAILABLE", "this part of Muster does not answer; try again");
        let Some(upstream) = upstream(&self.peers, request.uri().path()) else {
            return Error::new(tonic::Code::Unimplemented, "UNKNOWN_METHOD", "there is no such method")
                .to_status()
                .into_http();
        };
        let vouched = self.lock.services().vouch_for(address);
        rewrite(request.headers_mut(), id, deadline, vouched);
        *request.version_mut() = Version::HTTP_2;
        let due = tokio::time::Instant::now() + deadline;
        let end = due + GRACE;
        match tokio::time::timeout_at(end, upstream.oneshot(request)).await {
            Ok(Ok(response)) => see_out(normalise(response), end, turn),
            // The channel goes by `grpc-timeout` too, and says no more than that something failed.
            Ok(Err(_)) if tokio::time::Instant::now() >= due => Error::deadline().to_status().into_http(),
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "upstream does not answer");
                unreachable().to_status().into_http()
            }
            Err(_) => Error::deadline().to_status().into_http(),
        }
    }
}

/// What goes on to the service: the caller's token and metadata, and what the gateway itself says.
fn rewrite(headers: &mut HeaderMap, id: &str, deadline: Duration, vouched: Option<HeaderValue>) {
    // What `connection` names belongs to the client's connection and ends with it (RFC 9110, 7.6.1).
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    for name in [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, UPGRADE] {
        headers.remove(name);
    }
    let own: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    own.iter().for_each(|name| drop(headers.remove(name)));
    let mut set = |name: &'static str, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    set(TIMEOUT_HEADER, HeaderValue::from_str(&format_timeout(deadline)).ok());
    set(REQUEST_ID, HeaderValue::from_str(id).ok());
    set(CLIENT_HEADER, vouched);
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if is_traced() {
        let context = tracing::Span::current().context();
        TraceContextPropagator::new().inject_context(&context, &mut Outbound(headers));
    }
}

/// Headers that only Muster's own parts may set, and those that tell of a network we do not look at.
fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("muster-")
        || name.starts_with("x-muster-")
        || name.starts_with("x-forwarded-")
        || name == "forwarded"
}

struct Outbound<'h>(&'h mut HeaderMap);

impl Injector for Outbound<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}
