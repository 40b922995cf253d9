//! One connection of a link: made when it is needed, watched while it lives.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Ping, PingPong, Reason};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Uri, Version};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::relay::{self, Calls, Ends};
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

/// What one stream may have on its way to us: a relay, which bounds each of its calls itself, or one long question's answer.
const STREAM_WINDOW: u32 = 1 << 20;
/// What all calls of a connection may have on their way to us: no bound of its own. With one, a few streams that nobody
/// reads would use it up and stop every other call on the connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// A connection as calls see it.
pub(super) struct Way {
    /// Calls one by one.
    pub(super) plain: SendRequest<Bytes>,
    /// Many calls together, where the other side knows how.
    pub(super) relay: Option<Calls>,
}

/// The place of one connection.
pub(super) struct Slot {
    place: (String, u16),
    current: Mutex<Option<Arc<Way>>>,
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
    pub(super) async fn ready(&self) -> Result<Arc<Way>, Status> {
        if let Some(way) = self.living().await {
            return Ok(way);
        }
        let _turn = self.dialling.lock().await;
        if let Some(way) = self.living().await {
            return Ok(way);
        }
        let dialled = timeout(CONNECT, dial(&self.place)).await;
        let lost = |cause: io::Error| Status::unavailable(format!("no connection: {cause}"));
        let way = dialled
            .map_err(|_| Status::unavailable("no connection in time"))?
            .map_err(lost)?;
        let way = Arc::new(way);
        if let Ok(mut current) = self.current.lock() {
            *current = Some(Arc::clone(&way));
        }
        Ok(way)
    }

    async fn living(&self) -> Option<Arc<Way>> {
        let way = Arc::clone(self.current.lock().ok()?.as_ref()?);
        let lives = match &way.relay {
            Some(calls) => calls.are_taken(),
            None => way.plain.clone().ready().await.is_ok(),
        };
        lives.then_some(way)
    }
}

async fn dial((host, port): &(String, u16)) -> io::Result<Way> {
    let socket = TcpStream::connect((host.as_str(), *port)).await?;
    socket.set_nodelay(true)?;
    let mut builder = h2::client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let (plain, mut connection) = builder.handshake(socket).await.map_err(io::Error::other)?;
    let pings = connection.ping_pong();
    let ends = open_relay(&plain, &mut connection).await.map_err(io::Error::other)?;
    let relay = ends.as_ref().map(Ends::calls);
    tokio::spawn(keep(Moving { connection, ends }, pings));
    Ok(Way { plain, relay })
}

/// Opens a relay. None where the other side does not know it: an older one, or none of ours.
async fn open_relay(
    calls: &SendRequest<Bytes>,
    connection: &mut Connection<TcpStream>,
) -> Result<Option<Ends>, h2::Error> {
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(relay::PLACE);
    *request.version_mut() = Version::HTTP_2;
    let speaks = HeaderValue::from_static(relay::CONTENT_TYPE);
    request.headers_mut().insert(CONTENT_TYPE, speaks);
    let mut calls = calls.clone();
    let (mut response, questions) = poll_fn(|context| {
        let ended = Pin::new(&mut *connection).poll(context)?;
        if ended.is_ready() {
            Poll::Ready(Err(gone()))
        } else {
            calls.poll_ready(context)
        }
    })
    .await
    .and_then(|()| calls.send_request(request, false))?;
    let response = poll_fn(|context| {
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(Err(ended.err().unwrap_or_else(gone)));
        }
        Pin::new(&mut response).poll(context)
    })
    .await?;
    let knows = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value == relay::CONTENT_TYPE);
    Ok(knows.then(|| Ends::new(questions, response.into_body())))
}

fn gone() -> h2::Error {
    Reason::NO_ERROR.into()
}

/// A connection and the relay on it, which may be over first: others may still be on the connection.
struct Moving {
    connection: Connection<TcpStream>,
    ends: Option<Ends>,
}

impl Future for Moving {
    type Output = Result<(), h2::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, ends } = &mut *self;
        if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
            return Poll::Ready(ended);
        }
        let Some(relay) = ends else { return Poll::Pending };
        if relay.poll(context).is_ready() {
            *ends = None;
        }
        // What the relay had to say goes out in the same turn.
        Pin::new(connection).poll(context)
    }
}

/// Moves the connection's bytes until it ends, or gives no sign of life.
async fn keep(moving: Moving, pings: Option<PingPong>) {
    let silence = async {
        match pings {
            Some(pings) => until_silent(pings).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = NextTurn::new(moving) => {
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
