//! Bodies on a link: what goes up, and what comes back.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt;
use h2::{Reason, RecvStream, SendStream};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use tonic::Status;
use tonic::body::Body;

use crate::relay::LONGEST_QUESTION;

/// A request's body, read as far as a relay would take it.
pub(super) enum Question {
    /// All of it.
    Short(Bytes),
    /// There is more than a relay takes.
    Long(Body),
}

impl From<Question> for Body {
    fn from(question: Question) -> Self {
        match question {
            Question::Short(all) => Body::new(Full::new(all)),
            Question::Long(body) => body,
        }
    }
}

/// Reads a body until it is all there, or is too long for a relay.
///
/// # Errors
/// Where it breaks off.
pub(super) async fn question(mut body: Body) -> Result<Question, Status> {
    let mut come: Vec<Bytes> = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await.transpose()? {
        let Ok(data) = frame.into_data() else { break };
        length += data.len();
        come.push(data);
        if length > LONGEST_QUESTION {
            let come = futures::stream::iter(come.into_iter().map(|data| Ok(Frame::data(data))));
            let all = come.chain(BodyStream::new(body));
            return Ok(Question::Long(Body::new(StreamBody::new(all))));
        }
        if body.is_end_stream() {
            break;
        }
    }
    let all = match come.as_slice() {
        [one] => one.clone(),
        several => several.concat().into(),
    };
    Ok(Question::Short(all))
}

/// A request's body on its way. The other side's windows bound what is held here to one frame.
pub(super) struct Upload {
    body: Body,
    stream: SendStream<Bytes>,
    held: Bytes,
}

impl Upload {
    pub(super) fn new(body: Body, stream: SendStream<Bytes>) -> Self {
        let held = Bytes::new();
        Self { body, stream, held }
    }

    /// Sends what can be sent. Ready when all was, or when nobody wants more of it: the answer says why. With a status where
    /// the request itself broke off.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Status>> {
        self.try_poll(context).map(Result::unwrap_or_default)
    }

    fn try_poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Status>, h2::Error>> {
        loop {
            while !self.held.is_empty() {
                if self.stream.capacity() == 0 && ready!(self.stream.poll_capacity(context)).transpose()?.is_none() {
                    return Poll::Ready(Ok(None));
                }
                let fits = self.stream.capacity().min(self.held.len());
                let part = self.held.split_to(fits);
                let last = self.held.is_empty() && self.body.is_end_stream();
                self.stream.send_data(part, last)?;
                if last {
                    return Poll::Ready(Ok(None));
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                None => return Poll::Ready(self.stream.send_data(Bytes::new(), true).map(|()| None)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.stream.reserve_capacity(data.len());
                        self.held = data;
                    }
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        return Poll::Ready(self.stream.send_trailers(trailers).map(|()| None));
                    }
                },
                Some(Err(status)) => {
                    self.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Ok(Some(status)));
                }
            }
        }
    }
}

/// An answer's body as it comes. What of the request is still on its way goes on going up.
pub(super) struct Answer {
    received: RecvStream,
    upload: Option<Upload>,
    data_ended: bool,
}

impl Answer {
    pub(super) fn new(received: RecvStream, upload: Option<Upload>) -> Self {
        let data_ended = received.is_end_stream();
        Self {
            received,
            upload,
            data_ended,
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this
            .upload
            .as_mut()
            .is_some_and(|upload| upload.poll(context).is_ready())
        {
            this.upload = None;
        }
        if !this.data_ended {
            match ready!(this.received.poll_data(context)) {
                Some(Ok(data)) => {
                    let released = this.received.flow_control().release_capacity(data.len());
                    return Poll::Ready(Some(released.map(|()| Frame::data(data)).map_err(super::broken)));
                }
                Some(Err(cause)) => return Poll::Ready(Some(Err(super::broken(cause)))),
                None => this.data_ended = true,
            }
        }
        let trailers = ready!(this.received.poll_trailers(context)).map_err(super::broken);
        Poll::Ready(trailers.transpose().map(|trailers| trailers.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.received.is_end_stream()
    }
}
