//! Reaching another role: over the network, or in this process in a way that cannot differ from the network.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::{Service, ServiceExt};

use crate::breaker::{self, Breaker};
use crate::edge::ServiceStack;
use crate::error::Error;
use crate::identity::ServiceKey;

/// A connection on which nothing comes is asked whether it is alive after this long…
const ASK_AFTER: Duration = Duration::from_millis(600);
/// …and is given up without an answer for this long, with every call on it. Both together stay below two seconds.
const GIVE_UP_AFTER: Duration = Duration::from_millis(1_200);

/// What one call may have on its way to us: what a stream costs here that nobody reads (RELIABILITY R-19).
const STREAM_WINDOW: u32 = 32 << 10;
/// What all calls of a connection may have on their way to us: no bound of its own. With one, a few streams that nobody
/// reads would use it up and stop every other call on the connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// What generated clients are put on. Cheap to clone.
#[derive(Clone)]
pub enum Transport {
    /// The role runs in this process; it may still be starting.
    Local(Arc<OnceLock<ServiceStack>>),
    /// The role runs elsewhere.
    Remote(Remote),
}

/// The way to a role that runs elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    channel: tonic::transport::Channel,
    breaker: Arc<Breaker>,
}

impl Transport {
    /// A channel to an address such as `http://orders:7002`. It connects when it is first used.
    ///
    /// # Errors
    /// If the address is not one.
    pub fn remote(address: &str) -> Result<Self, Error> {
        let fault =
            |cause| Error::failed_precondition("BAD_ADDRESS", "a role's address is not usable").caused_by(cause);
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(fault)?;
        let channel = endpoint
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true)
            .http2_keep_alive_interval(ASK_AFTER)
            .keep_alive_timeout(GIVE_UP_AFTER)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_lazy();
        let breaker = Breaker::new(address);
        Ok(Self::Remote(Remote { channel, breaker }))
    }
}

impl Remote {
    /// Calls, unless nobody answers there; while a call waits it may turn out that nobody does.
    async fn call(mut self, request: Request<Body>) -> Result<Response<Body>, tonic::transport::Error> {
        let refused = || Ok(breaker::unreachable().to_status().into_http());
        let Ok(mut attempt) = self.breaker.begin(Instant::now()) else {
            return refused();
        };
        let outcome = tokio::select! {
            biased;
            outcome = Service::call(&mut self.channel, request) => outcome,
            () = attempt.is_hopeless() => return refused(),
        };
        match &outcome {
            Ok(_) => attempt.answered(),
            Err(error) if is_late(error) => {}
            Err(_) => attempt.failed(Instant::now()),
        }
        outcome
    }
}

/// Whether the call's own deadline ended it, which the channel words as if the connection had failed.
fn is_late(error: &tonic::transport::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, tonic::transport::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self {
            Self::Local(_) => Poll::Ready(Ok(())),
            Self::Remote(remote) => Service::<Request<Body>>::poll_ready(&mut remote.channel, context),
        }
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self {
            Self::Local(stack) => {
                let stack = stack.get().cloned();
                Box::pin(async move {
                    let Some(stack) = stack else {
                        return Ok(Error::unavailable("STARTING", "this service is still starting")
                            .to_status()
                            .into_http());
                    };
                    // What does not cross a network does not cross here either.
                    request.extensions_mut().clear();
                    match stack.oneshot(request).await {
                        Ok(response) => Ok(response),
                        Err(never) => match never {},
                    }
                })
            }
            Self::Remote(remote) => {
                // The one that is ready goes; the one that stays must get ready anew.
                let other = remote.clone();
                Box::pin(std::mem::replace(remote, other).call(request))
            }
        }
    }
}

/// Where each role is. Cheap to clone.
#[derive(Clone, Default)]
pub struct Peers(Arc<HashMap<&'static str, Transport>>);

impl Peers {
    /// Roles and how to reach them.
    pub fn new(peers: impl IntoIterator<Item = (&'static str, Transport)>) -> Self {
        Self(Arc::new(peers.into_iter().collect()))
    }

    /// The roles that this installation has, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.0.keys().copied().collect();
        names.sort_unstable();
        names
    }

    /// The way to a role.
    ///
    /// # Errors
    /// `UNAVAILABLE` if this installation does not have the role.
    pub fn connect(&self, role: &str) -> Result<Transport, Error> {
        let missing = || Error::unavailable("NO_SUCH_ROLE", "this part of Muster is not configured here");
        self.0.get(role).cloned().ok_or_else(missing)
    }

    /// The way to a role for one of Muster's own parts: each request carries its service token.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_as(&self, own_name: &'static str, role: &str, key: &ServiceKey) -> Result<AsService, Error> {
        Ok(AsService {
            inner: self.connect(role)?,
            own_name,
            key: key.clone(),
        })
    }
}

/// A transport that names the calling part of Muster on each request.
#[derive(Clone)]
pub struct AsService {
    inner: Transport,
    own_name: &'static str,
    key: ServiceKey,
}

impl Service<Request<Body>> for AsService {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, tonic::transport::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Ok(token) = HeaderValue::from_str(&self.key.token(self.own_name)) {
            request.headers_mut().insert(crate::identity::SERVICE_HEADER, token);
        }
        self.inner.call(request)
    }
}
