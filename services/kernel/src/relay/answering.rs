//! How one call on a relay says what it answers: in one frame where all of it is there at once, piece by piece otherwise.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame as Part};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::running::Shared;
use super::wire::{Frame, length_of};
use super::{LONGEST_HEADERS, PIECE};
use crate::error::Error;

/// Lets one call run, and sends what it answers.
pub(super) async fn answer<S>(mut service: S, request: Request<Body>, answering: Answering)
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
pub(super) struct Answering {
    shared: Arc<Shared>,
    call: u64,
}

impl Answering {
    pub(super) fn new(shared: &Arc<Shared>, call: u64) -> Self {
        let shared = Arc::clone(shared);
        Self { shared, call }
    }

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
        let last = match whole {
            Some(trailers) if first.len() <= PIECE => begins(first, Some(trailers)),
            whole => {
                self.shared.send(self.call, &begins(Bytes::new(), None));
                self.pieces(first).await;
                Frame::End(match whole {
                    Some(trailers) => trailers,
                    None => self.rest_of(body).await,
                })
            }
        };
        self.shared.end(self.call, &last);
    }

    async fn rest_of(&self, mut body: Body) -> HeaderMap {
        loop {
            match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
                // What broke off has no end that could be told: whoever waits sees that.
                None | Some(Err(_)) => return HeaderMap::new(),
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

/// A status as what follows an answer's body.
pub(super) fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    // Fails only for a message that is no header, and then says so.
    let _ = status.add_header(&mut trailers);
    trailers
}
