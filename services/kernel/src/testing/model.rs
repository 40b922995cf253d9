//! Model tests: a thing and a simple model of it are led through the same random steps, and must show the same
//! (RELIABILITY R-30).
//!
//! The steps come from `proptest-state-machine`, which also shortens those that fail. A model test is worth something
//! only if it can fail, so each is run against planted bugs too: [`finds`] fails when a plant goes unnoticed.
//!
//! `PROPTEST_CASES=1000000 cargo nextest run --release -p muster-orders model_order` tries as many sequences;
//! `PROPTEST_RNG_SEED` repeats a run. The seed of a failure is kept in `proptest-regressions/` and tried first from then on.

use std::fmt::Debug;
use std::sync::atomic::Ordering;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner,
};
pub use proptest_state_machine::ReferenceStateMachine;

/// What a model says of a step: the answer that the thing itself must give.
pub trait Model: ReferenceStateMachine {
    /// Everything that can be seen from outside after a step.
    type Seen: Clone + Debug + PartialEq;

    /// What must be seen when this step is done in this state.
    fn expect(state: &Self::State, step: &Self::Transition) -> Self::Seen;
}

/// How long to look.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Sequences, where `PROPTEST_CASES` does not say otherwise.
    pub cases: u32,
    /// Steps in a sequence, at most.
    pub steps: usize,
    /// Where seeds of failures are kept, from the crate's folder: `proptest-regressions/order.txt`.
    pub seeds: &'static str,
}

/// Compares what was seen of a step with what the model expects, and moves the model on.
///
/// # Errors
/// The difference, in words.
pub fn compare<M: Model>(state: M::State, step: &M::Transition, seen: &M::Seen) -> Result<M::State, String> {
    let expected = M::expect(&state, step);
    if *seen == expected {
        return Ok(M::apply(state, step));
    }
    Err(format!(
        "{step:?}\n expected {expected:?}\n but saw  {seen:?}\n in {state:?}"
    ))
}

/// Looks for an order of steps done at once that explains what each of them saw, and says where that leaves the model.
/// None means that they cannot have happened one after the other. Meant for a handful of steps: it tries every order.
pub fn explain<M: Model>(state: &M::State, seen: &[(M::Transition, M::Seen)]) -> Option<M::State> {
    if seen.is_empty() {
        return Some(state.clone());
    }
    seen.iter().enumerate().find_map(|(index, (step, saw))| {
        if M::expect(state, step) != *saw {
            return None;
        }
        let mut rest = seen.to_vec();
        rest.remove(index);
        explain::<M>(&M::apply(state.clone(), step), &rest)
    })
}

/// Runs random sequences, and panics with the shortest that `run` does not bear out.
pub fn holds<M: ReferenceStateMachine>(bench: Bench, run: impl Fn(&M::State, &[M::Transition]) -> Result<(), String>) {
    let mut config = config(bench);
    if std::env::var_os("PROPTEST_CASES").is_some() {
        config.cases = Config::default().cases;
    }
    config.failure_persistence = Some(Box::new(FileFailurePersistence::Direct(bench.seeds)));
    if let Some(found) = search::<M>(bench, &mut TestRunner::new(config), &run) {
        panic!("{found}\n the seed is now in {}", bench.seeds);
    }
}

/// Runs the same sequences each time, and panics unless one shows the planted bug.
pub fn finds<M: ReferenceStateMachine>(
    bench: Bench,
    plant: &impl Debug,
    run: impl Fn(&M::State, &[M::Transition]) -> Result<(), String>,
) {
    let mut config = config(bench);
    config.max_shrink_time = 500;
    config.failure_persistence = None;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let found = search::<M>(bench, &mut TestRunner::new_with_rng(config, rng), &run);
    let found = found.unwrap_or_else(|| panic!("{plant:?} went unnoticed in {} sequences", bench.cases));
    eprintln!("{plant:?} is found: {found}");
}

fn config(bench: Bench) -> Config {
    Config {
        cases: bench.cases,
        ..Config::default()
    }
}

fn search<M: ReferenceStateMachine>(
    bench: Bench,
    runner: &mut TestRunner,
    run: impl Fn(&M::State, &[M::Transition]) -> Result<(), String>,
) -> Option<String> {
    let strategy = M::sequential_strategy(1..=bench.steps);
    let outcome = runner.run(&strategy, |(state, steps, seen)| {
        // Without this, shortening would take it that no step was ever reached.
        if let Some(seen) = seen {
            seen.store(steps.len(), Ordering::SeqCst);
        }
        run(&state, &steps).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Abort(why)) => panic!("gave up: {why}"),
        Err(TestError::Fail(why, (state, steps, _))) => Some(format!("from {state:?}\n by {steps:#?}\n {why}")),
    }
}
