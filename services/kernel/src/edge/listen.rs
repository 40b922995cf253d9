//! Accepting connections: bounded in number, in time and in size, and drained when the process stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::Service;

use super::conduct::{Conduct, Watched};
use super::conducted::Conducted;
use super::guests::{Guests, Place};
use super::turnstile::Turnstile;
use super::{Limits, ReloadingTls};
use crate::turn::NextTurn;

/// Who was asked to end, and has nothing running, may still say goodbye for so long.
const GOODBYE: Duration = Duration::from_secs(1);

/// What waits for a client that does not read, on each stream, before whoever fills the stream waits too. In bytes.
const SEND_BUFFER: usize = 16 << 10;

/// So many requests may be taken back before we have looked at them, on the connection that a gateway has for everybody.
const RESET_UNSEEN: u64 = 10_000;

/// A request's headers, as HTTP/2 counts them (G-05).
const HEADERS: u32 = 16 << 10;
/// What a gateway adds to them.
const OF_GATEWAY: u32 = 4 << 10;

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
    let limits = limits.settled();
    let guests = Guests::new(&limits);
    let connections = TaskTracker::new();
    let hard_stop = CancellationToken::new();
    let turnstile = Arc::new(Turnstile::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((socket, address)) = accepted else {
            // Out of file descriptors, most likely; a short pause lets some go.
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = guests.admit(address.ip()) else {
            continue;
        };
        let connection = Connection {
            place,
            address,
            accepted: Instant::now(),
            service: service.clone(),
            limits: limits.clone(),
            turnstile: Arc::clone(&turnstile),
            stop: stop.clone(),
            hard_stop: hard_stop.clone(),
        };
        // In a box, as what it opens: of a connection that lasts for hours only what it is doing now takes room.
        let opening = Box::pin(connection.open(socket, tls.clone()));
        connections.spawn(async move {
            if let Some(talk) = opening.await {
                talk.await;
            }
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
    place: Place,
    address: SocketAddr,
    accepted: Instant,
    service: S,
    limits: Limits,
    turnstile: Arc<Turnstile>,
    /// It is to end in peace.
    stop: CancellationToken,
    /// It is to end now.
    hard_stop: CancellationToken,
}

/// How a connection is to end.
enum End {
    InPeace,
    Now,
}

impl<S> Connection<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    /// Waits until the client speaks, and greets it where there is TLS. None where it does not come to that in time.
    async fn open(mut self, socket: TcpStream, tls: Option<ReloadingTls>) -> Option<BoxFuture<'static, ()>> {
        let _ = socket.set_nodelay(true);
        if let Some(from) = self.place.from {
            tokio::select! {
                () = sleep_until(from) => {}
                () = self.hard_stop.cancelled() => return None,
            }
            self.accepted = self.accepted.max(from);
        }
        let speaks = tokio::select! {
            speaks = timeout_at(self.opened_by(), speaks(&socket)) => speaks.unwrap_or(false),
            () = self.hard_stop.cancelled() => false,
        };
        if !speaks {
            return None;
        }
        let spoke = Instant::now();
        tokio::select! {
            () = self.turnstile.pass() => {}
            () = self.hard_stop.cancelled() => return None,
        }
        // Whoever had to wait for us has not been slow.
        self.accepted += spoke.elapsed();
        let Some(tls) = tls else {
            return Some(Box::pin(self.talk(socket)));
        };
        let greeted = tokio::select! {
            greeted = timeout_at(self.opened_by(), tls.acceptor()?.accept(socket)) => greeted.ok()?,
            () = self.hard_stop.cancelled() => return None,
        };
        Some(Box::pin(self.talk(greeted.ok()?)))
    }

    /// One deadline for the first bytes and for the greeting, so that one cannot be had after the other.
    fn opened_by(&self) -> Instant {
        self.accepted + self.limits.first_bytes
    }

    async fn talk(self, io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let conduct = Conduct::new(&self.limits);
        let service = Conducted {
            inner: self.service,
            conduct: Arc::clone(&conduct),
            peer: Peer(self.address),
        };
        let io = TokioIo::new(Watched::new(io, Arc::clone(&conduct)));
        let builder = settings(&self.limits);
        let connection = builder.serve_connection(io, TowerToHyperService::new(service));
        tokio::pin!(connection);
        let silent = async {
            sleep_until(self.accepted + self.limits.first_request).await;
            if conduct.has_asked() {
                std::future::pending::<()>().await;
            }
        };
        let end = async {
            tokio::select! {
                () = conduct.cut.cancelled() => {
                    self.place.was_cut();
                    End::Now
                }
                () = self.hard_stop.cancelled() => End::Now,
                () = self.stop.cancelled() => End::InPeace,
                () = conduct.retire.cancelled() => End::InPeace,
                () = silent => End::InPeace,
                () = sleep(age(&self.limits, self.address)) => End::InPeace,
            }
        };
        // A crowd of one, which is asked only when it has been woken, and not with every packet.
        let mut end = FuturesUnordered::from_iter([end]);
        tokio::select! {
            ended = NextTurn::new(connection.as_mut()) => {
                if ended.is_err_and(|error| was_too_much(&*error)) {
                    conduct.cut_for("too_much");
                    self.place.was_cut();
                }
                return;
            }
            Some(end) = end.next() => if matches!(end, End::Now) { return },
        }
        connection.as_mut().graceful_shutdown();
        conduct.leaving.cancel();
        // Requests in flight may end; then, or when the grace is over, a connection that does not close is cut.
        let last = async {
            let end = Instant::now() + self.limits.grace;
            while Instant::now() < end {
                sleep(GOODBYE.min(self.limits.grace)).await;
                if conduct.is_idle() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = NextTurn::new(connection) => {}
            () = conduct.cut.cancelled() => self.place.was_cut(),
            () = self.hard_stop.cancelled() => {}
            () = last => {}
        }
    }
}

/// Whether the HTTP/2 library ended a connection since the client did too much of something, such as taking requests back.
fn was_too_much(error: &(dyn std::error::Error + 'static)) -> bool {
    let calm = |error: &h2::Error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM);
    let mut causes = std::iter::successors(Some(error), |cause| cause.source());
    causes.any(|cause| cause.downcast_ref().is_some_and(calm))
}

/// Up to a tenth longer, by the client's port, so that those who came together do not all come again together.
fn age(limits: &Limits, client: SocketAddr) -> Duration {
    limits.connection_age + limits.connection_age / 1000 * u32::from(client.port() % 100)
}

fn settings(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    if !limits.http1 {
        builder = builder.http2_only();
    }
    // What one client takes back must not end the connection that a gateway has for everybody.
    // And a gateway says more of a request than the client did, who may have said all that is allowed.
    let (reset_by_us, headers) = if limits.faces_gateway() {
        (None, HEADERS + OF_GATEWAY)
    } else {
        (Some(256), HEADERS)
    };
    // As many as may be taken back at all (G-02): many give up in the same moment when we are busy.
    let reset_unseen = usize::try_from(limits.resets.min(RESET_UNSEEN)).ok();
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(limits.connection_window)
        .max_header_list_size(headers)
        .max_pending_accept_reset_streams(reset_unseen)
        .max_local_error_reset_streams(reset_by_us)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.first_request)
        .max_buf_size(16 * 1024);
    builder
}

/// Waits for the first bytes. A socket that says nothing, or only half of the HTTP/2 preface, is not kept.
async fn speaks(socket: &TcpStream) -> bool {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
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
            sleep(Duration::from_millis(20)).await;
        }
        known = count;
    }
}
