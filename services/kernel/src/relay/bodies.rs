//! The bodies of answers that came over a relay.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame as Part, SizeHint};
use tonic::Status;

use super::WINDOW;
use super::caller::Place;
use super::wire::Frame;

/// The body of an answer that is there as a whole.
pub(super) struct Whole {
    pub(super) data: Bytes,
    pub(super) trailers: HeaderMap,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Part<Bytes>, Status>>> {
        if !self.data.is_empty() {
            return Poll::Ready(Some(Ok(Part::data(std::mem::take(&mut self.data)))));
        }
        let trailers = std::mem::take(&mut self.trailers);
        Poll::Ready((!trailers.is_empty()).then(|| Ok(Part::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_empty()
    }

    /// At most what is here. Not exactly: that would be said to the client, whom gRPC tells with each message. Without
    /// trailers an answer is not whole, and nothing is said of it.
    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        if !self.trailers.is_empty() {
            hint.set_upper(self.data.len() as u64);
        }
        hint
    }
}

/// The body of an answer of which more is to come.
pub(super) struct Coming {
    place: Place,
    /// So much was taken and is not granted anew yet.
    taken: usize,
}

impl Coming {
    pub(super) fn new(place: Place) -> Self {
        Self { place, taken: 0 }
    }
}

impl http_body::Body for Coming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part<Bytes>, Status>>> {
        let this = &mut *self;
        let call = this.place.call;
        let mut state = this.place.calls.state();
        let Some(waiting) = state.asked.get_mut(&call) else {
            return Poll::Ready(None);
        };
        if let Some(data) = waiting.pieces.pop_front() {
            this.taken += data.len();
            if this.taken >= WINDOW / 2 && waiting.end.is_none() {
                let granted = std::mem::take(&mut this.taken);
                state.put(call, &Frame::Grant(u32::try_from(granted).unwrap_or(u32::MAX)));
            }
            return Poll::Ready(Some(Ok(Part::data(data))));
        }
        let Some(end) = waiting.end.take() else {
            waiting.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        state.asked.remove(&call);
        if state.leaves {
            state.wake_sender();
        }
        Poll::Ready(match end {
            Ok(trailers) if trailers.is_empty() => None,
            end => Some(end.map(Part::trailers)),
        })
    }
}
