//! Turns: a tenant has so many calls and so many streams running, each counted apart, and gives back what has ended. The
//! last calls are for changes, and lists have half.

use std::collections::BTreeMap;

use muster_gateway::at_once::{AtOnce, Turn};
use muster_kernel::config::Config;
use muster_kernel::testing::model::{Bench, Model, ReferenceStateMachine, compare, finds, holds};
use muster_proto::Rule;
use proptest::prelude::*;
use uuid::Uuid;

const CALLS: usize = 4;
const STREAMS: usize = 2;
const BENCH: Bench = Bench {
    cases: 10_000,
    steps: 40,
    seeds: "proptest-regressions/model_at_once.txt",
};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Errand {
    Change,
    Read,
    List,
    Watch,
}

impl Errand {
    fn rule(self) -> &'static Rule {
        let method = match self {
            Self::Change => "OrderService/PlaceOrder",
            Self::Read => "OrderService/GetOrder",
            Self::List => "OrderService/ListOrders",
            Self::Watch => "KitchenService/WatchKitchen",
        };
        muster_proto::rule(&format!("/muster.orders.v1.{method}")).unwrap()
    }

    /// So many of the same count run at most when one like this begins.
    fn most(self) -> usize {
        match self {
            Self::Change => CALLS,
            Self::Read => 3,
            Self::List => 2,
            Self::Watch => STREAMS,
        }
    }

    fn is_counted_with(self, other: Self) -> bool {
        (self == Self::Watch) == (other == Self::Watch)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Begin {
        tenant: u8,
        errand: Errand,
    },
    /// One of those that run ends, by its place.
    End(usize),
}

/// Everything that runs, in the order in which it began.
type Running = Vec<(u8, Errand)>;

fn errand() -> impl Strategy<Value = Errand> {
    prop::sample::select(vec![Errand::Change, Errand::Read, Errand::List, Errand::Watch])
}

struct Turns;

impl ReferenceStateMachine for Turns {
    type State = Running;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Running> {
        Just(Vec::new()).boxed()
    }

    fn transitions(_: &Running) -> BoxedStrategy<Step> {
        prop_oneof![
            4 => (0..2_u8, errand()).prop_map(|(tenant, errand)| Step::Begin { tenant, errand }),
            2 => (0..10_usize).prop_map(Step::End),
        ]
        .boxed()
    }

    fn apply(mut running: Running, step: &Step) -> Running {
        match *step {
            Step::Begin { tenant, errand } if Self::expect(&running, step) => running.push((tenant, errand)),
            Step::End(place) if place < running.len() => drop(running.remove(place)),
            _ => {}
        }
        running
    }
}

impl Model for Turns {
    /// Whether it was let in, or ended.
    type Seen = bool;

    fn expect(running: &Running, step: &Step) -> bool {
        match *step {
            Step::Begin { tenant, errand } => {
                let same = running
                    .iter()
                    .filter(|one| one.0 == tenant && one.1.is_counted_with(errand));
                same.count() < errand.most()
            }
            Step::End(place) => place < running.len(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// Some turns are never given back: those of streams that end.
    Leaks,
    /// Calls and streams are counted together.
    Together,
    /// One tenant's requests are held against another.
    OneForAll,
    /// A refused request takes a turn.
    RefusedIsCounted,
    /// Whatever somebody wants to see is as urgent as a change.
    AllAlike,
}

fn run(plant: Option<Plant>, steps: &[Step]) -> Result<(), String> {
    let is = |one| plant == Some(one);
    let mut settings = Config::load(None).map_err(|error| error.to_string())?.gateway;
    (settings.tenant_calls_at_once, settings.tenant_streams_at_once) = (CALLS, STREAMS);
    let at_once = AtOnce::new(&settings);
    let mut turns: Vec<Turn> = Vec::new();
    let mut running = Running::new();
    let mut refused: BTreeMap<(u8, Errand), usize> = BTreeMap::new();
    for step in steps {
        let seen = match *step {
            Step::Begin { tenant, errand } => {
                let whose = Uuid::from_u128(if is(Plant::OneForAll) { 0 } else { tenant.into() });
                let lost = is(Plant::RefusedIsCounted) && refused.remove(&(tenant, errand)).is_some();
                let asked = match errand {
                    Errand::Watch if is(Plant::Together) => Errand::Change,
                    Errand::Read | Errand::List if is(Plant::AllAlike) => Errand::Change,
                    errand => errand,
                };
                match at_once.begin(whose, asked.rule()) {
                    Ok(turn) if !lost => {
                        turns.push(turn);
                        true
                    }
                    Ok(_) => false,
                    Err(_) => {
                        *refused.entry((tenant, errand)).or_default() += 1;
                        false
                    }
                }
            }
            Step::End(place) if place < turns.len() => {
                let turn = turns.remove(place);
                if is(Plant::Leaks) && running[place].1 == Errand::Watch {
                    std::mem::forget(turn);
                }
                true
            }
            Step::End(_) => false,
        };
        running = compare::<Turns>(running, step, &seen)?;
    }
    Ok(())
}

#[test]
fn turns_are_what_the_model_says() {
    holds::<Turns>(BENCH, |_, steps| run(None, steps));
}

#[test]
fn planted_bugs_of_turns_are_found() {
    use Plant::*;
    for plant in [Leaks, Together, OneForAll, RefusedIsCounted, AllAlike] {
        finds::<Turns>(BENCH, &plant, |_, steps| run(Some(plant), steps));
    }
}
