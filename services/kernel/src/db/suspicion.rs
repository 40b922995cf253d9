//! Where one connection broke, others of its pool may be broken too: all that lay idle by then are asked before they are
//! used. Without this, a server that dropped everybody would cost one failure for each connection of the pool.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// When a connection of a pool was last seen to break.
pub(super) struct Suspicion(Mutex<Option<Instant>>);

impl Suspicion {
    pub(super) fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// A connection broke.
    pub(super) fn arise(&self, now: Instant) {
        if let Ok(mut since) = self.0.lock() {
            *since = Some(now);
        }
    }

    /// Whether a connection that has lain idle for so long was at work after the last break, and so is above suspicion.
    pub(super) fn spares(&self, now: Instant, idle: Duration) -> bool {
        self.0
            .lock()
            .is_ok_and(|since| since.is_none_or(|since| idle < now.duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_idle_when_another_broke_is_asked() {
        let (suspicion, start) = (Suspicion::none(), Instant::now());
        assert!(suspicion.spares(start, Duration::from_secs(5)));
        suspicion.arise(start);
        let later = start + Duration::from_millis(100);
        assert!(
            !suspicion.spares(later, Duration::from_millis(101)),
            "it lay there when the other broke"
        );
        assert!(
            suspicion.spares(later, Duration::from_millis(99)),
            "it has worked since"
        );
    }
}
