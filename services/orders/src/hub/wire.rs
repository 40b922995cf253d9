//! What is sent, encoded once for everybody who sees the same.
//!
//! Protobuf lets fields of a message come in any order, so a message is the screen's own few fields and, after them, those
//! that it shares with others as bytes.

use bytes::{BufMut, Bytes};
use muster_proto::orders::v1::{
    KitchenChange, KitchenHeartbeat, KitchenSnapshot, WatchKitchenRequest, WatchKitchenResponse,
};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, EncodeBuf, Encoder};
use tonic_prost::ProstCodec;

/// A screen that reads slowly gets what waits for it in pieces of about so many bytes.
const PIECE: usize = 8 << 10;

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
    pub fn encoded_len(&self) -> usize {
        let length = self.length();
        key_len(self.field) + encoded_len_varint(length as u64) + length
    }

    /// Writes the message, a `WatchKitchenResponse`.
    pub fn encode(&self, to: &mut impl BufMut) {
        encode_key(self.field, WireType::LengthDelimited, to);
        encode_varint(self.length() as u64, to);
        to.put_slice(&self.own);
        to.put_slice(&self.shared);
    }

    /// The message.
    ///
    /// # Errors
    /// `INTERNAL` if it was put together wrongly.
    pub fn decode(&self) -> Result<WatchKitchenResponse, Status> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.encode(&mut bytes);
        WatchKitchenResponse::decode(bytes.as_slice()).map_err(|cause| Status::internal(cause.to_string()))
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

/// The codec of the stream on its way out.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartCodec;

impl Codec for PartCodec {
    type Encode = Part;
    type Decode = WatchKitchenRequest;
    type Encoder = PartEncoder;
    type Decoder = <ProstCodec<WatchKitchenResponse, WatchKitchenRequest> as Codec>::Decoder;

    fn encoder(&mut self) -> Self::Encoder {
        PartEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<WatchKitchenResponse, WatchKitchenRequest>::default().decoder()
    }
}

/// Writes parts.
#[derive(Debug, Clone, Copy)]
pub struct PartEncoder;

impl Encoder for PartEncoder {
    type Item = Part;
    type Error = Status;

    fn encode(&mut self, part: Part, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(part.encoded_len());
        part.encode(to);
        Ok(())
    }

    // Nothing is kept between messages: thousands of screens wait most of the time.
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(0, PIECE)
    }
}

#[cfg(test)]
mod tests {
    use muster_proto::orders::v1::watch_kitchen_response::Message as Sent;

    use super::*;

    #[test]
    fn what_is_put_together_is_what_was_taken_apart() {
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
        assert_eq!(part.decode().unwrap().message, Some(Sent::Change(whole)));
        let mut bytes = Vec::new();
        part.encode(&mut bytes);
        assert_eq!(bytes.len(), part.encoded_len());
    }
}
