//! Bodies that say what happened to them (RELIABILITY G-10).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use http_body::{Body as _, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::Error;

/// What gRPC puts before a message.
const PREFIX: usize = 5;

/// Lets one message through and refuses a second one, which the stack below would drop without a word: the caller would
/// believe that both were done. No method of the contract takes a stream.
pub(super) fn single(request: Request<Body>) -> Request<Body> {
    request.map(|body| {
        Body::new(Single {
            body,
            prefix: Vec::with_capacity(PREFIX),
            left: None,
        })
    })
}

struct Single {
    body: Body,
    prefix: Vec<u8>,
    /// Bytes that the message still has; none while its prefix is not known.
    left: Option<usize>,
}

impl Single {
    /// Whether these bytes still belong to the one message.
    fn takes(&mut self, mut bytes: &[u8]) -> bool {
        while self.left.is_none() {
            let Some((first, rest)) = bytes.split_first() else {
                return true;
            };
            self.prefix.push(*first);
            bytes = rest;
            if let [_, a, b, c, d] = self.prefix[..] {
                self.left = Some(u32::from_be_bytes([a, b, c, d]) as usize);
            }
        }
        self.left = self.left.and_then(|left| left.checked_sub(bytes.len()));
        self.left.is_some()
    }
}

impl http_body::Body for Single {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(part))) = &frame
            && let Some(data) = part.data_ref()
            && !self.takes(data.chunk())
        {
            let what = "this method takes one message, and more than one came";
            let error = Error::new(Code::InvalidArgument, "MALFORMED_MESSAGE", what);
            return Poll::Ready(Some(Err(error.to_status())));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Ends an answer that breaks off with a status, where the stack would only reset the stream: `UNAVAILABLE` where the
/// other side was lost, `INTERNAL` where a stream of ours panicked.
pub fn honest(response: Response<Body>) -> Response<Body> {
    let settled = response.headers().contains_key("grpc-status");
    if settled || response.body().is_end_stream() {
        return response;
    }
    response.map(|body| Body::new(Honest { body: Some(body) }))
}

struct Honest {
    body: Option<Body>,
}

impl http_body::Body for Honest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context)));
        let error = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                if frame.is_trailers() {
                    self.body = None;
                }
                return Poll::Ready(Some(Ok(frame)));
            }
            // An answer without trailers is not at its end.
            Ok(Poll::Ready(None | Some(Err(_)))) => {
                Error::unavailable("UNAVAILABLE", "the answer broke off; try again")
            }
            Err(_) => {
                tracing::error!("a stream panicked");
                Error::internal("a stream panicked")
            }
        };
        self.body = None;
        let mut trailers = HeaderMap::new();
        let ended = error.to_status().add_header(&mut trailers);
        Poll::Ready(Some(ended.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }
}

/// Keeps something until the answer was given or given up.
pub fn holding<T: Send + Unpin + 'static>(response: Response<Body>, thing: T) -> Response<Body> {
    response.map(|body| Body::new(Holding { body, _thing: thing }))
}

struct Holding<T> {
    body: Body,
    _thing: T,
}

impl<T: Unpin> http_body::Body for Holding<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn takes(parts: &[&[u8]]) -> bool {
        let parts: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        let frames = futures::stream::iter(parts.into_iter().map(|part| Ok::<_, Status>(Frame::data(part.into()))));
        let request = Request::new(Body::new(StreamBody::new(frames)));
        single(request).into_body().collect().await.is_ok()
    }

    #[tokio::test]
    async fn one_message_however_it_is_cut_and_no_second_one() {
        assert!(takes(&[]).await);
        assert!(takes(&[&[0, 0, 0, 0, 0]]).await);
        assert!(takes(&[&[0, 0, 0, 0, 2, 7, 7]]).await);
        assert!(takes(&[&[0, 0], &[0, 0], &[2], &[7], &[], &[7]]).await);
        assert!(!takes(&[&[0, 0, 0, 0, 2, 7, 7, 0]]).await);
        assert!(!takes(&[&[0, 0, 0, 0, 0], &[0, 0, 0, 0, 0]]).await);
        assert!(!takes(&[&[0, 0, 0, 0, 1, 7], &[0]]).await);
    }

    async fn code_of(frames: Vec<Result<Frame<Bytes>, Status>>, panics: bool) -> String {
        let frames = futures::stream::iter(frames).inspect(move |_| assert!(!panics, "planted"));
        let response = honest(Response::new(Body::new(StreamBody::new(frames))));
        let collected = response.into_body().collect().await.unwrap();
        collected
            .trailers()
            .unwrap()
            .get("grpc-status")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    #[tokio::test]
    async fn what_breaks_off_says_so() {
        let data = || Ok(Frame::data(Bytes::from_static(b"x")));
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", 5.into());
        assert_eq!(code_of(vec![data(), Ok(Frame::trailers(trailers))], false).await, "5");
        assert_eq!(code_of(vec![data()], false).await, "14");
        assert_eq!(
            code_of(vec![data(), Err(Status::unknown("h2 protocol error"))], false).await,
            "14"
        );
        assert_eq!(code_of(vec![data()], true).await, "13");
    }
}
