//! Raw sockets and HTTP/2 frames, and a client that does what it likes. Used by the kernel's tests as well.

use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// What an HTTP/2 client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of frames.
pub mod kind {
    #![allow(missing_docs, reason = "RFC 9113, section 6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// `END_HEADERS`.
pub const END_HEADERS: u8 = 4;
/// `END_STREAM`.
pub const END_STREAM: u8 = 1;

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut frame = length.get(1..).expect("three bytes").to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The header block of a gRPC request for this path, without any compression.
pub fn header_block(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    let mut literal = |name: &[u8], value: &str| {
        block.extend(name);
        block.push(
            u8::try_from(value.len())
                .ok()
                .filter(|length| *length < 127)
                .expect("a short value"),
        );
        block.extend(value.as_bytes());
    };
    literal(&[0x04], path);
    literal(&[0x01], "localhost");
    literal(&[0x0f, 0x10], "application/grpc");
    block
}

/// Preface and empty settings.
pub fn hello() -> Vec<u8> {
    [PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat()
}

/// A connected socket that has said this.
pub async fn say(address: &str, bytes: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("somebody listens");
    let _ = socket.write_all(bytes).await;
    socket
}

/// How long it takes until the other side closes; none if it does not within `limit`.
pub async fn closed_within(socket: &mut TcpStream, limit: Duration) -> Option<Duration> {
    let started = Instant::now();
    let mut buffer = vec![0; 64 * 1024];
    let reads = async { while socket.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    timeout(limit, reads).await.ok().map(|()| started.elapsed())
}

/// Says this on HTTP/1.1 and answers everything that comes back until the connection closes or nothing comes for a while.
pub async fn ask(address: &str, bytes: &[u8]) -> String {
    let mut socket = say(address, bytes).await;
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(Ok(count)) = timeout(Duration::from_millis(400), socket.read(&mut buffer)).await {
        if count == 0 {
            break;
        }
        answer.extend(buffer.iter().take(count));
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Every frame that comes until the other side closes or is silent for a while: kind, flags, stream, payload.
pub async fn frames(socket: &mut TcpStream, silence: Duration) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut head = [0_u8; 9];
    while let Ok(Ok(_)) = timeout(silence, socket.read_exact(&mut head)).await {
        let [a, b, c, kind, flags, s1, s2, s3, s4] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        if socket.read_exact(&mut payload).await.is_err() {
            break;
        }
        all.push((kind, flags, u32::from_be_bytes([s1, s2, s3, s4]), payload));
    }
    all
}

/// An HTTP/2 client that may break off whenever it likes. Its connection is driven in the background.
pub struct Client {
    /// Opens streams.
    pub requests: SendRequest<Bytes>,
    /// Ends with the connection.
    pub connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    /// Connects.
    pub async fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).await.expect("somebody listens");
        Self::over(socket).await.expect("HTTP/2 is spoken")
    }

    /// On this socket; none where the other side has closed it.
    pub async fn over(socket: TcpStream) -> Option<Self> {
        let _ = socket.set_nodelay(true);
        let (requests, connection) = h2::client::handshake(socket).await.ok()?;
        Some(Self {
            requests,
            connection: tokio::spawn(connection),
        })
    }

    /// A gRPC request for this path.
    pub fn request(path: &str) -> Request<()> {
        let request = Request::post(format!("http://localhost{path}"));
        request
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .expect("a request")
    }

    /// Sends this and answers status, headers, body and trailers.
    ///
    /// # Errors
    /// What broke it off.
    pub async fn call(&self, request: Request<()>, body: Bytes) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut stream) = requests.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            // An answer may come, and end the stream, before all was said.
            let _ = stream.send_data(body, true);
        }
        read(response.await?).await
    }

    /// Whether the connection has ended.
    pub fn is_over(&self) -> bool {
        self.connection.is_finished()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status of HTTP.
    pub status: u16,
    /// Headers, and trailers after them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// `grpc-status`.
    pub fn grpc(&self) -> Option<&str> {
        self.headers.get("grpc-status").and_then(|value| value.to_str().ok())
    }
}

/// Reads a response to its end.
///
/// # Errors
/// What broke it off.
pub async fn read(response: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let (mut headers, mut body) = (parts.headers, Vec::new());
    while let Some(data) = stream.data().await {
        let data = data?;
        let _ = stream.flow_control().release_capacity(data.len());
        body.extend(data);
    }
    if let Some(trailers) = stream.trailers().await? {
        headers.extend(trailers);
    }
    Ok(Answer {
        status: parts.status.as_u16(),
        headers,
        body,
    })
}

/// A message as gRPC frames it.
pub fn message(bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).expect("a short message").to_be_bytes();
    [&[0][..], &length, bytes].concat().into()
}
