//! What is asked, and the model: a book of what was answered.

use std::collections::BTreeMap;

use muster_kernel::testing::model::{Model, ReferenceStateMachine};
use proptest::prelude::*;

/// Records are kept for so many hours.
const KEPT: i64 = 48;

/// How the handler means to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum How {
    Well,
    /// A refusal that is kept like an answer.
    Verdict,
    /// A refusal of this moment, which is not.
    Refusal,
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    /// What this call would answer if it took effect; no two calls have the same.
    pub(super) tag: u32,
    pub(super) who: u8,
    pub(super) method: usize,
    pub(super) key: Option<u8>,
    pub(super) body: u8,
    pub(super) how: How,
    pub(super) dry: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Call(Call),
    /// All of them at once, with the same key.
    AtOnce(Vec<Call>),
    Wait(i64),
    Forget,
}

/// What was answered: the tag of a call that went well, or the message of a refusal.
pub(super) type Answer = Result<String, String>;

#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    hours: i64,
    /// By who, method and key: what was asked, what was answered, when.
    pub(super) kept: BTreeMap<(u8, usize, u8), (u8, Answer, i64)>,
    /// Calls that took effect.
    pub(super) effects: Vec<String>,
}

impl Book {
    pub(super) fn call(&mut self, call: &Call) -> Answer {
        let key = call.key.filter(|_| !call.dry).map(|key| (call.who, call.method, key));
        if let Some((body, answer, _)) = key.and_then(|key| self.kept.get(&key)) {
            let mismatch = || Err("IDEMPOTENCY_MISMATCH".to_owned());
            return if *body == call.body { answer.clone() } else { mismatch() };
        }
        let answer = match call.how {
            How::Well => Ok(call.tag.to_string()),
            How::Verdict => Err(format!("no, {}", call.tag)),
            How::Refusal => return Err(format!("not now, {}", call.tag)),
        };
        if answer.is_ok() && !call.dry {
            self.effects.push(call.tag.to_string());
        }
        if let Some(key) = key {
            self.kept.insert(key, (call.body, answer.clone(), self.hours));
        }
        answer
    }
}

/// Sequences; `ONCE` with calls at once among them.
pub(super) struct Keys<const ONCE: bool>;

fn call() -> impl Strategy<Value = Call> {
    let how = prop_oneof![4 => Just(How::Well), 1 => Just(How::Verdict), 1 => Just(How::Refusal)];
    let key = prop_oneof![1 => Just(None), 6 => (0..2_u8).prop_map(Some)];
    let (who, method) = (0..2_u8, 0..2_usize);
    (any::<u32>(), who, method, key, 0..2_u8, how, prop::bool::weighted(0.1)).prop_map(
        |(tag, who, method, key, body, how, dry)| Call {
            tag,
            who,
            method,
            key,
            body,
            how,
            dry,
        },
    )
}

/// Two to four calls of one person with one key; now and then one of them asks for something else.
fn at_once() -> impl Strategy<Value = Step> {
    (
        call(),
        prop::collection::vec(
            (any::<u32>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
            2..=4,
        ),
    )
        .prop_map(|(first, others)| {
            let other = |(tag, another_body, refused): (u32, bool, bool)| Call {
                tag,
                key: Some(first.key.unwrap_or(0)),
                body: first.body ^ u8::from(another_body),
                how: if refused { How::Verdict } else { first.how },
                dry: false,
                ..first.clone()
            };
            Step::AtOnce(others.into_iter().map(other).collect())
        })
}

impl<const ONCE: bool> ReferenceStateMachine for Keys<ONCE> {
    type State = Book;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Book> {
        Just(Book::default()).boxed()
    }

    fn transitions(_: &Book) -> BoxedStrategy<Step> {
        let wait = prop_oneof![0..3_i64, Just(KEPT - 1), Just(KEPT), Just(KEPT + 1)].prop_map(Step::Wait);
        let calls = call().prop_map(Step::Call);
        if ONCE {
            prop_oneof![4 => calls, 4 => at_once(), 1 => wait, 1 => Just(Step::Forget)].boxed()
        } else {
            prop_oneof![8 => calls, 1 => wait, 1 => Just(Step::Forget)].boxed()
        }
    }

    fn apply(mut book: Book, step: &Step) -> Book {
        match step {
            Step::Call(call) => drop(book.call(call)),
            Step::AtOnce(calls) => calls.iter().for_each(|call| drop(book.call(call))),
            Step::Wait(hours) => book.hours += hours,
            Step::Forget => {
                let hours = book.hours;
                book.kept.retain(|_, (_, _, at)| hours - *at <= KEPT);
            }
        }
        book
    }
}

impl<const ONCE: bool> Model for Keys<ONCE> {
    /// Nothing where nobody called.
    type Seen = Option<Answer>;

    fn expect(book: &Book, step: &Step) -> Option<Answer> {
        match step {
            Step::Call(call) => Some(book.clone().call(call)),
            _ => None,
        }
    }
}
