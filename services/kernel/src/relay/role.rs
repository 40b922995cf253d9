//! The role's side of a relay: takes questions, lets each run by itself, and sends what they answer.
//!
//! The relay is the body of one answer. Asked for its next frame it takes in what has come and hands out what has been
//! answered meanwhile by any call.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE as TYPE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body::{Body as _, Frame as Part};
use http_body_util::Full;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::answering::{Answering, answer, trailers_of};
use super::running::{Running, Shared};
use super::wire::{Frame, Frames, Garbled};
use super::{CONTENT_TYPE, MOST_CALLS};
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
        let answering = Answering::new(&self.shared, call);
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
