//! The same key, the same answer: a map from who, method and key to what was asked and answered.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::TimeDelta;
use futures::FutureExt;
use muster_kernel::db::Reach;
use muster_kernel::door::Visit;
use muster_kernel::identity::{Caller, Principal};
use muster_kernel::testing::model::{Bench, Model, ReferenceStateMachine, compare, explain, finds, holds};
use muster_kernel::testing::{Engine, Lab, owner};
use muster_kernel::uow::UnitOfWork;
use muster_kernel::{Error, exec, on};
use muster_proto::auth::v1::DisablePersonRequest;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tonic::Request;
use tonic_types::StatusExt;
use uuid::Uuid;

use crate::lab;

/// Records are kept for so many hours.
const KEPT: i64 = 48;

/// How the handler means to end.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    /// A refusal that is kept like an answer.
    Verdict,
    /// A refusal of this moment, which is not.
    Refusal,
}

#[derive(Debug, Clone)]
struct Call {
    /// What this call would answer if it took effect; no two calls have the same.
    tag: u32,
    who: u8,
    method: usize,
    key: Option<u8>,
    body: u8,
    how: How,
    dry: bool,
}

#[derive(Debug, Clone)]
enum Step {
    Call(Call),
    /// All of them at once, with the same key.
    AtOnce(Vec<Call>),
    Wait(i64),
    Forget,
}

/// What was answered: the tag of a call that went well, or the message of a refusal.
type Answer = Result<String, String>;

#[derive(Debug, Clone, Default)]
struct Book {
    hours: i64,
    /// By who, method and key: what was asked, what was answered, when.
    kept: BTreeMap<(u8, usize, u8), (u8, Answer, i64)>,
    /// Calls that took effect.
    effects: Vec<String>,
}

impl Book {
    fn call(&mut self, call: &Call) -> Answer {
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
struct Keys<const ONCE: bool>;

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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// Another person's key counts as one's own.
    CallerForgotten,
    /// A key of another method counts as well.
    MethodForgotten,
    /// The same key is answered whatever is asked.
    BodyForgotten,
    /// A refusal is not kept, and the second try takes effect.
    VerdictForgotten,
    /// Records are forgotten some hours early.
    ForgottenEarly,
    /// The effect is committed apart from the answer.
    EffectApart,
    /// Looked up first, kept afterwards, and nothing in between: two at once both take effect.
    CheckThenAct,
}

/// The service behind the door, and the bugs that are planted in front of it.
struct Shop<'l> {
    lab: &'l Lab,
    tenant: Uuid,
    plant: Option<Plant>,
    /// The records of [`Plant::CheckThenAct`].
    apart: Mutex<Book>,
}

struct Handler<'s> {
    shop: &'s Shop<'s>,
    call: &'s Call,
}

impl Shop<'_> {
    fn is(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    async fn call(&self, call: &Call) -> Answer {
        let key = call.key.filter(|_| self.is(Plant::CheckThenAct) && !call.dry);
        if let Some(key) = key.map(|key| (call.who, call.method, key)) {
            if self.apart.lock().unwrap().kept.contains_key(&key) {
                return self.apart.lock().unwrap().call(call);
            }
            let keyless = Call {
                key: None,
                ..call.clone()
            };
            let answer = self.send(&keyless).await;
            let _ = self.apart.lock().unwrap().call(call);
            return answer;
        }
        self.send(call).await
    }

    async fn send(&self, call: &Call) -> Answer {
        let who = if self.is(Plant::CallerForgotten) { 0 } else { call.who };
        let caller = Caller {
            principal: Principal::Person(Uuid::from_u128(u128::from(who) + 1)),
            ..owner(self.tenant)
        };
        let body = if self.is(Plant::BodyForgotten) { 0 } else { call.body };
        let mut request = Request::new(DisablePersonRequest {
            person_id: format!("00000000-0000-7000-8000-00000000000{body}"),
            validate_only: call.dry,
        });
        request.extensions_mut().insert(caller);
        let method = if self.is(Plant::MethodForgotten) {
            0
        } else {
            call.method
        };
        request.extensions_mut().insert(Visit {
            method: ["/test/one", "/test/two"][method],
            request_id: "test".into(),
        });
        let forgotten = self.is(Plant::VerdictForgotten) && call.how == How::Verdict;
        if let Some(key) = call.key.filter(|_| !forgotten) {
            let key = format!("key {key}").replace(' ', "-");
            request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        }
        let handler = Handler { shop: self, call };
        let outcome = self
            .lab
            .deps
            .door
            .mutate(&handler, request, |handler, unit, _| handler.handle(unit).boxed());
        match outcome.await {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => {
                let reason = status
                    .get_details_error_info()
                    .map(|info| info.reason)
                    .unwrap_or_default();
                let own = matches!(reason.as_str(), "SAID_NO" | "NOT_NOW");
                Err(if own { status.message().to_owned() } else { reason })
            }
        }
    }

    /// The calls that took effect.
    async fn effects(&self) -> Vec<String> {
        let mut conn = self.lab.deps.db.read(Reach::Tenant(self.tenant)).await.unwrap();
        let sql = "SELECT name FROM things WHERE tenant_id = $1 ORDER BY name";
        let rows: Result<Vec<(String,)>, _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(self.tenant).fetch_all(c));
        conn.rollback().await;
        rows.unwrap().into_iter().map(|(name,)| name).collect()
    }
}

impl Handler<'_> {
    async fn handle(&self, unit: &mut UnitOfWork) -> Result<String, Error> {
        let (shop, tag) = (self.shop, self.call.tag.to_string());
        let sql = "INSERT INTO things (tenant_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        if shop.is(Plant::EffectApart) {
            let mut apart = shop.lab.unit_of(shop.tenant);
            exec!(
                apart.conn().await?,
                sqlx::query(sql).bind(shop.tenant).bind(tag.as_str())
            )?;
            apart.finish().await?;
        }
        let conn = unit.conn().await?;
        exec!(conn, sqlx::query(sql).bind(shop.tenant).bind(tag.as_str()))?;
        match self.call.how {
            How::Well => Ok(tag),
            How::Verdict => Err(Error::failed_precondition("SAID_NO", format!("no, {tag}"))),
            How::Refusal => Err(Error::permission_denied("NOT_NOW", format!("not now, {tag}"))),
        }
    }
}

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
