//! What is sent, encoded once for everybody who sees the same.
//!
//! Protobuf lets fields of a message come in any order, so a message is the screen's own few fields and, after them, those
//! that it shares with others as bytes. Those are sent as they lie, piece by piece: a screen that does not read holds a
//! place in them, and no copy (RELIABILITY R-19).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http_body::Frame;
use muster_proto::orders::v1::{KitchenChange, KitchenHeartbeat, KitchenSnapshot, WatchKitchenResponse};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use tonic::Status;
use tonic::codegen::http::HeaderMap;

/// What lies ready for a screen that reads slowly is at most so long. A message that fits is sent in one.
const PIECE: usize = 8 << 10;
/// What gRPC puts before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// One message of the stream, encoded but for putting it together.
#[derive(Debug, Clone)]
pub struct Part {
    /// The field of `WatchKitchenResponse`.
    field: u32,
    own: Vec<u8>,
    shared: Bytes,
}

impl Part {
    /// A snapshot: what this screen alone has in it, and what all who see the same have.
    pub fn snapshot(own: &KitchenSnapshot, shared: Bytes) -> Self {
        let (field, own) = (1, own.encode_to_vec());
        Self { field, own, shared }
    }

    /// A change with the screen's number, and the encoded token of the place.
    pub fn change(number: i64, token: &[u8], shared: Bytes) -> Self {
        let number = KitchenChange {
            number,
            ..KitchenChange::default()
        };
        let mut own = Vec::with_capacity(number.encoded_len() + token.len());
        number.encode_raw(&mut own);
        own.put_slice(token);
        let field = 2;
        Self { field, own, shared }
    }

    /// A heartbeat.
    pub fn heartbeat(heartbeat: &KitchenHeartbeat) -> Self {
        let (field, own, shared) = (3, heartbeat.encode_to_vec(), Bytes::new());
        Self { field, own, shared }
    }

    fn length(&self) -> usize {
        self.own.len() + self.shared.len()
    }

    /// The length of the message.
    fn encoded_len(&self) -> usize {
        let length = self.length();
        key_len(self.field) + encoded_len_varint(length as u64) + length
    }

    /// The message as it is sent, up to what is shared; all of it where it is short.
    fn begin(self) -> (Bytes, Bytes) {
        let length = self.encoded_len();
        let whole = length + PREFIX <= PIECE;
        let room = PREFIX + length - if whole { 0 } else { self.shared.len() };
        let mut bytes = BytesMut::with_capacity(room);
        bytes.put_u8(0);
        bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
        encode_key(self.field, WireType::LengthDelimited, &mut bytes);
        encode_varint(self.length() as u64, &mut bytes);
        bytes.put_slice(&self.own);
        if whole {
            bytes.put_slice(&self.shared);
            return (bytes.freeze(), Bytes::new());
        }
        (bytes.freeze(), self.shared)
    }

    /// The message.
    ///
    /// # Errors
    /// `INTERNAL` if it was put together wrongly.
    pub fn decode(self) -> Result<WatchKitchenResponse, Status> {
        let (mut first, rest) = self.begin();
        first.advance(PREFIX);
        WatchKitchenResponse::decode(first.chain(rest)).map_err(|cause| Status::internal(cause.to_string()))
    }
}

/// The place's token as a field of a change, for [`Part::change`].
pub fn token_field(resume_token: String) -> Vec<u8> {
    KitchenChange {
        resume_token,
        ..KitchenChange::default()
    }
    .encode_to_vec()
}

/// A stream of parts as the body of an answer.
pub struct PartsBody {
    /// None when the end has been told.
    parts: Option<BoxStream<'static, Result<Part, Status>>>,
    /// What of the last part was not sent yet.
    rest: Bytes,
}

impl PartsBody {
    /// The body that these parts make.
    pub fn new(parts: BoxStream<'static, Result<Part, Status>>) -> Self {
        let (parts, rest) = (Some(parts), Bytes::new());
        Self { parts, rest }
    }
}

impl http_body::Body for PartsBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            let length = self.rest.len().min(PIECE);
            return Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))));
        }
        let Some(parts) = self.parts.as_mut() else {
            return Poll::Ready(None);
        };
        let status = match ready!(parts.poll_next_unpin(context)) {
            Some(Ok(part)) => {
                let (first, rest) = part.begin();
                self.rest = rest;
                return Poll::Ready(Some(Ok(Frame::data(first))));
            }
            Some(Err(status)) => status,
            None => Status::ok(""),
        };
        self.parts = None;
        let mut trailers = HeaderMap::new();
        let ended = status.add_header(&mut trailers);
        Poll::Ready(Some(ended.map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_none()
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body;
    use muster_proto::orders::v1::watch_kitchen_response::Message as Sent;

    use super::*;

    async fn sent(parts: Vec<Result<Part, Status>>) -> (Vec<Bytes>, HeaderMap) {
        let mut body = PartsBody::new(futures::stream::iter(parts).boxed());
        let mut data = Vec::new();
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
            match frame.unwrap().unwrap().into_data() {
                Ok(bytes) => data.push(bytes),
                Err(frame) => return (data, frame.into_trailers().unwrap()),
            }
        }
    }

    fn read(data: &[Bytes]) -> Option<Sent> {
        let bytes = data.concat();
        let length = u32::from_be_bytes(bytes[1..PREFIX].try_into().unwrap());
        assert_eq!((bytes[0], length as usize), (0, bytes.len() - PREFIX));
        WatchKitchenResponse::decode(&bytes[PREFIX..]).unwrap().message
    }

    #[tokio::test]
    async fn what_is_put_together_is_what_was_taken_apart() {
        let change = KitchenChange {
            order_id: "order".into(),
            removed_ticket_ids: vec!["a/b".into()],
            ..KitchenChange::default()
        };
        let part = Part::change(1 << 40, &token_field("7.9-ab".into()), change.encode_to_vec().into());
        let whole = KitchenChange {
            number: 1 << 40,
            resume_token: "7.9-ab".into(),
            ..change
        };
        let (data, trailers) = sent(vec![Ok(part)]).await;
        assert_eq!(data.len(), 1, "what is short is sent in one");
        assert_eq!(read(&data), Some(Sent::Change(whole)));
        assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    }

    #[tokio::test]
    async fn what_is_shared_is_sent_in_pieces_and_never_copied() {
        let others = KitchenSnapshot {
            location_name: "x".repeat(3 * PIECE),
            ..KitchenSnapshot::default()
        };
        let shared = Bytes::from(others.encode_to_vec());
        let own = KitchenSnapshot {
            location_id: "here".into(),
            ..KitchenSnapshot::default()
        };
        let (data, trailers) = sent(vec![
            Ok(Part::snapshot(&own, shared.clone())),
            Err(Status::unavailable("the end")),
        ])
        .await;
        assert!(data.iter().all(|piece| piece.len() <= PIECE), "{data:?}");
        let lies = shared.as_ptr_range();
        assert!(data.iter().skip(1).all(|piece| lies.contains(&piece.as_ptr())));
        let both = KitchenSnapshot {
            location_id: "here".into(),
            ..others
        };
        assert_eq!(read(&data), Some(Sent::Snapshot(both)));
        assert_eq!(trailers.get("grpc-status").unwrap(), "14");
    }
}
