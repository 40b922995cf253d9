//! The ways to the echo, and the check that each both answers and refuses.

use anyhow::{Context, bail, ensure};
use bytes::BufMut;
use muster_proto::orders::v1::GetOrderResponse;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::transport::Endpoint;

use super::echo::{METHOD, request};
use crate::client::Caller;

/// A trace that somebody upstream began and does not keep.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// What is spoken on a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speech {
    /// gRPC on 8 connections of 8 streams.
    Grpc,
    /// grpc-web on 64 connections of HTTP/1.1.
    GrpcWeb,
}

/// One way to the echo.
#[derive(Debug, Clone)]
pub struct Way {
    /// What to call it.
    pub name: &'static str,
    /// Host and port.
    pub address: String,
    /// What is spoken.
    pub speech: Speech,
}

impl Way {
    /// A call's body: the message with gRPC's five bytes before it.
    pub fn body(&self) -> Vec<u8> {
        let message = request().encode_to_vec();
        let mut body = vec![0];
        body.put_u32(u32::try_from(message.len()).expect("a short message"));
        body.extend_from_slice(&message);
        body
    }

    /// A call's headers.
    pub fn headers(&self, token: &str) -> Vec<(&'static str, String)> {
        let kind = match self.speech {
            Speech::Grpc => "application/grpc",
            Speech::GrpcWeb => "application/grpc-web+proto",
        };
        let mut headers = vec![
            ("content-type", kind.to_owned()),
            ("authorization", format!("Bearer {token}")),
            ("traceparent", TRACE.to_owned()),
            ("grpc-timeout", "5S".to_owned()),
        ];
        if self.speech == Speech::Grpc {
            headers.push(("te", "trailers".to_owned()));
        }
        headers
    }

    /// h2load's arguments for 64 calls at once.
    pub(super) fn streams(&self) -> &'static [&'static str] {
        match self.speech {
            Speech::Grpc => &["--clients", "8", "--max-concurrent-streams", "8"],
            Speech::GrpcWeb => &["--h1", "--clients", "64"],
        }
    }

    /// Whether the way answers a good token with the echo, and refuses a spoilt one.
    ///
    /// # Errors
    /// What it does instead.
    pub async fn check(&self, token: &str) -> anyhow::Result<()> {
        let spoilt = format!("{}AAAA", token.get(..token.len() - 4).unwrap_or_default());
        match self.speech {
            Speech::Grpc => self.check_grpc(token, &spoilt).await,
            Speech::GrpcWeb => self.check_web(token, &spoilt).await,
        }
        .with_context(|| self.name)
    }

    async fn check_grpc(&self, token: &str, spoilt: &str) -> anyhow::Result<()> {
        let channel = Endpoint::from_shared(format!("http://{}", self.address))?
            .connect()
            .await?;
        let token = token.to_owned();
        let caller = Caller { channel, token };
        let answer: GetOrderResponse = caller.call(METHOD, request()).await?;
        ensure!(
            answer.encoded_len() == super::echo::LENGTH,
            "the answer has another length"
        );
        let token = spoilt.to_owned();
        let stranger = Caller { token, ..caller };
        match stranger.call::<_, GetOrderResponse>(METHOD, request()).await {
            Err(status) if status.code() == Code::Unauthenticated => Ok(()),
            Err(status) => bail!("a spoilt token is answered with {status}"),
            Ok(_) => bail!("a spoilt token is good enough"),
        }
    }

    async fn check_web(&self, token: &str, spoilt: &str) -> anyhow::Result<()> {
        let good = self.post(token).await?;
        let said = String::from_utf8_lossy(&good);
        let status = said.rsplit("grpc-status:").next().unwrap_or_default().trim_start();
        ensure!(said.contains("oooo") && status.starts_with('0'), "no answer but {said}");
        let refused = self.post(spoilt).await?;
        let said = String::from_utf8_lossy(&refused);
        let status = said.rsplit("grpc-status:").next().unwrap_or_default().trim_start();
        ensure!(
            !said.contains("oooo") && status.starts_with("16"),
            "a spoilt token gets {said}"
        );
        Ok(())
    }

    async fn post(&self, token: &str) -> anyhow::Result<Vec<u8>> {
        let body = self.body();
        let mut head = format!("POST {METHOD} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in self.headers(token) {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let mut socket = TcpStream::connect(&self.address).await?;
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(&body).await?;
        let mut answer = Vec::new();
        // Who refuses before it has read the body may end the connection hard; what it said came before that.
        let ended = socket.read_to_end(&mut answer).await;
        ensure!(
            ended.is_ok() || !answer.is_empty(),
            "the connection ended without an answer"
        );
        Ok(answer)
    }
}
