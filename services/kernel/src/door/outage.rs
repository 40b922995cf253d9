//! Whether the database answers at all. While it does not, callers are told so at once instead of queueing for it, and one
//! call at a time tries again (RELIABILITY ).
//!
//! Without this everybody waits as long as a connection may take, and whoever comes to the head of that queue has used up
//! the time that it takes to make one: the queue outlives the fault, and what needs no database waits in it too.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Error;

/// So many failures in a row, each begun after the one before: one crash that many calls meet is one.
const FAILURES: u32 = 2;
/// A call that fails after so long, while nobody was answered, says as much by itself.
const SILENCE: Duration = Duration::from_secs(1);
/// So many who wait for a server while nobody was answered for so long make us ask whether it is there: the first of them
/// will not fail before its statement's time is over, and until then those who come would fill what a business may have
/// running at once. Silence alone says nothing: a disk may be slow, or a lock be held for long, and they go on.
const CROWD: usize = 8;
/// See [`CROWD`].
const DOUBT: Duration = Duration::from_millis(500);
/// A server that is there says so within.
pub(super) const IS_THERE: Duration = Duration::from_millis(500);
/// After a failure nobody asks for so long.
const REST: Duration = Duration::from_millis(250);

/// What one kind of calls has seen of the database. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outage {
    kind: &'static str,
    /// So many who wait in silence are enough.
    crowd: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answered_at: Option<Instant>,
    failed_at: Option<Instant>,
    failures: u32,
    /// While it is away: when the next call may try.
    away_until: Option<Instant>,
    trying: bool,
    /// Calls on their way.
    waiting: usize,
    /// Since when they are a crowd and none was answered.
    quiet_since: Option<Instant>,
    /// Somebody asks whether the server is there.
    doubted: bool,
}

/// A call on its way. Dropped before its end is told, it says nothing.
pub(super) struct Asking {
    outage: Outage,
    began: Instant,
    is_trial: bool,
    /// Whoever began this is to ask whether the server is there, and tell [`Outage::asked`].
    pub(super) in_doubt: bool,
}

impl Outage {
    /// Nothing was seen yet. `kind` is what these calls are called in metrics and logs; `is_server`: the database is a
    /// server, and no file.
    pub(super) fn none(kind: &'static str, is_server: bool) -> Self {
        let crowd = if is_server { CROWD } else { usize::MAX };
        let state = Arc::default();
        Self { kind, crowd, state }
    }

    /// A call begins.
    ///
    /// # Errors
    /// `DATABASE_UNAVAILABLE` at once while the database does not answer.
    pub(super) fn begin(&self, now: Instant) -> Result<Asking, Error> {
        let mut state = self.state.lock().map_err(|_| away())?;
        let is_trial = state.away_until.is_some();
        if state.away_until.is_some_and(|until| state.trying || now < until) {
            return Err(away());
        }
        let in_doubt = !is_trial && !state.doubted && state.is_quiet(now);
        state.doubted |= in_doubt;
        state.waiting += 1;
        if state.waiting == self.crowd {
            state.quiet_since = Some(now);
        }
        state.trying = is_trial;
        Ok(Asking {
            outage: self.clone(),
            began: now,
            is_trial,
            in_doubt,
        })
    }

    /// The server was asked, in doubt, and answered or not.
    pub(super) fn asked(&self, answered: bool, now: Instant) {
        let Ok(mut state) = self.state.lock() else { return };
        state.doubted = false;
        if answered {
            state.quiet_since = state.quiet_since.map(|_| now);
        } else if state.is_quiet(now) {
            self.goes_away(&mut state, now);
        }
    }

    fn goes_away(&self, state: &mut State, now: Instant) {
        if state.away_until.is_none() {
            tracing::warn!(
                kind = self.kind,
                "the database does not answer; calls are refused until it does"
            );
            metrics::gauge!("muster_database_away", "kind" => self.kind).set(1);
        }
        state.away_until = Some(now + REST);
    }
}

impl State {
    fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_since.is_some_and(|since| now - since >= DOUBT)
    }
}

impl Asking {
    /// How it ended. Refusals that the handler may have made by itself say nothing of the database.
    pub(super) fn ended<T>(self, outcome: &Result<T, Error>, now: Instant) {
        let Ok(mut state) = self.outage.state.lock() else {
            return;
        };
        match outcome {
            Ok(_) => {
                if state.away_until.is_some() {
                    tracing::info!(kind = self.outage.kind, "the database answers again");
                    metrics::gauge!("muster_database_away", "kind" => self.outage.kind).set(0);
                }
                *state = State {
                    answered_at: Some(now),
                    trying: state.trying,
                    waiting: state.waiting,
                    quiet_since: state.quiet_since.map(|_| now),
                    doubted: state.doubted,
                    ..State::default()
                };
            }
            Err(error) if is_away(error) => self.failed(&mut state, now),
            Err(_) => state.quiet_since = state.quiet_since.map(|_| now),
        }
    }

