//! The caller's side of a relay: hands questions over, and each answer to who waits for it.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use tonic::Status;
use tonic::body::Body;

use super::MUCH;
use super::bodies::{Coming, Whole};
use super::wire::{Frame, Garbled, put_ask};

/// The calls on one relay. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) out: BytesMut,
    /// Who sends, where it waits for something to send.
    pub(super) sender: Option<Waker>,
    pub(super) asked: HashMap<u64, Waiting>,
    last: u64,
    /// No new question is taken.
    pub(super) leaves: bool,
}

/// An answer as far as it has come.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) waker: Option<Waker>,
    has_begun: bool,
    head: Option<(StatusCode, HeaderMap)>,
    pub(super) pieces: VecDeque<Bytes>,
    pub(super) end: Option<Result<HeaderMap, Status>>,
}

impl State {
    pub(super) fn put(&mut self, call: u64, frame: &Frame) {
        frame.put(call, &mut self.out);
        self.wake_sender();
    }

    pub(super) fn wake_sender(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    /// What came of one call. What nobody waits for any more is dropped.
    pub(super) fn take(&mut self, call: u64, frame: Frame) -> Result<(), Garbled> {
        if frame == Frame::Leave {
            self.leaves = true;
            return Ok(());
        }
        let Some(waiting) = self.asked.get_mut(&call) else {
            return Ok(());
        };
        match frame {
            Frame::Answer {
                status,
                headers,
                data,
                trailers,
            } => {
                waiting.has_begun = true;
                waiting.head = Some((status, headers));
                if !data.is_empty() {
                    waiting.pieces.push_back(data);
                }
                waiting.end = trailers.map(Ok);
            }
            Frame::Piece(data) => waiting.pieces.push_back(data),
            // An end without a beginning is an answer that has nothing but a status.
            Frame::End(trailers) if !waiting.has_begun => {
                waiting.head = Some((StatusCode::OK, trailers));
                waiting.end = Some(Ok(HeaderMap::new()));
            }
            Frame::End(trailers) => waiting.end = Some(Ok(trailers)),
            Frame::Unreadable => waiting.end = Some(Err(Status::unavailable("a role's answer is not to be read"))),
            _ => return Err(Garbled),
        }
        if let Some(waker) = waiting.waker.take() {
            waker.wake();
        }
        Ok(())
    }
}

impl Calls {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a new question may be asked.
    pub(crate) fn are_taken(&self) -> bool {
        !self.state().leaves
    }

    /// Asks what [fits](super::fits). None where this relay takes no question now.
    pub(crate) fn ask(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Asked> {
        let mut state = self.state();
        if state.leaves || state.out.len() > MUCH {
            return None;
        }
        state.last += 1;
        let call = state.last;
        put_ask(call, path.as_bytes(), headers, body, &mut state.out);
        state.asked.insert(call, Waiting::default());
        state.wake_sender();
        drop(state);
        let place = Place {
            calls: self.clone(),
            call,
        };
        Some(Asked(Some(place)))
    }

    /// The relay is lost, with every call on it.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        state.leaves = true;
        for waiting in state.asked.values_mut() {
            // What has come whole is an answer.
            let lost = || Err(Status::unavailable("the connection to a role was lost"));
            waiting.end.get_or_insert_with(lost);
            if let Some(waker) = waiting.waker.take() {
                waker.wake();
            }
        }
    }
}

/// A call's place on a relay. Dropped before its answer has come, it is taken back.
pub(super) struct Place {
    pub(super) calls: Calls,
    pub(super) call: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.calls.state();
        let waiting = state.asked.remove(&self.call);
        if waiting.is_some_and(|waiting| waiting.end.is_none()) {
            state.put(self.call, &Frame::Cancel);
        }
        // Whoever leaves goes when the last one has gone.
        if state.leaves && state.asked.is_empty() {
            state.wake_sender();
        }
    }
}

/// A question on its way; the answer's beginning is what it becomes.
pub(crate) struct Asked(Option<Place>);

impl Future for Asked {
    type Output = Result<Response<Body>, Status>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lost = || Status::unavailable("the answer was taken before");
        let Some(place) = &self.0 else {
            return Poll::Ready(Err(lost()));
        };
        let mut state = place.calls.state();
        let Some(waiting) = state.asked.get_mut(&place.call) else {
            return Poll::Ready(Err(lost()));
        };
        let Some((status, headers)) = waiting.head.take() else {
            if let Some(Err(status)) = &waiting.end {
                return Poll::Ready(Err(status.clone()));
            }
            waiting.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        let whole = match &mut waiting.end {
            Some(Ok(trailers)) if waiting.pieces.len() <= 1 => Some(Whole {
                data: waiting.pieces.pop_front().unwrap_or_default(),
                trailers: std::mem::take(trailers),
            }),
            _ => None,
        };
        drop(state);
        let body = match (whole, self.0.take()) {
            (None, Some(place)) => Body::new(Coming::new(place)),
            (whole, _) => whole.map_or_else(Body::empty, Body::new),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Poll::Ready(Ok(response))
    }
}
