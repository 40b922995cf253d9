//! The way to a role that runs elsewhere: a few connections of HTTP/2 that calls share.
//!
//! Most calls go together on one stream, a [relay](crate::relay); a long question, or one to somebody who has no relay,
//! gets a stream of its own. Written on the frames' library itself. A general client hands each call through queues between
//! tasks; a gateway does nothing but pass calls on, and those queues are most of what it would do.

mod body;
mod dial;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use bytes::Bytes;
use h2::client::SendRequest;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Request, Response, Uri, Version};
use http_body::Body as _;
use http_body_util::Full;
use tonic::body::Body;
use tonic::{Code, Status};

use self::body::{Answer, Question, Upload, question};
use self::dial::Slot;
use crate::error::Error;
use crate::relay::{self, Asked};

/// Connections to one role. More let several processors work for one role; fewer let more frames share a write.
const CONNECTIONS: usize = 2;
/// What HTTP/1.1 says of a connection, which HTTP/2 refuses to carry.
const OF_CONNECTIONS: [HeaderName; 5] = [
    http::header::CONNECTION,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Connections to one role, made when they are first needed and made again when they break. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    authority: Authority,
    slots: [Slot; CONNECTIONS],
    next: AtomicUsize,
}

impl Link {
    /// A link to an address such as `http://orders:7002`.
    ///
    /// # Errors
    /// If it is not one, or asks for TLS.
    pub(crate) fn new(address: &str) -> Result<Self, Error> {
        let unusable = || Error::failed_precondition("BAD_ADDRESS", "a role's address is not usable");
        let uri: Uri = address.parse().map_err(|cause| unusable().caused_by(cause))?;
        let authority = uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTP));
        let authority = authority.ok_or_else(unusable)?.clone();
        let place = (authority.host().to_owned(), authority.port_u16().unwrap_or(80));
        let slots = std::array::from_fn(|_| Slot::new(place.clone()));
        let next = AtomicUsize::new(0);
        Ok(Self(Arc::new(Inner { authority, slots, next })))
    }

    /// Sends a call and waits until its answer begins. Nothing here ends it in time: whoever calls has a deadline.
    ///
    /// # Errors
    /// `UNAVAILABLE` if nobody answers there, or the connection breaks.
    pub(crate) async fn call(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let (mut head, body) = request.into_parts();
        head.extensions.clear();
        OF_CONNECTIONS.iter().for_each(|name| drop(head.headers.remove(name)));
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let body = match question(body).await {
            // Too slow: that is told, and it is nothing that the role did.
            Err(status) if status.code() == Code::DeadlineExceeded => return Ok(status.into_http()),
            // Nobody is left to be told; whoever waits here is about to be dropped, or has a deadline.
            Err(_) => std::future::pending().await,
            Ok(Question::Short(body)) if relay::fits(path, &head.headers, &body) => {
                if let Some(asked) = self.ask(path, &head.headers, &body).await? {
                    return asked.await;
                }
                Body::new(Full::new(body))
            }
            Ok(body) => body.into(),
        };
        let way = self.slot().ready().await?;
        self.send(way.plain.clone(), Request::from_parts(head, body)).await
    }

    fn slot(&self) -> &Slot {
        let turn = self.0.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let [first, ..] = &self.0.slots;
        self.0.slots.get(turn).unwrap_or(first)
    }

    /// Asks over a relay. None where the role has none, or has no room on it.
    async fn ask(&self, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Option<Asked>, Status> {
        let slot = self.slot();
        // A role that leaves says so at any time; then there is another connection to be had.
        for _ in 0..2 {
            let way = slot.ready().await?;
            let Some(calls) = &way.relay else { break };
            if let Some(asked) = calls.ask(path, headers, body) {
                return Ok(Some(asked));
            }
        }
        Ok(None)
    }

    async fn send(&self, mut connection: SendRequest<Bytes>, request: Request<Body>) -> Result<Response<Body>, Status> {
        connection = connection.ready().await.map_err(broken)?;
        let (mut head, body) = request.into_parts();
        head.uri = self.absolute(head.uri.path_and_query());
        head.version = Version::HTTP_2;
        let ends = body.is_end_stream();
        let sent = connection.send_request(Request::from_parts(head, ()), ends);
        let (mut response, stream) = sent.map_err(broken)?;
        let mut upload = (!ends).then(|| Upload::new(body, stream));
        let mut is_gone = false;
        let answer = poll_fn(|context| {
            if let Some(Poll::Ready(ended)) = upload.as_mut().map(|upload| upload.poll(context)) {
                upload = None;
                match ended {
                    None => {}
                    // As in `call`.
                    Some(status) if status.code() == Code::DeadlineExceeded => return Poll::Ready(Err(status)),
                    Some(_) => is_gone = true,
                }
            }
            if is_gone {
                return Poll::Pending;
            }
            Pin::new(&mut response).poll(context).map(Ok)
        });
        let answer = match answer.await {
            Ok(answer) => answer.map_err(broken)?,
            Err(status) => return Ok(status.into_http()),
        };
        Ok(answer.map(|received| Body::new(Answer::new(received, upload))))
    }

    fn absolute(&self, path: Option<&PathAndQuery>) -> Uri {
        let mut parts = Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.0.authority.clone());
        parts.path_and_query = Some(path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// Whatever the library says: the connection or the call on it was lost.
fn broken(cause: h2::Error) -> Status {
    Status::from_error(Box::new(cause))
}

#[cfg(test)]
mod tests;
