//! The rules alone, without a store: thousands of sequences in a moment.

use chrono::{DateTime, TimeDelta, Utc};
use muster_auth::domain::lifetime::Lifetime;
use muster_auth::domain::refresh::{Family, Verdict, judge};
use muster_auth::domain::role::Rank;
use muster_kernel::testing::model::{Bench, compare, finds, holds};

use crate::reference::{Family as Model, Seen, Step, Tokens};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// The old token is good for as long as nobody uses the new one.
    GraceForEver,
    /// So is the one before it.
    TwoBack,
    /// Each time it comes it gets another successor.
    AnotherSuccessor,
    /// A copy that comes back ends nothing.
    Harmless,
    /// Within the second of the rotation any old token is good.
    SameSecond,
    /// The rotation is forgotten by a restart.
    Forgotten,
    /// A session that slept too long wakes up.
    NeverSleeps,
}

struct Rules {
    plant: Option<Plant>,
    began: DateTime<Utc>,
    now: DateTime<Utc>,
    family: Family,
    ended: bool,
}

impl Rules {
    fn step(&mut self, step: &Step, model: &Model) -> Seen {
        match *step {
            Step::Come { back, .. } => self.come(model.back(back)),
            Step::FromTheFuture(ahead) => self.come(model.newest + ahead),
            Step::Garbled | Step::AtOnce(_) => None,
            Step::Wait(seconds) => {
                self.now += TimeDelta::seconds(seconds);
                None
            }
            Step::SignOut => {
                self.ended = true;
                None
            }
        }
    }

    fn come(&mut self, generation: u32) -> Seen {
        let is = |plant| self.plant == Some(plant);
        let (family, now) = (self.family, self.now);
        let lifetime = Lifetime::of_rank(Rank::Worker);
        if self.ended || (lifetime.is_over(self.began, family.rotated_at, now) && !is(Plant::NeverSleeps)) {
            return None;
        }
        let good_again = (is(Plant::GraceForEver) && generation + 1 == family.generation)
            || (is(Plant::TwoBack) && generation + 2 == family.generation)
            || (is(Plant::SameSecond) && generation < family.generation && now == family.rotated_at);
        match judge(family, generation, now) {
            _ if good_again => Some(family.generation),
            Verdict::Rotate(next) => {
                if !is(Plant::Forgotten) || generation != 3 {
                    self.family = next;
                }
                Some(next.generation)
            }
            Verdict::Repeat if is(Plant::AnotherSuccessor) => {
                self.family.generation += 1;
                Some(self.family.generation)
            }
            Verdict::Repeat => Some(family.generation),
            Verdict::Reused => {
                self.ended = !is(Plant::Harmless);
                None
            }
        }
    }
}

const BENCH: Bench = Bench {
    cases: 10_000,
    steps: 40,
    seeds: "proptest-regressions/model_refresh_rules.txt",
};

fn run(plant: Option<Plant>, model: &Model, steps: &[Step]) -> Result<(), String> {
    let began = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let family = Family {
        generation: 1,
        rotated_at: began,
    };
    let (now, ended) = (began, false);
    let mut rules = Rules {
        plant,
        began,
        now,
        family,
        ended,
    };
    let mut model = model.clone();
    for step in steps {
        let seen = rules.step(step, &model);
        model = compare::<Tokens<false>>(model, step, &seen)?;
    }
    Ok(())
}

#[test]
fn rules_are_what_the_model_says() {
    holds::<Tokens<false>>(BENCH, |model, steps| run(None, model, steps));
}

#[test]
fn planted_bugs_of_the_rules_are_found() {
    use Plant::*;
    for plant in [
        GraceForEver,
        TwoBack,
        AnotherSuccessor,
        Harmless,
        SameSecond,
        Forgotten,
        NeverSleeps,
    ] {
        finds::<Tokens<false>>(BENCH, &plant, |model, steps| run(Some(plant), model, steps));
    }
}
