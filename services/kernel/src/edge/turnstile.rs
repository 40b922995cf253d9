//! Who comes with many others is let in after them.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Those who are in have so long a turn after each who is let in.
const TURN: Duration = Duration::from_millis(1);

/// To open a connection and to answer its first question costs more than a call does, and a thousand who come together
/// would stand in front of everybody who is in. They pass one by one, and whoever comes alone at once. Who is connected and
/// says nothing does not stand here, and of one address only as many as may be connected.
#[derive(Default)]
pub(super) struct Turnstile {
    free_at: Mutex<Option<Instant>>,
}

impl Turnstile {
    /// Waits for those who came before.
    pub(super) async fn pass(&self) {
        let mut free_at = self.free_at.lock().await;
        if let Some(at) = *free_at {
            sleep_until(at).await;
        }
        *free_at = Some(Instant::now() + TURN);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_crowd_passes_one_by_one_and_who_comes_alone_at_once() {
        let turnstile = Turnstile::default();
        assert!(turnstile.pass().now_or_never().is_some());
        let began = Instant::now();
        for _ in 0..50 {
            turnstile.pass().await;
        }
        assert!(began.elapsed() >= TURN * 49, "they passed within {:?}", began.elapsed());
        tokio::time::sleep(TURN * 2).await;
        assert!(turnstile.pass().now_or_never().is_some(), "nobody is there");
    }
}
