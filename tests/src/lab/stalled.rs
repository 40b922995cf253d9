//! Screens that open their stream and then read nothing: a phone in a pocket, an attacker with patience.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use http::Request;
use muster_kernel::log::Position;
use muster_proto::orders::v1::{WatchKitchenRequest, WatchKitchenResponse};
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::site::Site;
use super::watch::{Diary, note};

/// Streams on each connection: fewer than a connection may have.
const ON_EACH: usize = 100;
const WATCH: &str = "/muster.orders.v1.KitchenService/WatchKitchen";

/// Streams that nobody reads. The HTTP/2 windows of each are the usual ones; the connection's is wide, so that each stream
/// is held by its own.
pub struct Stalled {
    streams: Vec<RecvStream>,
    connections: Vec<tokio::task::JoinHandle<()>>,
}

impl Stalled {
    /// Opens so many streams.
    ///
    /// # Errors
    /// If the gateway does not let them in.
    pub async fn open(site: &Site, token: &str, count: usize) -> anyhow::Result<Self> {
        let mut stalled = Self {
            streams: Vec::new(),
            connections: Vec::new(),
        };
        while stalled.streams.len() < count {
            let socket = TcpStream::connect(&site.town.gateway).await?;
            let (mut send, connection) = h2::client::Builder::new()
                .initial_connection_window_size(64 << 20)
                .handshake::<_, Bytes>(socket)
                .await?;
            stalled.connections.push(tokio::spawn(async move {
                // Its end shows on its streams.
                let _ = connection.await;
            }));
            for _ in 0..ON_EACH.min(count - stalled.streams.len()) {
                send = send.ready().await?;
                let request = Request::post(format!("http://{}{WATCH}", site.town.gateway))
                    .header("te", "trailers")
                    .header("content-type", "application/grpc")
                    .header("authorization", format!("Bearer {token}"))
                    .body(())?;
                let (response, mut body) = send.send_request(request, false)?;
                body.send_data(message(&site.town.demo.location_id), true)?;
                stalled.streams.push(response.await?.into_body());
            }
        }
        Ok(stalled)
    }

    /// Reads a stream at last, until it has shown everything up to `place`, has ended, or `limit` is over: what it shows, and
    /// how it ended (the gRPC status, if it did).
    ///
    /// # Errors
    /// If it was torn.
    pub async fn wake(&mut self, place: Position, limit: Duration) -> anyhow::Result<(Diary, Option<String>)> {
        let mut stream = self.streams.pop().ok_or_else(|| anyhow::anyhow!("no stream is left"))?;
        let (mut diary, mut rest) = (Diary::opened(), BytesMut::new());
        let until = Instant::now() + limit;
        loop {
            if diary.position() >= place {
                return Ok((diary, None));
            }
            let Ok(next) = timeout_at(until, stream.data()).await else {
                return Ok((diary, None));
            };
            let Some(piece) = next else { break };
            let piece = piece?;
            stream.flow_control().release_capacity(piece.len())?;
            rest.extend_from_slice(&piece);
            while let Some(response) = take(&mut rest)? {
                response
                    .message
                    .into_iter()
                    .for_each(|message| note(&mut diary, message));
            }
        }
        let trailers = stream.trailers().await?;
        let status = trailers.and_then(|trailers| Some(trailers.get("grpc-status")?.to_str().ok()?.to_owned()));
        Ok((diary, Some(status.unwrap_or_default())))
    }

    /// Streams that are open.
    pub fn count(&self) -> usize {
        self.streams.len()
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.connections.iter().for_each(|connection| connection.abort());
    }
}

fn message(location: &str) -> Bytes {
    let request = WatchKitchenRequest {
        location_id: location.to_owned(),
        ..WatchKitchenRequest::default()
    }
    .encode_to_vec();
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(u32::try_from(request.len()).unwrap_or_default());
    framed.put_slice(&request);
    framed.freeze()
}

/// The next whole message.
fn take(bytes: &mut BytesMut) -> anyhow::Result<Option<WatchKitchenResponse>> {
    let Some([_, a, b, c, d]) = bytes.first_chunk() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d]))?;
    if bytes.len() < 5 + length {
        return Ok(None);
    }
    bytes.advance(5);
    Ok(Some(WatchKitchenResponse::decode(bytes.split_to(length))?))
}
