//! What a family of refresh tokens is: a counter, the moment of its last step, and whether it is over.

use muster_kernel::testing::model::{Model, ReferenceStateMachine};
use proptest::prelude::*;

/// The old token gets the same successor for so many seconds.
const GRACE: i64 = 10;
/// A worker's session sleeps at most so long.
const IDLE: i64 = 12 * 3600;
/// And lasts at most so long.
const WHOLE: i64 = 7 * 24 * 3600;

#[derive(Debug, Clone)]
pub struct Family {
    /// Seconds since the session began.
    pub now: i64,
    pub newest: u32,
    pub since: i64,
    pub ended: bool,
}

#[derive(Debug, Clone)]
pub enum Step {
    /// The token so many generations back comes: 0 is the newest. To one of two processes.
    Come {
        back: u32,
        process: usize,
    },
    /// A token of a generation that was never given out, with a true seal: somebody has the key, or a backup was restored.
    FromTheFuture(u32),
    /// The newest token, with one letter changed.
    Garbled,
    /// Several come at once.
    AtOnce(Vec<u32>),
    Wait(i64),
    /// The person signs out.
    SignOut,
}

/// The generation that was given out; None for `SESSION_ENDED`.
pub type Seen = Option<u32>;

impl Family {
    fn come(&mut self, generation: i64) -> Seen {
        if self.ended || self.now - self.since >= IDLE || self.now >= WHOLE {
            return None;
        }
        match i64::from(self.newest) - generation {
            0 => {
                (self.newest, self.since) = (self.newest + 1, self.now);
                Some(self.newest)
            }
            1 if self.now - self.since <= GRACE => Some(self.newest),
            _ => {
                self.ended = true;
                None
            }
        }
    }

    /// The generation so far back, if there was one.
    pub fn back(&self, back: u32) -> u32 {
        self.newest.saturating_sub(back).max(1)
    }

    pub fn step(&mut self, step: &Step) -> Seen {
        match *step {
            Step::Come { back, .. } => self.come(self.back(back).into()),
            Step::FromTheFuture(ahead) => self.come(i64::from(self.newest + ahead)),
            Step::Garbled => None,
            Step::AtOnce(_) => None,
            Step::Wait(seconds) => {
                self.now += seconds;
                None
            }
            Step::SignOut => {
                self.ended = true;
                None
            }
        }
    }
}

/// Sequences; `MANY` with several tokens at once among them.
pub struct Tokens<const MANY: bool>;

impl<const MANY: bool> ReferenceStateMachine for Tokens<MANY> {
    type State = Family;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Family> {
        let (now, newest, since, ended) = (0, 1, 0, false);
        Just(Family {
            now,
            newest,
            since,
            ended,
        })
        .boxed()
    }

    fn transitions(_: &Family) -> BoxedStrategy<Step> {
        let back = prop_oneof![8 => Just(0_u32), 4 => Just(1_u32), 1 => 2..5_u32];
        let waits = prop_oneof![
            6 => 0..4_i64,
            3 => prop_oneof![Just(GRACE), Just(GRACE + 1)],
            1 => prop_oneof![Just(IDLE - 1), Just(IDLE), Just(WHOLE)],
        ];
        let many = prop::collection::vec(back.clone(), 2..=4).prop_map(Step::AtOnce);
        prop_oneof![
            12 => (back, 0..2_usize).prop_map(|(back, process)| Step::Come { back, process }),
            if MANY { 10 } else { 0 } => many,
            6 => waits.prop_map(Step::Wait),
            1 => prop_oneof![(1..3_u32).prop_map(Step::FromTheFuture), Just(Step::Garbled), Just(Step::SignOut)],
        ]
        .boxed()
    }

    fn apply(mut family: Family, step: &Step) -> Family {
        if let Step::AtOnce(backs) = step {
            let generations: Vec<u32> = backs.iter().map(|back| family.back(*back)).collect();
            generations
                .into_iter()
                .for_each(|generation| _ = family.come(generation.into()));
        } else {
            family.step(step);
        }
        family
    }
}

impl<const MANY: bool> Model for Tokens<MANY> {
    type Seen = Seen;

    fn expect(family: &Family, step: &Step) -> Seen {
        family.clone().step(step)
    }
}

/// One token of a known generation comes: what the steps done at once are explained by.
pub struct Arrivals;

impl ReferenceStateMachine for Arrivals {
    type State = Family;
    type Transition = u32;

    fn init_state() -> BoxedStrategy<Family> {
        Tokens::<false>::init_state()
    }

    fn transitions(_: &Family) -> BoxedStrategy<u32> {
        (1..9_u32).boxed()
    }

    fn apply(mut family: Family, generation: &u32) -> Family {
        family.come(i64::from(*generation));
        family
    }
}

impl Model for Arrivals {
    type Seen = Seen;

    fn expect(family: &Family, generation: &u32) -> Seen {
        family.clone().come(i64::from(*generation))
    }
}
