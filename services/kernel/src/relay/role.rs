//! The role's side of a relay: takes questions, lets each run by itself, and sends what they answer.
//!
//! The relay is the body of one answer. Asked for its next frame it takes in what has come and hands out what has been
//! answered meanwhile by any call.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE as TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::{Body as _, Frame as Part};
use http_body_util::Full;
use tokio::task::AbortHandle;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::wire::{Frame, Frames, Garbled, length_of};
use super::{CONTENT_TYPE, LONGEST_HEADERS, MOST_CALLS, MUCH, PIECE, WINDOW};
use crate::error::Error;

/// Opens a relay: the answer to this request carries the answers to all that come in its body. `leaving` is cancelled when
/// the connection is asked to end.
pub(crate) fn open<S>(service: S, request: Request<Body>, leaving: CancellationToken) -> Response<Body>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    let relay = Relay {
        service,
        coming: Some(request.into_body()),
        frames: Frames::default(),
        leaving: Some(Box::pin(leaving.cancelled_owned())),
        rested: false,
        shared: Arc::default(),
    };
    let mut response = Response::new(Body::new(relay));
    let speaks = HeaderValue::from_static(CONTENT_TYPE);
    response.headers_mut().insert(TYPE, speaks);
    response
}

/// What the relay and the calls on it share.
#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    out: BytesMut,
    /// The relay's own, where it waits for something to send.
    sender: Option<Waker>,
    /// Those who wait until less is waiting to be sent.
    held_up: Vec<Waker>,
    running: HashMap<u64, Running>,
}

