//! Many calls on one stream of HTTP/2, between two parts of Muster that run elsewhere from each other.
//!
//! A call by itself costs HTTP/2 three frames, two tables of headers and a stream's life at either end, which for a call of
//! sixty bytes is most of what a gateway does. Here what several calls have to say at one moment goes in one DATA frame.
//! The connection below is an ordinary one of gRPC: who does not know the relay refuses its [`PATH`], and is called plainly.
//!
//! A relay carries calls and says nothing about them: the role checks each one's token, right, size and deadline as if it
//! had come alone. A call's number is never used twice on a relay, so a late answer can reach nobody else. What a call may
//! have on its way is bounded ([`WINDOW`]), so one that nobody reads stops nobody (RELIABILITY R-19).

mod answering;
mod bodies;
mod caller;
mod ends;
mod role;
mod running;
mod wire;

#[cfg(test)]
mod tests;

pub(crate) use caller::{Asked, Calls};
pub(crate) use ends::Ends;
pub(crate) use role::open;
pub(crate) use wire::fits;

/// Where a relay is opened, on listeners that face a gateway.
pub(crate) const PATH: &str = "/muster.relay";
/// The same as HTTP/2 wants it; nobody looks at the host.
pub(crate) const PLACE: &str = "http://role/muster.relay";
/// What both sides say that they speak.
pub(crate) const CONTENT_TYPE: &str = "application/muster-relay.v1";

/// The longest question, with everything, that goes by relay. A longer one gets a stream of its own.
pub(crate) const LONGEST_QUESTION: usize = 32 << 10;
/// What of an answer goes in one frame.
const PIECE: usize = 16 << 10;
/// No answer's headers or trailers take more.
const LONGEST_HEADERS: usize = 48 << 10;
/// What of one call's answer may be on its way: what a stream costs here that nobody reads.
const WINDOW: usize = 32 << 10;
/// So many calls at once on one relay, as streams on a connection from a gateway.
const MOST_CALLS: usize = 32_000;
/// With so many bytes waiting to be sent, whoever fills a stream waits too.
const MUCH: usize = 1 << 20;
