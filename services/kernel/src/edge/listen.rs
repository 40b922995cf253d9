//! Accepting connections: bounded in number, in time and in size, and drained when the process stops.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::Service;

use super::ReloadingTls;

/// The bounds of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address; `usize::MAX` where the other side is a gateway.
    pub connections_per_address: usize,
    /// Requests at once on one connection.
    pub streams_per_connection: u32,
    /// A connection is asked to end after so long.
    pub connection_age: Duration,
    /// The first bytes, or the TLS handshake, must come within.
    pub first_bytes: Duration,
    /// After the stop signal, requests may run on for so long.
    pub drain: Duration,
    /// HTTP/1.1 is spoken too (grpc-web, static files).
    pub http1: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 50,
            streams_per_connection: 128,
            connection_age: Duration::from_secs(30 * 60),
            first_bytes: Duration::from_secs(5),
            drain: Duration::from_secs(15),
            http1: true,
        }
    }
}

/// Where a connection came from; an extension of every request on it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop`, then drains: nobody new is let in, requests end, connections close.
pub async fn serve<S>(
    listener: TcpListener,
    service: S,
    limits: Limits,
    tls: Option<ReloadingTls>,
    stop: CancellationToken,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let guests = Guests::new(&limits);
    let connections = TaskTracker::new();
    let hard_stop = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((socket, address)) = accepted else {
            // Out of file descriptors, most likely; a short pause lets some go.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = guests.admit(address.ip()) else {
            continue;
        };
        let connection = Connection {
            address,
            service: service.clone(),
            limits: limits.clone(),
            stop: stop.clone(),
        };
        let (tls, hard_stop) = (tls.clone(), hard_stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = connection.run(socket, tls) => {}
                () = hard_stop.cancelled() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.drain, connections.wait()).await.is_err() {
        hard_stop.cancel();
        connections.wait().await;
    }
}

struct Connection<S> {
    address: SocketAddr,
    service: S,
    limits: Limits,
    stop: CancellationToken,
}

impl<S> Connection<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    async fn run(self, socket: TcpStream, tls: Option<ReloadingTls>) {
        let _ = socket.set_nodelay(true);
        if !speaks(&socket, self.limits.first_bytes).await {
            return;
        }
        match tls {
            None => self.talk(socket).await,
            Some(tls) => {
                let Some(acceptor) = tls.acceptor() else { return };
                let handshake = tokio::time::timeout(self.limits.first_bytes, acceptor.accept(socket));
                if let Ok(Ok(stream)) = handshake.await {
                    self.talk(stream).await;
                }
            }
        }
    }

    async fn talk(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let peer = Peer(self.address);
        let service = tower::ServiceBuilder::new()
            .map_request(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(peer);
                request
            })
            .service(self.service);
        let builder = settings(&self.limits);
        let connection = builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(service));
        tokio::pin!(connection);
        let ends = async {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(self.limits.connection_age) => {}
            }
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = ends => connection.as_mut().graceful_shutdown(),
        }
        // Requests in flight may end; a connection that does not, is cut.
        let _ = tokio::time::timeout(Duration::from_secs(60), connection).await;
    }
}

fn settings(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if !limits.http1 {
        builder = builder.http2_only();
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_stream_window_size(65_535)
        // Never as small as a stream's window: h2 derives its budget for small DATA frames from it.
        .initial_connection_window_size(1 << 20)
        .max_header_list_size(16 * 1024)
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(10))
        .max_buf_size(32 * 1024);
    builder
}

/// Waits for the first bytes. A socket that says nothing, or only half of the HTTP/2 preface, is not kept.
async fn speaks(socket: &TcpStream, limit: Duration) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let listening = async {
        let mut first = [0_u8; 24];
        let mut known = 0;
        loop {
            let Ok(count) = socket.peek(&mut first).await else {
                return false;
            };
            let said = first.get(..count).unwrap_or_default();
            if count == 0 {
                return false;
            }
            if !PREFACE.starts_with(said) || count == PREFACE.len() {
                return true;
            }
            if count == known {
                // `peek` answers at once with what it knows; do not spin until the rest comes.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            known = count;
        }
    };
    tokio::time::timeout(limit, listening).await.unwrap_or(false)
}

/// Counts connections, in all and by address.
#[derive(Clone)]
struct Guests {
    all: Arc<Semaphore>,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address: usize,
}

struct Place {
    guests: Guests,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Guests {
    fn new(limits: &Limits) -> Self {
        let all = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Self {
            all,
            by_address: Arc::default(),
            per_address: limits.connections_per_address,
        }
    }

    fn admit(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut counts = self.by_address.lock().ok()?;
        let count = counts.entry(address).or_insert(0);
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Place {
            guests: self.clone(),
            address,
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(mut counts) = self.guests.by_address.lock() else {
            return;
        };
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
