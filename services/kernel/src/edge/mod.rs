//! What stands between a socket and a handler, the same at the gateway and at every service.

mod answer;
mod conduct;
mod conducted;
mod deadline;
mod guests;
mod limits;
mod listen;
mod measure;
mod question;
mod shed;
mod stack;
mod status;
mod tls;
mod trace;
mod turnstile;

pub use answer::see_out;
pub use conducted::OverShare;
pub use deadline::{DEFAULT_DEADLINE, LONGEST_DEADLINE, STREAM_DEADLINE, TIMEOUT_HEADER, deadline_of, format_timeout};
pub use guests::network;
pub use limits::Limits;
pub use listen::{Peer, serve};
pub use measure::Measured;
pub use question::LARGEST_MESSAGE;
pub use shed::Shed;
pub use stack::ServiceStack;
pub use status::{is_grpc, normalise, refuse};
pub use tls::ReloadingTls;
pub(crate) use trace::begin_tracing;
pub use trace::{is_traced, request_id, span_for};
