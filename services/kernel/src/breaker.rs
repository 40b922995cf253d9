//! Whether a role elsewhere answers at all. While it does not, whoever calls it is told so at once instead of waiting, and
//! one call at a time tries again (RELIABILITY R-09).
//!
//! Only a connection that cannot be made or that breaks is a failure: what a role answers, however unwelcome, is an answer,
//! and a call that its caller gave up says nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Error;

/// So many failures in a row, each begun after the one before, open it. One lost connection with many calls on it is one.
const FAILURES: u32 = 2;
/// After a failure it stays open for so long before a call may try.
const REST: Duration = Duration::from_millis(500);

/// The state of one way to a role.
pub(crate) struct Breaker {
    peer: String,
    state: Mutex<State>,
    openings: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    failures: u32,
    failed_at: Option<Instant>,
    /// While open: when the next call may try.
    open_until: Option<Instant>,
    trying: bool,
}

/// A call on its way.
pub(crate) struct Try {
    breaker: Arc<Breaker>,
    openings: watch::Receiver<u64>,
    began: Instant,
    is_trial: bool,
}

impl Breaker {
    /// A closed one. `peer` is what it is called in metrics and logs.
    pub(crate) fn new(peer: &str) -> Arc<Self> {
        Arc::new(Self {
            peer: peer.to_owned(),
            state: Mutex::default(),
            openings: watch::Sender::new(0),
        })
    }

    /// A call begins.
    ///
    /// # Errors
    /// `UNAVAILABLE` at once while the role does not answer.
    pub(crate) fn begin(self: &Arc<Self>, now: Instant) -> Result<Try, Error> {
        let mut state = self.state.lock().map_err(|_| unreachable())?;
        let mut is_trial = false;
        if let Some(until) = state.open_until {
            if state.trying || now < until {
                return Err(unreachable());
            }
            (state.trying, is_trial) = (true, true);
        }
        drop(state);
        Ok(Try {
            breaker: Arc::clone(self),
            openings: self.openings.subscribe(),
            began: now,
            is_trial,
        })
    }

    fn opens(&self, state: &mut State, now: Instant) {
        if state.open_until.is_none() {
            tracing::warn!(
                peer = self.peer,
                "does not answer; calls to it are refused until it does"
            );
            metrics::gauge!("muster_peer_open", "peer" => self.peer.clone()).set(1);
            self.openings.send_modify(|count| *count = count.wrapping_add(1));
        }
        state.open_until = Some(now + REST);
    }
}

impl Try {
    /// There was an answer.
    pub(crate) fn answered(self) {
        let Ok(mut state) = self.breaker.state.lock() else {
            return;
        };
        if state.open_until.is_some() {
            tracing::info!(peer = self.breaker.peer, "answers again");
            metrics::gauge!("muster_peer_open", "peer" => self.breaker.peer.clone()).set(0);
        }
        *state = State::default();
    }

    /// The connection could not be made, or broke before there was an answer.
    pub(crate) fn failed(self, now: Instant) {
        let Ok(mut state) = self.breaker.state.lock() else {
            return;
        };
        let is_news = state.failed_at.is_none_or(|last| self.began >= last);
        if is_news {
            state.failures += 1;
            state.failed_at = Some(now);
        }
        if self.is_trial || state.failures >= FAILURES {
            self.breaker.opens(&mut state, now);
        }
    }

    /// Waits until others have found that there is no answer to be had.
    pub(crate) async fn is_hopeless(&mut self) {
        if self.is_trial || self.openings.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        if self.is_trial
            && let Ok(mut state) = self.breaker.state.lock()
        {
            state.trying = false;
        }
    }
}

/// What is said in place of an answer.
pub(crate) fn unreachable() -> Error {
    Error::unavailable("UNAVAILABLE", "this part of Muster does not answer; try again")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment, so many milliseconds after the first.
    fn at(milliseconds: u64) -> Instant {
        static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *FIRST.get_or_init(Instant::now) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn one_lost_connection_is_one_failure_however_many_called_on_it() {
        let breaker = Breaker::new("orders");
        let calls: Vec<Try> = (0..50).map(|_| breaker.begin(at(0)).unwrap()).collect();
        calls.into_iter().for_each(|call| call.failed(at(1)));
        breaker.begin(at(2)).unwrap().answered();
        breaker.begin(at(3)).unwrap().failed(at(4));
        let next = breaker.begin(at(5));
        assert!(next.is_ok(), "failures with an answer in between are not in a row");
    }

    #[tokio::test]
    async fn it_opens_tries_one_call_at_a_time_and_closes() {
        let breaker = Breaker::new("orders");
        let mut waiting = breaker.begin(at(0)).unwrap();
        for moment in [0, 10] {
            breaker.begin(at(moment)).unwrap().failed(at(moment + 1));
        }
        assert_eq!(breaker.begin(at(12)).err().unwrap().code, tonic::Code::Unavailable);
        waiting.is_hopeless().await;
        let trial = breaker.begin(at(511)).expect("one may try");
        assert!(breaker.begin(at(511)).is_err(), "and only one");
        trial.failed(at(520));
        assert!(breaker.begin(at(1_000)).is_err(), "it rests again");
        drop(breaker.begin(at(1_020)).expect("one may try"));
        let trial = breaker
            .begin(at(1_021))
            .expect("the one before gave up, which says nothing");
        trial.answered();
        let both = (breaker.begin(at(1_022)), breaker.begin(at(1_022)));
        assert!(both.0.is_ok() && both.1.is_ok(), "it is closed");
    }
}
