//! One connection of a link: made when it is needed, watched while it lives.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Status;

use crate::turn::NextTurn;

/// A connection must be there within.
const CONNECT: Duration = Duration::from_secs(1);
/// A connection on which nothing comes is asked whether it is alive after this long…
const ASK_AFTER: Duration = Duration::from_millis(600);
/// …and is given up without a sign for this long, with every call on it. Both together stay below two seconds.
const GIVE_UP_AFTER: Duration = Duration::from_millis(1_200);

/// What one call may have on its way to us: what a stream costs here that nobody reads (RELIABILITY R-19).
const STREAM_WINDOW: u32 = 32 << 10;
/// What all calls of a connection may have on their way to us: no bound of its own. With one, a few streams that nobody
/// reads would use it up and stop every other call on the connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The place of one connection.
pub(super) struct Slot {
    place: (String, u16),
    current: Mutex<Option<SendRequest<Bytes>>>,
    dialling: tokio::sync::Mutex<()>,
}

impl Slot {
    pub(super) fn new(place: (String, u16)) -> Self {
        Self {
            place,
            current: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        }
    }

    /// A connection that takes a call now. Many who wait for a new one wait for the same one.
    pub(super) async fn ready(&self) -> Result<SendRequest<Bytes>, Status> {
        if let Some(connection) = self.living().await {
            return Ok(connection);
        }
        let _turn = self.dialling.lock().await;
        if let Some(connection) = self.living().await {
            return Ok(connection);
        }
        let dialled = timeout(CONNECT, dial(&self.place)).await;
        let lost = |cause: io::Error| Status::unavailable(format!("no connection: {cause}"));
        let connection = dialled
            .map_err(|_| Status::unavailable("no connection in time"))?
            .map_err(lost)?;
        if let Ok(mut current) = self.current.lock() {
            *current = Some(connection.clone());
        }
        Ok(connection)
    }

    async fn living(&self) -> Option<SendRequest<Bytes>> {
        let connection = self.current.lock().ok()?.clone()?;
        connection.ready().await.ok()
    }
}

async fn dial((host, port): &(String, u16)) -> io::Result<SendRequest<Bytes>> {
    let socket = TcpStream::connect((host.as_str(), *port)).await?;
    socket.set_nodelay(true)?;
    let heard = Heard::now();
    let socket = Hearing {
        inner: socket,
        heard: heard.clone(),
    };
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let (calls, mut connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
    let pings = connection.ping_pong();
    tokio::spawn(keep(connection, pings, heard));
    Ok(calls)
}

/// Moves the connection's bytes until it ends, or gives no sign of life.
async fn keep(connection: Connection<Hearing>, pings: Option<PingPong>, heard: Heard) {
    let silence = async {
        match pings {
            Some(pings) => until_silent(pings, &heard).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = NextTurn::new(connection) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection to a role ended");
            }
        }
        () = silence => tracing::warn!("a role gives no sign of life; its connection is given up"),
    }
}

async fn until_silent(mut pings: PingPong, heard: &Heard) {
    loop {
        let last = heard.last();
        sleep_until(last + ASK_AFTER).await;
        if heard.last() > last {
            continue;
        }
        // Refused only where the last one is not answered yet, which will do as well.
        let _ = pings.send_ping(Ping::opaque());
        let answered = timeout(GIVE_UP_AFTER, poll_fn(|context| pings.poll_pong(context))).await;
        // Whatever came in the meantime is a sign of life, too.
        if heard.last() <= last && !matches!(answered, Ok(Ok(_))) {
            return;
        }
    }
}

/// When bytes last came. Cheap to clone; all clones know the same.
#[derive(Clone)]
struct Heard {
    born: Instant,
    /// In milliseconds after that.
    last: Arc<AtomicU64>,
}

impl Heard {
    fn now() -> Self {
        let (born, last) = (Instant::now(), Arc::default());
        Self { born, last }
    }

    fn last(&self) -> Instant {
        self.born + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }

    fn note(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }
}

/// Notes that bytes came.
struct Hearing {
    inner: TcpStream,
    heard: Heard,
}

impl AsyncRead for Hearing {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, into);
        if into.filled().len() > before {
            self.heard.note();
        }
        outcome
    }
}

impl AsyncWrite for Hearing {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
