//! The bounds of a listener, in one place.

use std::time::Duration;

/// Streams at once on one connection of a gateway: every screen of its clients has one.
const FROM_GATEWAY: u32 = 32_000;

/// The bounds of a listener.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections from one address (of IPv6: one /64); `usize::MAX` where the other side is a gateway.
    pub connections_per_address: usize,
    /// Requests at once on one connection (G-01).
    pub streams_per_connection: u32,
    /// A connection is asked to end after so long, and is cut if it has not ended after `grace` more (G-09).
    pub connection_age: Duration,
    /// How long what is asked to end may take.
    pub grace: Duration,
    /// The first bytes, and the TLS handshake, must come within (G-03).
    pub first_bytes: Duration,
    /// The first request of a connection, and the header of each on HTTP/1.1, must come within (G-03).
    pub first_request: Duration,
    /// The body of a request may keep us waiting for so long, plus a second for each `body_rate` bytes (G-03).
    pub body_wait: Duration,
    /// See `body_wait`.
    pub body_rate: u64,
    /// A connection most of whose requests are taken back at once is cut before so many are (G-02).
    pub resets: u64,
    /// Who is refused more often in a second, on one connection, waits for the rest of his refusals (G-02).
    pub refusals: u32,
    /// So many bytes may come that belong to no request (G-07). More than a connection's window, which is a request's
    /// before it is seen to be.
    pub idle_bytes: u64,
    /// What a connection may have on its way to us. Never as small as a stream's window: the HTTP/2 library derives its
    /// budget for small DATA frames from it (G-08).
    pub connection_window: u32,
    /// The longest path with query (G-05).
    pub path: usize,
    /// After the stop signal, requests may run on for so long.
    pub drain: Duration,
    /// HTTP/1.1 is spoken too (grpc-web, static files).
    pub http1: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 50,
            streams_per_connection: 128,
            connection_age: Duration::from_secs(30 * 60),
            grace: Duration::from_secs(60),
            first_bytes: Duration::from_secs(5),
            first_request: Duration::from_secs(8),
            body_wait: Duration::from_secs(10),
            body_rate: 1024,
            resets: 500,
            refusals: 50,
            idle_bytes: (2 << 20) + (256 << 10),
            // With 1 MiB, 3,000 messages of nine bytes, each in a frame of its own, end the connection.
            connection_window: 2 << 20,
            path: 4096,
            drain: Duration::from_secs(15),
            http1: true,
        }
    }
}

impl Limits {
    /// What the stack does by itself, without any bound of ours. It shows that tests would notice if one were missing.
    #[cfg(feature = "testing")]
    pub fn bare() -> Self {
        let never = Duration::from_secs(365 * 24 * 3600);
        Self {
            connections: usize::MAX,
            connections_per_address: 1 << 40,
            streams_per_connection: u32::MAX,
            connection_age: never,
            first_bytes: never,
            first_request: never,
            body_wait: never,
            resets: u64::MAX,
            refusals: u32::MAX,
            idle_bytes: u64::MAX,
            connection_window: 65_535,
            path: usize::MAX,
            ..Self::default()
        }
    }

    /// Behind a gateway one connection carries the requests of everybody. What one client does must not end it, and
    /// long streams must not use it up; the gateway has bounded each client already.
    pub(super) fn settled(mut self) -> Self {
        if self.connections_per_address == usize::MAX {
            self.streams_per_connection = self.streams_per_connection.max(FROM_GATEWAY);
            self.resets = u64::MAX;
            self.refusals = u32::MAX;
            self.idle_bytes = u64::MAX;
            self.connection_window = self.connection_window.max(16 << 20);
        }
        self
    }

    /// Whether the other side is a gateway.
    pub(super) fn faces_gateway(&self) -> bool {
        self.connections_per_address == usize::MAX
    }
}
