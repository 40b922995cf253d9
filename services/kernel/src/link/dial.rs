//! One connection of a link: made when it is needed, watched while it lives.

use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::turn::NextTurn;

/// A connection must be there within.
const CONNECT: Duration = Duration::from_secs(1);
/// A connection is asked so often whether it is alive…
const ASK_EVERY: Duration = Duration::from_millis(600);
/// …and is given up where that is not answered for so long, with every call on it. Both together stay below two seconds.
/// Whatever else comes is no sign of life: requests may be lost where answers still pass.
const GIVE_UP_AFTER: Duration = Duration::from_millis(1_200);
/// Whoever could not look in time finds an answer that has come meanwhile within.
const LAST_LOOK: Duration = Duration::from_millis(100);

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
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let (calls, mut connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
    let pings = connection.ping_pong();
    tokio::spawn(keep(connection, pings));
    Ok(calls)
}

/// Moves the connection's bytes until it ends, or gives no sign of life.
async fn keep(connection: Connection<TcpStream>, pings: Option<PingPong>) {
    let silence = async {
        match pings {
            Some(pings) => until_silent(pings).await,
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

async fn until_silent(mut pings: PingPong) {
    loop {
        sleep(ASK_EVERY).await;
        // Refused only where the last one is not answered yet, which will do as well.
        let _ = pings.send_ping(Ping::opaque());
        let mut answered = timeout(GIVE_UP_AFTER, poll_fn(|context| pings.poll_pong(context))).await;
        if answered.is_err() {
            answered = timeout(LAST_LOOK, poll_fn(|context| pings.poll_pong(context))).await;
        }
        if !matches!(answered, Ok(Ok(_))) {
            return;
        }
    }
}
