//! Every request of a connection, on its connection's record.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::Peer;
use super::conduct::{Conduct, Stay};
use crate::error::Error;
use crate::relay;

/// What frames of HTTP/2 cost beside what they carry.
const FRAME: u64 = 32;
/// What a request may have sent of a body that nobody reads: a stream's window.
const UNREAD: u64 = 64 << 10;
/// Who was answered before all was said may finish within so long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Marks an answer (in its extensions) that refuses somebody who asks for more than his share: who is told so again and
/// again on a connection waits for it, so that asking on costs us next to nothing.
#[derive(Debug, Clone, Copy)]
pub struct OverShare;

/// A service whose requests are on the record.
#[derive(Clone)]
pub(super) struct Conducted<S> {
    pub(super) inner: S,
    pub(super) conduct: Arc<Conduct>,
    pub(super) peer: Peer,
}

impl<S> Service<Request<Incoming>> for Conducted<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        self.conduct.justify(header_bytes(&request));
        let (peer, mut inner) = (self.peer, self.inner.clone());
        let Some(mut stay) = self.conduct.begin() else {
            let busy = Error::exhausted(
                "TOO_MANY_REQUESTS",
                "too many requests at once on this connection",
                Duration::from_millis(100),
            );
            hear_out(request.into_body(), &self.conduct);
            return Box::pin(async move { Ok(busy.to_status().into_http()) });
        };
        Box::pin(async move {
            let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
            if path > stay.conduct().limits.path {
                stay.complete();
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::URI_TOO_LONG;
                return Ok(response);
            }
            let conduct = Arc::clone(stay.conduct());
            let answered = Arc::new(AtomicBool::new(false));
            let mut request = request.map(|body| Body::new(Paced::new(body, conduct, Arc::clone(&answered))));
            request.extensions_mut().insert(peer);
            poll_fn(|context| inner.poll_ready(context)).await?;
            let of_gateway = stay.conduct().limits.faces_gateway();
            let response = if of_gateway && request.uri().path() == relay::PATH {
                relay::open(inner, request, stay.conduct().leaving.clone())
            } else {
                inner.call(request).await?
            };
            if response.extensions().get::<OverShare>().is_some()
                && let Some(wait) = stay.conduct().refused()
            {
                sleep(wait).await;
            }
            answered.store(true, Ordering::Relaxed);
            Ok(response.map(|body| Body::new(Staying { inner: body, stay })))
        })
    }
}

fn header_bytes<B>(request: &Request<B>) -> u64 {
    let headers: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    (headers + path) as u64 + 128
}

/// A request's body that must come at a decent pace (G-03). Only the time that somebody waits for it counts, and only until
/// the answer begins: whoever talks in both directions, as tools do with reflection, may be silent in between.
struct Paced {
    /// Until it is dropped.
    inner: Option<Incoming>,
    conduct: Arc<Conduct>,
    answered: Arc<AtomicBool>,
    bytes: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    fn new(inner: Incoming, conduct: Arc<Conduct>, answered: Arc<AtomicBool>) -> Self {
        Self {
            inner: Some(inner),
            conduct,
            answered,
            bytes: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    fn patience(&self) -> Duration {
        let limits = &self.conduct.limits;
        (limits.body_wait + Duration::from_secs(self.bytes / limits.body_rate.max(1))).saturating_sub(self.waited)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(inner).poll_frame(context) {
            Poll::Ready(frame) => {
                if let Some((since, _)) = self.waiting.take() {
                    self.waited += since.elapsed();
                }
                if let Some(Ok(frame)) = &frame {
                    let came = frame.data_ref().map_or(0, Buf::remaining) as u64;
                    self.bytes += came;
                    self.conduct.justify(came + FRAME);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending if self.answered.load(Ordering::Relaxed) => {
                self.waiting = None;
                Poll::Pending
            }
            Poll::Pending => {
                let patience = self.patience();
                let (_, sleep) = self
                    .waiting
                    .get_or_insert_with(|| (Instant::now(), Box::pin(tokio::time::sleep(patience))));
                if sleep.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                // The others on this connection may end; it gets no new requests.
                self.conduct.retire.cancel();
                let slow = Error::new(
                    tonic::Code::DeadlineExceeded,
                    "SLOW_REQUEST",
                    "the request came too slowly",
                );
                Poll::Ready(Some(Err(Box::new(Status::from(slow)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        if let Some(unread) = self.inner.take().filter(|body| !body.is_end_stream()) {
            hear_out(unread, &self.conduct);
        }
    }
}

/// Listens for a while to a body that nobody reads. The library would forget the request, take what was on its way by then
/// for a fault of the client's, and end the connection after 256 of them: whoever is refused often while we are busy, and
/// comes again as told, would lose all that is under way.
fn hear_out(body: Incoming, conduct: &Arc<Conduct>) {
    // What may be on its way when we stop listening.
    conduct.justify(UNREAD);
    let mut rest = Box::pin(rest_of(body, Arc::clone(conduct)));
    // Mostly it is all here, or was taken back.
    if rest.as_mut().now_or_never().is_some() {
        return;
    }
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(timeout(LAST_WORDS, rest));
    }
}

async fn rest_of(mut body: Incoming, conduct: Arc<Conduct>) {
    let mut heard = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let came = FRAME + frame.data_ref().map_or(0, Buf::remaining) as u64;
        conduct.justify(came);
        heard += came;
        if heard > UNREAD {
            return;
        }
    }
}

/// An answer's body; its request is over when it is.
struct Staying {
    inner: Body,
    stay: Stay,
}

impl HttpBody for Staying {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        // After trailers nothing comes, and nobody asks.
        match &frame {
            Poll::Ready(Some(Ok(part))) if !part.is_trailers() => {}
            Poll::Ready(_) => self.stay.complete(),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Staying {
    fn drop(&mut self) {
        // Nobody polls an empty body, nor one that has said that it is at its end.
        if self.inner.is_end_stream() {
            self.stay.complete();
        }
    }
}
