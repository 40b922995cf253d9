//! What several gateways count together: with every exchange each of them learns the sum, and refuses who is over it
//! until the window ends. Nobody else is refused, and nobody waits longer than a window, whatever the clock does.

use std::collections::{BTreeMap, HashMap};

use muster_gateway::tally::{Counted, Tally, WINDOW, Who};
use muster_kernel::testing::model::{Bench, Model, ReferenceStateMachine, compare, finds, holds};
use proptest::prelude::*;
use uuid::Uuid;

/// A window allows so many.
const ALLOWED: i64 = 6;
/// So many callers are counted between two exchanges; there is one more.
const MOST: usize = 2;
const BENCH: Bench = Bench {
    cases: 10_000,
    steps: 80,
    seeds: "proptest-regressions/model_tally.txt",
};

#[derive(Debug, Clone, Default)]
struct Gateway {
    /// Counted since the last exchange.
    fresh: BTreeMap<u8, i64>,
    /// Known to be over, until when.
    over: BTreeMap<u8, i64>,
}

#[derive(Debug, Clone)]
struct Together {
    now: i64,
    gateways: [Gateway; 2],
    /// By caller and window.
    sums: BTreeMap<(u8, i64), i64>,
}

#[derive(Debug, Clone)]
enum Step {
    /// A request of a caller at a gateway.
    Ask(usize, u8),
    /// A gateway adds what it counted, and learns the sums; or what it counted is lost on the way.
    Exchange(usize, bool),
    /// So many milliseconds go by, or come back.
    Wait(i64),
}

/// Let in, or how many milliseconds to wait; and how many callers the gateway remembers to have counted.
type Seen = (Result<(), i64>, usize);

struct Tallies;

impl ReferenceStateMachine for Tallies {
    type State = Together;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Together> {
        let start = 1_790_000_000_000_i64;
        (start..start + 10_000)
            .prop_map(|now| Together {
                now,
                gateways: Default::default(),
                sums: BTreeMap::new(),
            })
            .boxed()
    }

    fn transitions(_: &Together) -> BoxedStrategy<Step> {
        prop_oneof![
            20 => (0..2_usize, 0..3_u8).prop_map(|(gateway, caller)| Step::Ask(gateway, caller)),
            6 => (0..2_usize, prop::bool::weighted(0.1)).prop_map(|(gateway, lost)| Step::Exchange(gateway, lost)),
            2 => (0..500_i64).prop_map(Step::Wait),
            1 => prop_oneof![Just(10_000_i64), 0..12_000_i64, -3_600_000..0_i64].prop_map(Step::Wait),
        ]
        .boxed()
    }

    fn apply(mut state: Together, step: &Step) -> Together {
        match *step {
            Step::Ask(gateway, caller) => {
                if refused(&state, gateway, caller).is_none() {
                    let gateway = &mut state.gateways[gateway];
                    gateway.over.remove(&caller);
                    if gateway.fresh.len() < MOST || gateway.fresh.contains_key(&caller) {
                        *gateway.fresh.entry(caller).or_default() += 1;
                    }
                }
            }
            Step::Exchange(number, lost) => {
                let fresh = std::mem::take(&mut state.gateways[number].fresh);
                let (now, window) = (state.now, state.now / (WINDOW * 1000));
                if !lost {
                    // Whose window is over is forgotten then, also where the clock is set back later.
                    state.gateways[number].over.retain(|_, until| *until > now);
                }
                for (caller, count) in fresh.into_iter().filter(|_| !lost) {
                    let sum = state.sums.entry((caller, window)).or_default();
                    *sum += count;
                    if *sum > ALLOWED {
                        state.gateways[number].over.insert(caller, (window + 1) * WINDOW * 1000);
                    }
                }
            }
            Step::Wait(by) => state.now += by,
        }
        state
    }
}

/// How long a caller must wait at a gateway.
fn refused(state: &Together, gateway: usize, caller: u8) -> Option<i64> {
    let left = state.gateways[gateway].over.get(&caller)? - state.now;
    (left > 0 && left <= WINDOW * 1000).then_some(left)
}