    fn failed(&self, state: &mut State, now: Instant) {
        if state.failed_at.is_none_or(|last| self.began >= last) {
            state.failures += 1;
            state.failed_at = Some(now);
        }
        let nobody = state.answered_at.is_none_or(|at| at < self.began);
        let silent = nobody && now - self.began >= SILENCE;
        if !self.is_trial && !silent && state.failures < FAILURES {
            return;
        }
        self.outage.goes_away(state, now);
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Ok(mut state) = self.outage.state.lock() {
            state.waiting -= 1;
            state.trying &= !self.is_trial;
            if state.waiting < self.outage.crowd {
                state.quiet_since = None;
            }
        }
    }
}

fn away() -> Error {
    Error::unavailable("DATABASE_UNAVAILABLE", "the database does not answer; try again")
}

fn is_away(error: &Error) -> bool {
    let reasons = [
        "DATABASE_UNAVAILABLE",
        "DATABASE_TIMEOUT",
        "CONNECTION_LOST",
        "OUTCOME_UNKNOWN",
    ];
    reasons.contains(&error.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Result<(), Error> {
        Err(Error::unavailable("CONNECTION_LOST", "planted"))
    }

    #[test]
    fn it_is_away_after_two_failures_in_a_row_and_one_call_at_a_time_tries() {
        let (outage, born) = (Outage::none("reads", true), Instant::now());
        let at = |ms| born + Duration::from_millis(ms);
        let calls: Vec<Asking> = (0..50).map(|_| outage.begin(at(0)).unwrap()).collect();
        calls.into_iter().for_each(|call| call.ended(&lost(), at(1)));
        outage.begin(at(2)).unwrap().ended(&Ok(()), at(3));
        outage.begin(at(3)).unwrap().ended(&lost(), at(4));
        let next = outage.begin(at(5)).expect("one crash that many meet is one failure");
        next.ended(&lost(), at(6));
        assert_eq!(outage.begin(at(7)).err().unwrap().reason, "DATABASE_UNAVAILABLE");
        let trial = outage.begin(at(260)).expect("one may try");
        assert!(outage.begin(at(260)).is_err(), "and only one");
        trial.ended(&lost(), at(261));
        assert!(outage.begin(at(500)).is_err(), "it rests again");
        drop(outage.begin(at(520)).expect("one may try"));
        let trial = outage
            .begin(at(521))
            .expect("the one before gave up, which says nothing");
        trial.ended(&Ok(()), at(522));
        let both = (outage.begin(at(523)), outage.begin(at(523)));
        assert!(both.0.is_ok() && both.1.is_ok(), "it answers");
    }

    #[test]
    fn a_silent_database_is_away_after_one_call_and_a_refusal_says_nothing() {
        let (outage, born) = (Outage::none("changes", true), Instant::now());
        let at = |ms| born + Duration::from_millis(ms);
        let slow = outage.begin(at(0)).unwrap();
        outage.begin(at(100)).unwrap().ended(&Ok(()), at(200));
        slow.ended(&lost(), at(2_000));
        outage
            .begin(at(2_001))
            .expect("others were answered meanwhile")
            .ended(&lost(), at(4_001));
        assert!(outage.begin(at(4_002)).is_err());
        let refused = Err::<(), _>(Error::not_found("NO_SUCH_ORDER", "planted"));
        outage.begin(at(4_300)).unwrap().ended(&refused, at(4_301));
        let next = outage.begin(at(4_302)).expect("the next may try at once");
        assert!(next.is_trial, "a refusal may have been made without the database");
    }

    #[test]
    fn a_crowd_that_waits_in_silence_asks_whether_the_server_is_there() {
        let (outage, born) = (Outage::none("changes", true), Instant::now());
        let at = |ms| born + Duration::from_millis(ms);
        let doubts = |ms| outage.begin(at(ms)).unwrap().in_doubt;
        let crowd: Vec<Asking> = (0..CROWD).map(|_| outage.begin(at(0)).unwrap()).collect();
        outage.begin(at(499)).unwrap().ended(&Ok(()), at(500));
        assert!(!doubts(999), "one was answered half a second ago");
        assert!(doubts(1_000));
        assert!(!doubts(1_001), "it is asked already");
        outage.asked(true, at(1_100));
        assert!(!doubts(1_599), "it is only slow");
        assert!(doubts(1_600));
        outage.begin(at(1_700)).unwrap().ended(&Ok(()), at(1_800));
        outage.asked(false, at(2_100));
        assert!(!doubts(2_100), "somebody was answered meanwhile");
        assert!(doubts(2_300));
        outage.asked(false, at(2_800));
        assert_eq!(outage.begin(at(2_801)).err().unwrap().reason, "DATABASE_UNAVAILABLE");
        let trial = outage.begin(at(3_051)).expect("one may try");
        trial.ended(&Ok(()), at(3_052));
        outage.begin(at(3_053)).expect("it answers").ended(&Ok(()), at(3_054));
        drop(crowd);
        assert!(!doubts(9_000), "nobody waits");
    }

    #[test]
    fn a_few_say_nothing_nor_does_a_crowd_that_waits_for_a_file() {
        let born = Instant::now();
        let later = born + Duration::from_secs(9);
        for (is_server, most) in [(true, CROWD - 1), (false, 100)] {
            let outage = Outage::none("changes", is_server);
            let crowd: Vec<Asking> = (0..most).map(|_| outage.begin(born).unwrap()).collect();
            assert!(!outage.begin(later).unwrap().in_doubt, "{most} of {is_server}");
            drop(crowd);
        }
    }
}
