//! An answer on its way: it ends in time, and if it breaks off it says so (RELIABILITY G-10, G-13).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

use crate::error::Error;

/// Sees an answer to its end, by `end` at the latest, and keeps `held` until then: with `DEADLINE_EXCEEDED` where its time
/// is over and it is not (`tokio::time::timeout` around a handler bounds the time until a stream begins, not the stream);
/// with `UNAVAILABLE` where the other side was lost, and `INTERNAL` where a stream of ours panicked, where the stack would
/// only reset the stream.
pub fn see_out<T: Send + Unpin + 'static>(response: Response<Body>, end: Instant, held: T) -> Response<Body> {
    let settled = response.headers().contains_key("grpc-status");
    if settled || is_whole(response.body()) {
        return response;
    }
    response.map(|body| {
        Body::new(Answer {
            body: Some(body),
            end,
            alarm: None,
            _held: held,
        })
    })
}

/// Whether all of it is here, trailers too, so that it can neither break off nor be late: only such a body knows how long it
/// is.
fn is_whole(body: &Body) -> bool {
    body.is_end_stream() || body.size_hint().upper().is_some()
}

struct Answer<T> {
    body: Option<Body>,
    end: Instant,
    /// Most answers are there at once, and need none.
    alarm: Option<Pin<Box<Sleep>>>,
    _held: T,
}

type Part = Option<Result<Frame<Bytes>, Status>>;

impl<T: Unpin> Answer<T> {
    /// The last word in place of what does not come any more. Dropping the body tells whoever fills it to stop.
    fn ends_with(&mut self, error: Error) -> Poll<Part> {
        self.body = None;
        let mut trailers = HeaderMap::new();
        let status = error.to_status();
        Poll::Ready(Some(
            status.add_header(&mut trailers).map(|()| Frame::trailers(trailers)),
        ))
    }

    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let end = self.end;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        alarm.as_mut().poll(context).is_ready()
    }
}

impl<T: Unpin> http_body::Body for Answer<T> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Part> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        match catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context))) {
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                if frame.is_trailers() {
                    self.body = None;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Pending) if self.is_late(context) => self.ends_with(Error::deadline()),
            Ok(Poll::Pending) => Poll::Pending,
            // An answer without trailers is not at its end.
            Ok(Poll::Ready(None | Some(Err(_)))) => {
                self.ends_with(Error::unavailable("UNAVAILABLE", "the answer broke off; try again"))
            }
            Err(_) => {
                tracing::error!("a stream panicked");
                self.ends_with(Error::internal("a stream panicked"))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::StreamExt;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(9)
    }

    #[tokio::test]
    async fn a_stream_ends_at_its_deadline_and_says_so() {
        let one = Ok::<_, Status>(Frame::data(Bytes::from_static(b"one")));
        let endless = futures::stream::iter([one]).chain(futures::stream::pending());
        let response = Response::new(Body::new(StreamBody::new(endless)));
        let end = Instant::now() + Duration::from_millis(50);
        let collected = see_out(response, end, ()).into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap().clone();
        assert!(Instant::now() >= end);
        assert_eq!(collected.to_bytes(), "one");
        assert_eq!(trailers.get("grpc-status").unwrap(), "4");
        assert!(trailers.contains_key("grpc-status-details-bin"));
    }

    #[tokio::test]
    async fn a_refusal_stays_as_it_is() {
        let refusal = Error::permission_denied("NO", "no").to_status().into_http();
        let kept = see_out(refusal, Instant::now(), ());
        assert_eq!(kept.headers().get("grpc-status").unwrap(), "7");
        assert!(kept.into_body().collect().await.unwrap().trailers().is_none());
    }

    async fn code_of(frames: Vec<Result<Frame<Bytes>, Status>>, panics: bool) -> String {
        let frames = futures::stream::iter(frames).inspect(move |_| assert!(!panics, "planted"));
        let response = see_out(Response::new(Body::new(StreamBody::new(frames))), soon(), ());
        let collected = response.into_body().collect().await.unwrap();
        let status = collected.trailers().unwrap().get("grpc-status").unwrap();
        status.to_str().unwrap().to_owned()
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

    #[tokio::test]
    async fn what_is_held_is_let_go_with_the_answer() {
        let held = std::sync::Arc::new(());
        let frames = futures::stream::pending::<Result<Frame<Bytes>, Status>>();
        let response = see_out(
            Response::new(Body::new(StreamBody::new(frames))),
            soon(),
            std::sync::Arc::clone(&held),
        );
        assert_eq!(std::sync::Arc::strong_count(&held), 2);
        drop(response);
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
    }
}