/// A call on its way.
#[derive(Default)]
struct Running {
    task: Option<AbortHandle>,
    /// So much of the answer was sent beyond what was granted.
    owed: usize,
    waits: Option<Waker>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, call: u64, frame: &Frame) {
        self.send_from(self.state(), call, frame);
    }

    /// The last frame of a call.
    fn end(&self, call: u64, frame: &Frame) {
        let mut state = self.state();
        state.running.remove(&call);
        self.send_from(state, call, frame);
    }

    fn send_from(&self, mut state: MutexGuard<'_, State>, call: u64, frame: &Frame) {
        frame.put(call, &mut state.out);
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// Until a piece of this call's answer may be sent.
    fn poll_room(&self, call: u64, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.out.len() >= MUCH {
            state.held_up.push(context.waker().clone());
            return Poll::Pending;
        }
        let Some(running) = state.running.get_mut(&call) else {
            return Poll::Ready(());
        };
        if running.owed + PIECE > WINDOW {
            running.waits = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn owe(&self, call: u64, bytes: usize) {
        if let Some(running) = self.state().running.get_mut(&call) {
            running.owed += bytes;
        }
    }

    fn grant(&self, call: u64, bytes: u32) {
        let mut state = self.state();
        let waits = state.running.get_mut(&call).and_then(|running| {
            running.owed = running.owed.saturating_sub(bytes as usize);
            running.waits.take()
        });
        drop(state);
        if let Some(waits) = waits {
            waits.wake();
        }
    }

    fn cancel(&self, call: u64) {
        let running = self.state().running.remove(&call);
        if let Some(task) = running.and_then(|running| running.task) {
            task.abort();
        }
    }
}

struct Relay<S> {
    service: S,
    /// None once the other side has said its last word.
    coming: Option<Body>,
    frames: Frames,
    /// None once it was said that we leave.
    leaving: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    /// It had nothing to do when it was asked last.
    rested: bool,
    shared: Arc<Shared>,
}

impl<S> Relay<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    fn poll_take(&mut self, context: &mut Context<'_>) -> Result<(), Status> {
        while let Some(coming) = &mut self.coming {
            match Pin::new(coming).poll_frame(context) {
                Poll::Pending => break,
                Poll::Ready(None) => self.coming = None,
                Poll::Ready(Some(Err(status))) => return Err(status),
                Poll::Ready(Some(Ok(frame))) => {
                    self.frames.take(frame.data_ref().map_or(&[][..], |data| data));
                    self.take_frames().map_err(|Garbled| garbled())?;
                }
            }
        }
        Ok(())
    }

    fn take_frames(&mut self) -> Result<(), Garbled> {
        while let Some((call, frame)) = self.frames.next()? {
            match frame {
                Frame::Ask { path, headers, body } => match PathAndQuery::from_maybe_shared(path) {
                    Ok(path) => self.ask(call, path, headers, body)?,
                    Err(_) => self.refuse(call, &garbled()),
                },
                Frame::Unreadable => self.refuse(call, &garbled()),
                Frame::Cancel => self.shared.cancel(call),
                Frame::Grant(bytes) => self.shared.grant(call, bytes),
                _ => return Err(Garbled),
            }
        }
        Ok(())
    }

    fn refuse(&self, call: u64, status: &Status) {
        Frame::End(trailers_of(status)).put(call, &mut self.shared.state().out);
    }

    fn ask(&self, call: u64, path: PathAndQuery, headers: HeaderMap, body: Bytes) -> Result<(), Garbled> {
        let mut request = Request::new(Body::new(Full::new(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path);
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers;
        let mut state = self.shared.state();
        if state.running.contains_key(&call) {
            return Err(Garbled);
        }
        if state.running.len() >= MOST_CALLS {
            drop(state);
            self.refuse(call, &too_many());
            return Ok(());
        }
        state.running.insert(call, Running::default());
        drop(state);
        let shared = Arc::clone(&self.shared);
        let answering = Answering { shared, call };
        let task = tokio::spawn(answer(self.service.clone(), request, answering)).abort_handle();
        if let Some(running) = self.shared.state().running.get_mut(&call) {
            running.task = Some(task);
        }
        Ok(())
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        if let Err(status) = self.poll_take(context) {
            return Poll::Ready(Some(Err(status)));
        }
        if let Some(leaving) = &mut self.leaving
            && leaving.as_mut().poll(context).is_ready()
        {
            self.leaving = None;
            Frame::Leave.put(0, &mut self.shared.state().out);
        }
        let mut state = self.shared.state();
        if state.out.is_empty() {
            if self.coming.is_none() && state.running.is_empty() {
                return Poll::Ready(None);
            }
            state.sender = Some(context.waker().clone());
            return Poll::Pending;
        }
        let out = state.out.split().freeze();
        let held_up = std::mem::take(&mut state.held_up);
        drop(state);
        held_up.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(Ok(out)))
    }
}

// Nothing of it is pinned.
impl<S> Unpin for Relay<S> {}

impl<S> Drop for Relay<S> {
    /// Who asked is gone: nobody waits for any of it.
    fn drop(&mut self) {
        let running = std::mem::take(&mut self.shared.state().running);
        let tasks = running.into_values().filter_map(|running| running.task);
        tasks.for_each(|task| task.abort());
    }
}

fn too_many() -> Status {
    let why = "too many requests at once on this connection";
    Error::exhausted("TOO_MANY_REQUESTS", why, Duration::from_millis(100)).to_status()
}

fn garbled() -> Status {
    Error::new(
        Code::InvalidArgument,
        "GARBLED_RELAY",
        "this is not what a relay carries",
    )
    .to_status()
}

async fn answer<S>(mut service: S, request: Request<Body>, answering: Answering)
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let handled = service.call(request);
    // A stream that begins here may last an hour; it keeps what it needs itself, and no more.
    drop(service);
    let response = match handled.await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    answering.all_of(response).await;
}

/// A call's way to say what it answers. Dropped before the end, it says that no more will come.
struct Answering {
    shared: Arc<Shared>,
    call: u64,
}

impl Answering {
    async fn all_of(self, response: Response<Body>) {
        let (head, mut body) = response.into_parts();
        if length_of(&head.headers) > LONGEST_HEADERS {
            return self.shared.end(self.call, &Frame::End(too_long()));
        }
        let mut first = Bytes::new();
        let whole = poll_fn(|context| Poll::Ready(first_of(&mut body, &mut first, context))).await;
        let begins = |data, trailers| Frame::Answer {
            status: head.status,
            headers: head.headers,
            data,
            trailers,
        };
        if let Some(trailers) = whole.as_ref().filter(|_| first.len() <= PIECE) {
            let trailers = Some(trailers.clone());
            return self.shared.end(self.call, &begins(first, trailers));
        }
        self.shared.send(self.call, &begins(Bytes::new(), None));
        self.pieces(first).await;
        let trailers = match whole {
            Some(trailers) => trailers,
            None => self.rest_of(body).await,
        };
        self.shared.end(self.call, &Frame::End(trailers));
    }

    async fn rest_of(&self, mut body: Body) -> HeaderMap {
        loop {
            match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                None => return HeaderMap::new(),
                // What broke off has no end that could be told: whoever waits sees that.
                Some(Err(_)) => return HeaderMap::new(),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.pieces(data).await,
                    Err(frame) => return bounded(frame),
                },
            }
        }
    }

    async fn pieces(&self, mut data: Bytes) {
        while !data.is_empty() {
            let piece = data.split_to(data.len().min(PIECE));
            poll_fn(|context| self.shared.poll_room(self.call, context)).await;
            self.shared.owe(self.call, piece.len());
            self.shared.send(self.call, &Frame::Piece(piece));
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let unfinished = self.shared.state().running.contains_key(&self.call);
        if unfinished {
            let lost = Error::internal("a call on a relay ended without an answer").to_status();
            self.shared.end(self.call, &Frame::End(trailers_of(&lost)));
        }
    }
}

/// What is there at once, so that it goes together with the head; with what follows it where that is all.
fn first_of(body: &mut Body, first: &mut Bytes, context: &mut Context<'_>) -> Option<HeaderMap> {
    while first.len() <= PIECE {
        match Pin::new(&mut *body).poll_frame(context) {
            Poll::Pending => return None,
            Poll::Ready(None | Some(Err(_))) => return Some(HeaderMap::new()),
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if first.is_empty() => *first = data,
                Ok(data) => *first = [&first[..], &data[..]].concat().into(),
                Err(frame) => return Some(bounded(frame)),
            },
        }
    }
    None
}

fn bounded(trailers: Part<Bytes>) -> HeaderMap {
    let trailers = trailers.into_trailers().unwrap_or_default();
    if length_of(&trailers) > LONGEST_HEADERS {
        too_long()
    } else {
        trailers
    }
}

fn too_long() -> HeaderMap {
    trailers_of(&Error::internal("an answer's headers are longer than a relay carries").to_status())
}

fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails only for a message that is no header, and then says so.
    let _ = status.add_header(&mut trailers);
    trailers
}

impl<S> http_body::Body for Relay<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part<Bytes>, Status>>> {
        // As connections do (`turn.rs`): who is woken first lets those who are ready say what they have.
        if std::mem::take(&mut self.rested) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = self.poll_next(context);
        self.rested = next.is_pending();
        next.map(|next| next.map(|next| next.map(Part::data)))
    }
}
