//! Rates: a bucket per caller, told in nanoseconds; and, whatever the bucket says, no span of time with more in it than
//! burst and rate give.

use std::collections::BTreeMap;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use muster_gateway::quota::Quota;
use muster_kernel::testing::model::{Bench, Model, ReferenceStateMachine, compare, finds, holds};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const BENCH: Bench = Bench {
    cases: 10_000,
    steps: 60,
    seeds: "proptest-regressions/model_quota.txt",
};

#[derive(Debug, Clone)]
struct Buckets {
    per_second: u32,
    burst: u32,
    now: u64,
    /// What each caller has left, and when that was. Who is not here has everything.
    left: BTreeMap<u8, (u64, u64)>,
}

#[derive(Debug, Clone)]
enum Step {
    Ask(u8),
    /// So many nanoseconds go by.
    Wait(u64),
    /// Who has been quiet is forgotten.
    Forget,
}

/// Let in, or how many nanoseconds to wait.
type Seen = Result<(), u64>;

impl Buckets {
    fn one(&self) -> u64 {
        SECOND / u64::from(self.per_second)
    }

    fn full(&self) -> u64 {
        self.one() * u64::from(self.burst)
    }

    fn left(&self, caller: u8) -> u64 {
        let (left, at) = self.left.get(&caller).copied().unwrap_or((self.full(), self.now));
        (left + self.now - at).min(self.full())
    }
}

struct Rates;

impl ReferenceStateMachine for Rates {
    type State = Buckets;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Buckets> {
        let (now, left) = (0, BTreeMap::new());
        (1..8_u32, 1..6_u32)
            .prop_map(move |(per_second, burst)| Buckets {
                per_second,
                burst,
                now,
                left: left.clone(),
            })
            .boxed()
    }

    fn transitions(state: &Buckets) -> BoxedStrategy<Step> {
        let one = state.one();
        prop_oneof![
            10 => (0..3_u8).prop_map(Step::Ask),
            2 => Just(Step::Wait(one)),
            1 => Just(Step::Wait(one - 1)),
            1 => Just(Step::Wait(1)),
            2 => (0..3 * SECOND).prop_map(Step::Wait),
            1 => Just(Step::Forget),
        ]
        .boxed()
    }

    fn apply(mut state: Buckets, step: &Step) -> Buckets {
        match *step {
            Step::Ask(caller) => {
                let left = state.left(caller);
                let left = left.checked_sub(state.one()).unwrap_or(left);
                state.left.insert(caller, (left, state.now));
            }
            Step::Wait(nanos) => state.now += nanos,
            Step::Forget => {}
        }
        state
    }
}

impl Model for Rates {
    type Seen = Seen;

    fn expect(state: &Buckets, step: &Step) -> Seen {
        match *step {
            Step::Ask(caller) => match state.one().saturating_sub(state.left(caller)) {
                0 => Ok(()),
                wait => Err(wait),
            },
            Step::Wait(_) | Step::Forget => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// A sweep forgets everybody.
    ForgetsAll,
    /// A sweep forgets nobody.
    ForgetsNone,
    /// What is spent comes back twice as fast.
    TooFast,
    /// One caller's requests are held against all.
    OneForAll,
    /// One more at once than was said.
    OneMore,
    /// Who was refused is refused once more.
    RefusedIsCounted,
}

fn run(plant: Option<Plant>, state: &Buckets, steps: &[Step]) -> Result<(), String> {
    let is = |one| plant == Some(one);
    let clock = FakeRelativeClock::default();
    let burst = state.burst + u32::from(is(Plant::OneMore));
    let fresh = || Quota::new(state.per_second, burst, clock.clone());
    let mut quota = fresh();
    let mut state = state.clone();
    let mut let_in: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
    let mut owing = [false; 3];
    for step in steps {
        let seen: Seen = match *step {
            Step::Ask(caller) => {
                let key = if is(Plant::OneForAll) { 0 } else { caller };
                let owes = is(Plant::RefusedIsCounted) && std::mem::take(&mut owing[usize::from(caller)]);
                let outcome = if owes {
                    Err(Duration::from_secs(1))
                } else {
                    quota.take(&key)
                };
                if outcome.is_ok() {
                    let_in.entry(caller).or_default().push(state.now);
                } else {
                    owing[usize::from(caller)] = !owes;
                }
                let wait = |wait: Duration| u64::try_from(wait.as_nanos()).unwrap();
                outcome.map_err(wait)
            }
            Step::Wait(nanos) => {
                clock.advance(Duration::from_nanos(if is(Plant::TooFast) { nanos * 2 } else { nanos }));
                Ok(())
            }
            Step::Forget => {
                if !is(Plant::ForgetsNone) {
                    quota.forget_idle();
                }
                if is(Plant::ForgetsAll) {
                    quota = fresh();
                }
                // Who has had everything back for a while is not remembered.
                let recent = |(left, at): &&(u64, u64)| left + state.now - at <= state.full() + state.one();
                let most = state.left.values().filter(recent).count();
                if quota.remembered() > most {
                    return Err(format!(
                        "{} are remembered, not {most}, in {state:?}",
                        quota.remembered()
                    ));
                }
                Ok(())
            }
        };
        state = compare::<Rates>(state, step, &seen)?;
    }
    spans(&state, &let_in)
}

/// In any span at most the burst, and what the rate gives in it.
fn spans(state: &Buckets, let_in: &BTreeMap<u8, Vec<u64>>) -> Result<(), String> {
    for (caller, moments) in let_in {
        for (first, from) in moments.iter().enumerate() {
            for (last, to) in moments.iter().enumerate().skip(first) {
                let (count, most) = (
                    (last - first + 1) as u64,
                    u64::from(state.burst) + (to - from) / state.one(),
                );
                if count > most {
                    return Err(format!("caller {caller}: {count} from {from} to {to}, not {most}"));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn rates_are_what_the_model_says() {
    holds::<Rates>(BENCH, |state, steps| run(None, state, steps));
}

#[test]
fn planted_bugs_of_rates_are_found() {
    use Plant::*;
    for plant in [ForgetsAll, ForgetsNone, TooFast, OneForAll, OneMore, RefusedIsCounted] {
        finds::<Rates>(BENCH, &plant, |state, steps| run(Some(plant), state, steps));
    }
}
