//! The same key, the same answer: a map from who, method and key to what was asked and answered.

mod book;
mod shop;

use std::sync::Mutex;

use chrono::TimeDelta;
use muster_kernel::testing::model::{Bench, ReferenceStateMachine, compare, explain, finds, holds};
use muster_kernel::testing::{Engine, Lab};
use tokio::runtime::Runtime;

use self::book::{Book, Keys, Step};
use self::shop::{Plant, Shop};
use crate::lab;

async fn run<const ONCE: bool>(lab: &Lab, plant: Option<Plant>, steps: &[Step]) -> Result<(), String> {
    let shop = Shop {
        lab,
        tenant: lab.deps.world.new_id(),
        plant,
        apart: Mutex::default(),
    };
    let mut book = Book::default();
    for step in steps {
        if matches!(step, Step::Wait(_) | Step::Forget) {
            let mut apart = shop.apart.lock().unwrap();
            *apart = Keys::<ONCE>::apply(apart.clone(), step);
        }
        book = match step {
            Step::Call(call) => compare::<Keys<ONCE>>(book, step, &Some(shop.call(call).await))?,
            Step::AtOnce(calls) => {
                let answers = futures::future::join_all(calls.iter().map(|call| shop.call(call))).await;
                let seen: Vec<_> = calls
                    .iter()
                    .cloned()
                    .map(Step::Call)
                    .zip(answers.into_iter().map(Some))
                    .collect();
                explain::<Keys<ONCE>>(&book, &seen)
                    .ok_or_else(|| format!("no order explains {seen:#?} from {book:?}"))?
            }
            Step::Wait(hours) => {
                lab.clock.advance(TimeDelta::hours(*hours));
                Keys::<ONCE>::apply(book, step)
            }
            Step::Forget => {
                let early = TimeDelta::hours(if plant == Some(Plant::ForgottenEarly) { 2 } else { 0 });
                let now = lab.deps.world.now() + early;
                muster_kernel::idempotency::forget_old(&lab.deps.db, now).await.unwrap();
                Keys::<ONCE>::apply(book, step)
            }
        };
        let mut effects = book.effects.clone();
        effects.sort();
        let seen = shop.effects().await;
        if seen != effects {
            return Err(format!("after {step:?} these took effect: {seen:?}, not {effects:?}"));
        }
    }
    Ok(())
}

fn bench(cases: u32, steps: usize) -> Bench {
    let seeds = "proptest-regressions/model_idempotency.txt";
    Bench { cases, steps, seeds }
}

fn holds_on<const ONCE: bool>(engine: Engine, bench: Bench) {
    let (runtime, lab): (Runtime, Lab) = lab(engine);
    holds::<Keys<ONCE>>(bench, |_, steps| runtime.block_on(run::<ONCE>(&lab, None, steps)));
}

#[test]
fn one_after_the_other_on_sqlite() {
    holds_on::<false>(Engine::Sqlite, bench(120, 24));
}

#[test]
fn one_after_the_other_on_postgres() {
    holds_on::<false>(Engine::Postgres, bench(30, 24));
}

#[test]
fn at_once_on_sqlite() {
    holds_on::<true>(Engine::Sqlite, bench(60, 12));
}

#[test]
fn at_once_on_postgres() {
    holds_on::<true>(Engine::Postgres, bench(40, 12));
}

#[test]
fn planted_bugs_of_idempotency_are_found() {
    use Plant::*;
    let (runtime, lab) = lab(Engine::Sqlite);
    for plant in [
        CallerForgotten,
        MethodForgotten,
        BodyForgotten,
        VerdictForgotten,
        ForgottenEarly,
        EffectApart,
    ] {
        let run = |steps: &[Step]| runtime.block_on(run::<false>(&lab, Some(plant), steps));
        finds::<Keys<false>>(bench(400, 30), &plant, |_, steps| run(steps));
    }
    let run = |steps: &[Step]| runtime.block_on(run::<true>(&lab, Some(CheckThenAct), steps));
    finds::<Keys<true>>(bench(100, 12), &CheckThenAct, |_, steps| run(steps));
}
