//! Calls as bytes: what a wire sees, for comparing answers to the byte.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Buf, BufMut};
use http::uri::PathAndQuery;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::client::Caller;
use crate::contract::rule_of;

/// An answer, good or not, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The status.
    pub code: Code,
    /// The message of a refusal.
    pub message: String,
    /// The encoded details of a refusal.
    pub details: Vec<u8>,
    /// The encoded message of a good answer; of a stream, its first.
    pub body: Vec<u8>,
    /// Headers and trailers but for the request's id and the date.
    pub metadata: BTreeMap<String, Vec<u8>>,
}

impl Raw {
    /// The stable reason of a refusal; empty where there is none.
    pub fn reason(&self) -> String {
        let status = Status::with_details(self.code, "", self.details.clone().into());
        status
            .get_details_error_info()
            .map(|info| info.reason)
            .unwrap_or_default()
    }

    /// Decodes a good answer.
    pub fn decode<R: prost::Message + Default>(&self) -> R {
        assert_eq!(self.code, Code::Ok, "{} {}", self.reason(), self.message);
        R::decode(self.body.as_slice()).expect("an answer of the method")
    }

    /// The same answer with `name` written in place of an id, to compare answers about different ids.
    #[must_use]
    pub fn anonymised(&self, id: &str, name: &str) -> Self {
        let swap = |bytes: &[u8]| replace(bytes, id.as_bytes(), name.as_bytes());
        Self {
            message: self.message.replace(id, name),
            details: swap(&self.details),
            body: swap(&self.body),
            metadata: self
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), swap(value)))
                .collect(),
            ..self.clone()
        }
    }

    /// What must be equal when the same key is sent again: everything but the metadata.
    pub fn verdict(&self) -> (Code, &str, &[u8], &[u8]) {
        (self.code, &self.message, &self.details, &self.body)
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    if from.is_empty() {
        return bytes.to_vec();
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        match rest.strip_prefix(from) {
            Some(after) => {
                out.extend_from_slice(to);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

impl Caller {
    /// Calls any method of the contract with an encoded message. A stream is left after its first message.
    pub async fn raw(&self, path: &str, body: &[u8], metadata: &[(&'static str, &str)]) -> Raw {
        let mut request = Request::new(body.to_vec());
        if !self.token.is_empty() {
            let value = format!("Bearer {}", self.token).parse().expect("a token is ASCII");
            request.metadata_mut().insert("authorization", value);
        }
        for (name, value) in metadata {
            request
                .metadata_mut()
                .append(*name, value.parse().expect("metadata is ASCII"));
        }
        match self.send(path, request).await {
            Ok((body, metadata)) => Raw {
                code: Code::Ok,
                message: String::new(),
                details: Vec::new(),
                body,
                metadata: kept(&metadata),
            },
            Err(status) => Raw {
                code: status.code(),
                message: status.message().to_owned(),
                details: status.details().to_vec(),
                body: Vec::new(),
                metadata: kept(status.metadata()),
            },
        }
    }

    /// The same, asking again while it is told to wait: many sign-ins at once look like guessing for a moment.
    pub async fn patiently(&self, path: &str, body: &[u8], metadata: &[(&'static str, &str)]) -> Raw {
        for _ in 0..40 {
            let answer = self.raw(path, body, metadata).await;
            if answer.code != Code::ResourceExhausted {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.raw(path, body, metadata).await
    }

    async fn send(&self, path: &str, request: Request<Vec<u8>>) -> Result<(Vec<u8>, MetadataMap), Status> {
        let mut client = Grpc::new(self.channel.clone());
        client
            .ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let at = PathAndQuery::try_from(path).expect("a path");
        if rule_of(path).streaming {
            let response = client.server_streaming(request, at, BytesCodec).await?;
            let (metadata, mut messages, _) = response.into_parts();
            let first = messages.message().await?;
            return Ok((first.unwrap_or_default(), metadata));
        }
        let (metadata, answer, _) = client.unary(request, at, BytesCodec).await?.into_parts();
        Ok((answer, metadata))
    }
}

/// The metadata without what differs by nature from one call to the next.
fn kept(metadata: &MetadataMap) -> BTreeMap<String, Vec<u8>> {
    let all = metadata.iter().map(|entry| match entry {
        KeyAndValueRef::Ascii(key, value) => (key.as_str().to_owned(), value.as_bytes().to_vec()),
        KeyAndValueRef::Binary(key, value) => (key.as_str().to_owned(), value.as_encoded_bytes().to_vec()),
    });
    all.filter(|(key, _)| !matches!(key.as_str(), "x-request-id" | "date"))
        .collect()
}

/// Passes messages on as they are.
#[derive(Debug, Clone, Copy, Default)]
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; from.remaining()];
        from.copy_to_slice(&mut item);
        Ok(Some(item))
    }
}