impl Model for Tallies {
    type Seen = Seen;

    fn expect(state: &Together, step: &Step) -> Seen {
        let after = Self::apply(state.clone(), step);
        match *step {
            Step::Ask(gateway, caller) => (
                refused(state, gateway, caller).map_or(Ok(()), Err),
                after.gateways[gateway].fresh.len(),
            ),
            Step::Exchange(gateway, _) => (Ok(()), after.gateways[gateway].fresh.len()),
            Step::Wait(_) => (Ok(()), 0),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// What was counted is sent twice.
    SentTwice,
    /// A gateway never hears of the others.
    Deaf,
    /// Callers are mixed up.
    MixedUp,
    /// Who is over stays so in the next window.
    NeverEnds,
    /// One more than was said.
    OneMore,
    /// More callers are counted than there is room for.
    Unbounded,
}

fn tenant(number: u8) -> Counted {
    let who = Who::Id(Uuid::from_u128(number.into()));
    Counted { kind: "tenant", who }
}

fn run(plant: Option<Plant>, state: &Together, steps: &[Step]) -> Result<(), String> {
    let is = |one| plant == Some(one);
    let allowed = ALLOWED + i64::from(is(Plant::OneMore));
    let most = if is(Plant::Unbounded) { MOST + 1 } else { MOST };
    let tally = || Tally::new(HashMap::from([("tenant", allowed)]), most);
    let mut gateways = [tally(), tally()];
    let mut redis: HashMap<(usize, Counted, i64), i64> = HashMap::new();
    let mut state = state.clone();
    for step in steps {
        let now = state.now;
        let seen: Seen = match *step {
            Step::Ask(number, caller) => {
                let name = if is(Plant::MixedUp) { 0 } else { caller };
                let outcome = gateways[number].check(tenant(name), now);
                let wait = outcome.map_err(|wait| i64::try_from(wait.as_millis()).unwrap());
                (wait, gateways[number].remembered().0)
            }
            Step::Exchange(number, lost) => {
                let counted = gateways[number].take();
                let shared = if is(Plant::Deaf) { number } else { 0 };
                let mut sums = Vec::new();
                for (key, count) in counted.into_iter().filter(|_| !lost) {
                    let sum = redis.entry((shared, key, Tally::window(now))).or_default();
                    *sum += if is(Plant::SentTwice) { count * 2 } else { count };
                    sums.push((key, *sum));
                }
                if !lost {
                    let late = if is(Plant::NeverEnds) { WINDOW * 1000 } else { 0 };
                    gateways[number].learn(sums, now + late);
                }
                (Ok(()), gateways[number].remembered().0)
            }
            Step::Wait(_) => (Ok(()), 0),
        };
        state = compare::<Tallies>(state, step, &seen)?;
        let over = gateways.iter().map(|gateway| gateway.remembered().1).max();
        if over > Some(3) {
            return Err(format!("{over:?} callers are remembered to be over, of three"));
        }
    }
    Ok(())
}

#[test]
fn shared_counts_are_what_the_model_says() {
    holds::<Tallies>(BENCH, |state, steps| run(None, state, steps));
}

#[test]
fn planted_bugs_of_shared_counts_are_found() {
    use Plant::*;
    for plant in [SentTwice, Deaf, MixedUp, NeverEnds, OneMore, Unbounded] {
        finds::<Tallies>(BENCH, &plant, |state, steps| run(Some(plant), state, steps));
    }
}

/// What the model found: after the clock was set back by an hour, who was over the limit waited for that hour.
#[test]
fn nobody_waits_for_a_clock_that_was_set_back() {
    let mut tally = Tally::new(HashMap::from([("tenant", 0)]), MOST);
    let now = 1_790_000_001_000;
    tally.check(tenant(1), now).unwrap();
    tally.learn([(tenant(1), 1)], now);
    assert_eq!(tally.check(tenant(1), now).unwrap_err().as_secs(), 9);
    tally.check(tenant(1), now - 3_600_000).unwrap();
}
