//! Bodies with bounds: so many bytes on the way in, so much time on the way out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use crate::error::Error;

/// A request's message has at most so many bytes. No method takes more than one message.
pub const LARGEST_MESSAGE: usize = 1 << 20;
/// What gRPC puts before a message.
const PREFIX: usize = 5;

/// Reads no more of a request than a message may have.
pub(super) fn bounded(request: Request<Body>) -> Request<Body> {
    request.map(|body| {
        let limited = Limited::new(body, LARGEST_MESSAGE + PREFIX);
        Body::new(limited.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => Status::out_of_range("too large"),
            Err(other) => Status::from_error(other),
        }))
    })
}

/// Ends a response with `DEADLINE_EXCEEDED` when its time is over and it is not: `tokio::time::timeout` around a handler
/// bounds the time until a stream begins, not the stream.
pub fn ends_by(response: Response<Body>, end: Instant) -> Response<Body> {
    if response.body().is_end_stream() {
        return response;
    }
    response.map(|body| {
        Body::new(Timed {
            body: Some(body),
            end: Box::pin(sleep_until(end)),
        })
    })
}

struct Timed {
    body: Option<Body>,
    end: Pin<Box<Sleep>>,
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        ready!(self.end.as_mut().poll(cx));
        // Dropping the body tells whoever fills it to stop.
        self.body = None;
        let mut trailers = HeaderMap::new();
        let status = Error::deadline().to_status();
        Poll::Ready(Some(
            status.add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt;
    use http_body_util::{Full, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_at_its_deadline_and_says_so() {
        let one = Ok::<_, Status>(Frame::data(Bytes::from_static(b"one")));
        let endless = futures::stream::iter([one]).chain(futures::stream::pending());
        let response = Response::new(Body::new(StreamBody::new(endless)));
        let end = Instant::now() + Duration::from_millis(50);
        let collected = ends_by(response, end).into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap().clone();
        assert!(Instant::now() >= end);
        assert_eq!(collected.to_bytes(), "one");
        assert_eq!(trailers.get("grpc-status").unwrap(), "4");
        assert!(trailers.contains_key("grpc-status-details-bin"));
    }

    #[tokio::test]
    async fn an_answer_in_time_stays_as_it_is() {
        let response = Response::new(Body::new(Full::new(Bytes::from_static(b"answer"))));
        let response = ends_by(response, Instant::now() + Duration::from_secs(9));
        let collected = response.into_body().collect().await.unwrap();
        assert!(collected.trailers().is_none());
        assert_eq!(collected.to_bytes(), "answer");
    }

    #[tokio::test]
    async fn more_than_a_message_is_not_read() {
        let read = async |length: usize| {
            let request = Request::new(Body::new(Full::new(Bytes::from(vec![0; length]))));
            bounded(request)
                .into_body()
                .collect()
                .await
                .map(|all| all.to_bytes().len())
                .map_err(|status| status.code())
        };
        assert_eq!(read(LARGEST_MESSAGE + PREFIX).await, Ok(LARGEST_MESSAGE + PREFIX));
        assert_eq!(read(LARGEST_MESSAGE + PREFIX + 1).await, Err(tonic::Code::OutOfRange));
    }
}
