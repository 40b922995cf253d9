//! What a service reads of a request: one message of a bounded size.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::Request;
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::error::Error;

/// A request's message has at most so many bytes. No method takes more than one message.
pub const LARGEST_MESSAGE: usize = 1 << 20;
/// What gRPC puts before a message.
const PREFIX: usize = 5;

/// Lets one message through, and reads no more than it may have. A second one is refused, which the stack below would drop
/// without a word: the caller would believe that both were done. No method of the contract takes a stream.
pub(super) fn single(request: Request<Body>) -> Request<Body> {
    request.map(|body| {
        Body::new(Single {
            body,
            prefix: [0; PREFIX],
            read: 0,
        })
    })
}

struct Single {
    body: Body,
    prefix: [u8; PREFIX],
    /// So many bytes came.
    read: usize,
}

impl Single {
    /// Takes note of these bytes.
    ///
    /// # Errors
    /// If they are too many, or do not belong to the one message.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Status> {
        for (place, byte) in self.prefix.iter_mut().skip(self.read).zip(bytes) {
            *place = *byte;
        }
        self.read = self.read.saturating_add(bytes.len());
        if self.read > LARGEST_MESSAGE + PREFIX {
            return Err(Status::out_of_range("too large"));
        }
        let [_, a, b, c, d] = self.prefix;
        let message = u32::from_be_bytes([a, b, c, d]) as usize;
        if self.read > PREFIX && self.read - PREFIX > message {
            let what = "this method takes one message, and more than one came";
            return Err(Error::new(Code::InvalidArgument, "MALFORMED_MESSAGE", what).to_status());
        }
        Ok(())
    }
}

impl http_body::Body for Single {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(part))) = &frame
            && let Some(data) = part.data_ref()
            && let Err(status) = self.take(data.chunk())
        {
            return Poll::Ready(Some(Err(status)));
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full, StreamBody};

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

    #[tokio::test]
    async fn more_than_a_message_is_not_read() {
        let read = async |length: usize| {
            let mut bytes = vec![0; length];
            bytes[1..PREFIX].fill(0xff);
            let request = Request::new(Body::new(Full::new(Bytes::from(bytes))));
            let read = single(request).into_body().collect().await;
            read.map(|all| all.to_bytes().len()).map_err(|status| status.code())
        };
        assert_eq!(read(LARGEST_MESSAGE + PREFIX).await, Ok(LARGEST_MESSAGE + PREFIX));
        assert_eq!(read(LARGEST_MESSAGE + PREFIX + 1).await, Err(Code::OutOfRange));
    }
}
