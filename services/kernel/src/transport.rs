//! Reaching another role: over the network, or in this process in a way that cannot differ from the network.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;
use tower::{Service, ServiceExt};

use crate::breaker::{self, Breaker};
use crate::edge::ServiceStack;
use crate::error::Error;
use crate::identity::ServiceKey;
use crate::link::Link;

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
    link: Link,
    breaker: Arc<Breaker>,
}

impl Transport {
    /// The way to an address such as `http://orders:7002`. It connects when it is first used.
    ///
    /// # Errors
    /// If the address is not one.
    pub fn remote(address: &str) -> Result<Self, Error> {
        let link = Link::new(address)?;
        let breaker = Breaker::new(address);
        Ok(Self::Remote(Remote { link, breaker }))
    }
}

impl Remote {
    /// Calls, unless nobody answers there; while a call waits it may turn out that nobody does.
    async fn call(self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let refused = || Ok(breaker::unreachable().to_status().into_http());
        let Ok(mut attempt) = self.breaker.begin(Instant::now()) else {
            return refused();
        };
        let outcome = tokio::select! {
            biased;
            outcome = self.link.call(request) => outcome,
            () = attempt.is_hopeless() => return refused(),
        };
        match &outcome {
            Ok(_) => attempt.answered(),
            Err(_) => attempt.failed(Instant::now()),
        }
        outcome
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
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
            Self::Remote(remote) => Box::pin(remote.clone().call(request)),
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
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

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
