//! The caller's side of a relay: hands questions over, and each answer to who waits for it.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Frame as Part, SizeHint};
use tonic::Status;
use tonic::body::Body;

use super::wire::{Frame, Frames, Garbled, put_ask};
use super::{MUCH, WINDOW};

/// The calls on one relay. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    out: BytesMut,
    /// Who sends, where it waits for something to send.
    sender: Option<Waker>,
    asked: HashMap<u64, Waiting>,
    last: u64,
    /// No new question is taken.
    leaves: bool,
}

/// An answer as far as it has come.
#[derive(Default)]
struct Waiting {
    waker: Option<Waker>,
    has_begun: bool,
    head: Option<(StatusCode, HeaderMap)>,
    pieces: VecDeque<Bytes>,
    end: Option<Result<HeaderMap, Status>>,
}

impl State {
    fn put(&mut self, call: u64, frame: &Frame) {
        frame.put(call, &mut self.out);
        self.wake_sender();
    }

    fn wake_sender(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.wake();
        }
    }

    /// What came of one call. What nobody waits for any more is dropped.
    fn take(&mut self, call: u64, frame: Frame) -> Result<(), Garbled> {
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
    fn state(&self) -> MutexGuard<'_, State> {
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
    fn lose(&self) {
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
struct Place {
    calls: Calls,
    call: u64,
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
            (None, Some(place)) => Body::new(Coming { place, taken: 0 }),
            (whole, _) => whole.map_or_else(Body::empty, Body::new),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Poll::Ready(Ok(response))
    }
}

/// The body of an answer that is there as a whole.
struct Whole {
    data: Bytes,
    trailers: HeaderMap,
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
struct Coming {
    place: Place,
    /// So much was taken and is not granted anew yet.
    taken: usize,
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

/// Both ends of the stream that the calls share. Whoever moves the connection moves them.
pub(crate) struct Ends {
    calls: Calls,
    questions: SendStream<Bytes>,
    answers: RecvStream,
    frames: Frames,
    said_all: bool,
}

impl Ends {
    pub(crate) fn new(questions: SendStream<Bytes>, answers: RecvStream) -> Self {
        Self {
            calls: Calls::default(),
            questions,
            answers,
            frames: Frames::default(),
            said_all: false,
        }
    }

    /// The calls that go this way.
    pub(crate) fn calls(&self) -> Calls {
        self.calls.clone()
    }

    /// Takes in what has come and sends what is to be sent. Ready when the relay is over.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.poll_answers(context) {
            Poll::Pending => self.poll_questions(context).map(|_| ()),
            Poll::Ready(_) => Poll::Ready(()),
        }
    }

    fn poll_answers(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        loop {
            let Poll::Ready(came) = self.answers.poll_data(context) else {
                return Poll::Pending;
            };
            let Some(data) = came.transpose()? else {
                return Poll::Ready(Ok(()));
            };
            self.answers.flow_control().release_capacity(data.len())?;
            self.frames.take(&data);
            if self.take_frames().is_err() {
                tracing::warn!("a role's relay is not to be understood; its connection is given up");
                return Poll::Ready(Ok(()));
            }
        }
    }

    fn take_frames(&mut self) -> Result<(), Garbled> {
        let mut state = self.calls.state();
        while let Some((call, frame)) = self.frames.next()? {
            state.take(call, frame)?;
        }
        Ok(())
    }

    fn poll_questions(&mut self, context: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let mut state = self.calls.state();
        while !state.out.is_empty() {
            self.questions.reserve_capacity(state.out.len());
            let mut room = self.questions.capacity();
            if room == 0 {
                match self.questions.poll_capacity(context) {
                    Poll::Pending => break,
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Ready(Some(more)) => room = more?,
                }
            }
            let length = room.min(state.out.len());
            let part = state.out.split_to(length).freeze();
            self.questions.send_data(part, false)?;
        }
        if state.leaves && !self.said_all && state.asked.is_empty() && state.out.is_empty() {
            self.said_all = true;
            self.questions.send_data(Bytes::new(), true)?;
        }
        state.sender = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.calls.lose();
    }
}
