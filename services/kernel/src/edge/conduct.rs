//! How a connection behaves, and what follows from it: the kill switch of RELIABILITY G-01, G-02, G-03 and G-07.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Limits;

/// A request that is taken back sooner counts as a premature reset.
const PREMATURE: Duration = Duration::from_secs(1);
/// Who does not heed his refusals waits so long for the next: long enough that taking it back is premature, and that asking
/// all the while is not worth it; short enough for anybody's deadline.
const UNHEEDED: Duration = Duration::from_millis(250);
/// So many bytes a second need no request: pings, window updates of somebody who reads a long stream.
const FREE_BYTES: u64 = 16 << 10;

/// One connection's record. Its two switches end the connection.
pub(super) struct Conduct {
    pub(super) limits: Limits,
    /// Ends it at once.
    pub(super) cut: CancellationToken,
    /// Asks it to end when its requests have.
    pub(super) retire: CancellationToken,
    /// It is asked to end, for whatever reason.
    pub(super) leaving: CancellationToken,
    record: Mutex<Record>,
}

struct Record {
    running: u32,
    started: u64,
    ended: u64,
    resets: u64,
    refused: u32,
    refused_since: Instant,
    idle_bytes: u64,
    counted_at: Instant,
}

impl Conduct {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            limits: limits.clone(),
            cut: CancellationToken::new(),
            retire: CancellationToken::new(),
            leaving: CancellationToken::new(),
            record: Mutex::new(Record {
                running: 0,
                started: 0,
                ended: 0,
                resets: 0,
                refused: 0,
                refused_since: Instant::now(),
                idle_bytes: 0,
                counted_at: Instant::now(),
            }),
        })
    }

    /// Whether there was any request yet.
    pub(super) fn has_asked(&self) -> bool {
        self.record.lock().is_ok_and(|record| record.started > 0)
    }

    /// Whether no request runs.
    pub(super) fn is_idle(&self) -> bool {
        self.record.lock().is_ok_and(|record| record.running == 0)
    }

    /// A request begins. None where too many run.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Stay> {
        let mut record = self.record.lock().ok()?;
        record.started += 1;
        if record.running >= self.limits.streams_per_connection {
            return None;
        }
        record.running += 1;
        Some(Stay {
            conduct: Arc::clone(self),
            began: Instant::now(),
            complete: false,
        })
    }

    fn end(&self, premature: bool) {
        let Ok(mut record) = self.record.lock() else { return };
        record.running = record.running.saturating_sub(1);
        record.ended += 1;
        record.resets += u64::from(premature);
        // Envoy's rule: from half of the limit on, as soon as most requests were taken back.
        if record.resets >= self.limits.resets / 2 && record.resets * 2 > record.ended {
            self.cut_for("resets");
        }
    }

    /// A request of somebody who asks for more than his share was refused. How long the refusal waits, where he was told
    /// so often before and goes on.
    pub(super) fn refused(&self) -> Option<Duration> {
        let mut record = self.record.lock().ok()?;
        if record.refused_since.elapsed() >= Duration::from_secs(1) {
            (record.refused, record.refused_since) = (0, Instant::now());
        }
        record.refused = record.refused.saturating_add(1);
        (record.refused > self.limits.refusals).then_some(UNHEEDED)
    }

    /// Bytes came in; whether a request is behind them will be seen.
    fn count(&self, bytes: usize) {
        let Ok(mut record) = self.record.lock() else { return };
        let free = u64::try_from(record.counted_at.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(FREE_BYTES)
            / 1000;
        if free > 0 {
            record.idle_bytes = record.idle_bytes.saturating_sub(free);
            record.counted_at = Instant::now();
        }
        record.idle_bytes = record.idle_bytes.saturating_add(bytes as u64);
        if record.idle_bytes > self.limits.idle_bytes {
            self.cut_for("idle_bytes");
        }
    }

    /// So many of the bytes belonged to a request.
    pub(super) fn justify(&self, bytes: u64) {
        if let Ok(mut record) = self.record.lock() {
            record.idle_bytes = record.idle_bytes.saturating_sub(bytes);
        }
    }

    /// Ends the connection, and says so.
    pub(super) fn cut_for(&self, why: &'static str) {
        if !self.cut.is_cancelled() {
            metrics::counter!("muster_connections_cut_total", "why" => why).increment(1);
            tracing::info!(why, "connection cut");
            self.cut.cancel();
        }
    }
}

/// One request's stay. Dropped before it is complete, it was taken back.
pub(super) struct Stay {
    conduct: Arc<Conduct>,
    began: Instant,
    complete: bool,
}

impl Stay {
    pub(super) fn conduct(&self) -> &Arc<Conduct> {
        &self.conduct
    }

    /// The answer was given to its end.
    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.conduct.end(!self.complete && self.began.elapsed() < PREMATURE);
    }
}

/// A connection is heard for so many bytes before others have a turn, and what they were about is seen: of a flood the
/// library would read a mebibyte in one go.
const IN_ONE_GO: usize = 16 << 10;

/// Counts what comes in on a connection (G-07).
pub(super) struct Watched<I> {
    inner: I,
    conduct: Arc<Conduct>,
    heard: usize,
}

impl<I> Watched<I> {
    pub(super) fn new(inner: I, conduct: Arc<Conduct>) -> Self {
        Self {
            inner,
            conduct,
            heard: 0,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.heard >= IN_ONE_GO {
            self.heard = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        self.heard += came;
        if outcome.is_pending() {
            self.heard = 0;
        }
        if came > 0 {
            self.conduct.count(came);
        }
        outcome
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn who_floods_lets_others_have_a_turn() {
        let mut flood = Watched::new(tokio::io::repeat(0), Conduct::new(&Limits::default()));
        let mut buffer = vec![0; IN_ONE_GO / 4];
        for round in 0..3 {
            for _ in 0..4 {
                assert!(poll!(pin!(flood.read(&mut buffer))).is_ready(), "round {round}");
            }
            assert!(poll!(pin!(flood.read(&mut buffer))).is_pending(), "round {round}");
        }
    }
}
