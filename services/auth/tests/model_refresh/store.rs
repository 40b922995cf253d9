//! The method itself, over the real store and two processes of the service, one token after the other and several at once.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use muster_auth::STEPS;
use muster_auth::domain::lifetime::Lifetime;
use muster_auth::domain::refresh::{Presented, Ticket};
use muster_auth::domain::role::Rank;
use muster_auth::rpc::services::Api;
use muster_auth::store::session::{self, SessionRow};
use muster_auth::work::sessions;
use muster_kernel::exec;
use muster_kernel::testing::model::{Bench, compare, explain, finds, holds};
use muster_kernel::testing::{Engine, Lab};
use muster_kernel::uow::UnitOfWork;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::{PrincipalKind, RefreshSessionRequest, SessionEndReason};
use tokio::runtime::Runtime;

use crate::common::{House, nobody, reason};
use crate::reference::{Arrivals, Family, Seen, Step, Tokens};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// A restart brings ended sessions back.
    Revived,
    /// The store keeps the generation before: an old token is the newest once more.
    Restored,
    /// Signing out leaves the family alive.
    SignOutForgotten,
    /// Who comes with an old token while others rotate ends nothing.
    RaceIsHarmless,
}

struct Town {
    runtime: Runtime,
    house: House,
    other: Api,
}

impl Town {
    fn new(engine: Engine) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let house = runtime.block_on(async { House::new(Lab::new(engine, "auth", STEPS).await).await });
        let other = runtime.block_on(house.another_process());
        Self { runtime, house, other }
    }

    fn unit(&self) -> UnitOfWork {
        let deps = &self.house.lab.deps;
        let mut unit = UnitOfWork::system(deps.db.clone(), deps.world.clone(), "auth");
        unit.enter(self.house.demo.tenant_id);
        unit
    }

    async fn begin(&self) -> SessionRow {
        let (person, lifetime) = (self.house.demo.person_ids[2], Lifetime::of_rank(Rank::Worker));
        let mut unit = self.unit();
        let row = sessions::begin(&mut unit, PrincipalKind::Person, person, "phone", lifetime)
            .await
            .unwrap();
        unit.finish().await.unwrap();
        row
    }

    fn token(&self, row: &SessionRow, generation: u32) -> String {
        let (tenant_id, session_id) = (self.house.demo.tenant_id, row.session_id);
        let ticket = Ticket {
            tenant_id,
            session_id,
            generation,
        };
        ticket.write(&self.house.auth.refresh_key, &row.seed)
    }

    /// Presents a token. The answer is the token that comes back, or None for `SESSION_ENDED`.
    async fn come(&self, token: &str, process: usize) -> Result<Option<String>, String> {
        let api = if process == 0 { &self.house.api } else { &self.other };
        let request = RefreshSessionRequest {
            refresh_token: token.to_owned(),
        };
        match api.refresh_session(nobody(request)).await {
            Ok(answer) => Ok(answer.into_inner().tokens.map(|tokens| tokens.refresh_token)),
            Err(status) => match reason::<()>(Err(status)).as_str() {
                "SESSION_ENDED" => Ok(None),
                other => Err(format!("the answer is {other}")),
            },
        }
    }

    async fn sign_out(&self, row: &SessionRow) {
        let mut unit = self.unit();
        let tenant = self.house.demo.tenant_id;
        let now = session::get(unit.conn().await.unwrap(), tenant, row.session_id)
            .await
            .unwrap()
            .unwrap();
        if now.ended_at.is_none() {
            sessions::end(&mut unit, &now, SessionEndReason::SignedOut)
                .await
                .unwrap();
        }
        unit.finish().await.unwrap();
    }

    async fn spoil(&self, row: &SessionRow, sql: &'static str) {
        let mut unit = self.unit();
        exec!(unit.conn().await.unwrap(), sqlx::query(sql).bind(row.session_id)).unwrap();
        unit.finish().await.unwrap();
    }
}

/// One sequence: what was given out, by generation; a generation has one text for ever.
struct Walk<'t> {
    town: &'t Town,
    plant: Option<Plant>,
    row: SessionRow,
    texts: BTreeMap<u32, String>,
}

impl Walk<'_> {
    fn is(&self, plant: Plant) -> bool {
        self.plant == Some(plant)
    }

    /// The generation of what came back, if it is what that generation was before.
    fn read(&mut self, answer: Option<String>) -> Result<Seen, String> {
        let Some(text) = answer else { return Ok(None) };
        let generation = Presented::read(&text).unwrap().ticket.generation;
        let known = self.texts.entry(generation).or_insert_with(|| text.clone());
        if *known == text {
            Ok(Some(generation))
        } else {
            Err(format!("generation {generation} has two tokens"))
        }
    }

    async fn step(&mut self, family: &Family, step: &Step) -> Result<Seen, String> {
        let town = self.town;
        let seen = match *step {
            Step::Come { back, process } => {
                let token = town.token(&self.row, family.back(back));
                let answer = town.come(&token, process).await?;
                self.read(answer)?
            }
            Step::FromTheFuture(ahead) => {
                let token = town.token(&self.row, family.newest + ahead);
                let answer = town.come(&token, 0).await?;
                self.read(answer)?
            }
            Step::Garbled => {
                let mut token = town.token(&self.row, family.newest);
                let middle = token.len() / 2;
                let other = if &token[middle..=middle] == "A" { "B" } else { "A" };
                token.replace_range(middle..=middle, other);
                let answer = town.come(&token, 0).await?;
                self.read(answer)?
            }
            Step::AtOnce(_) => None,
            Step::Wait(seconds) => {
                town.house.advance(seconds);
                None
            }
            Step::SignOut => {
                if !self.is(Plant::SignOutForgotten) {
                    town.sign_out(&self.row).await;
                }
                None
            }
        };
        if self.is(Plant::Revived) {
            town.spoil(&self.row, "UPDATE session SET ended_at = NULL WHERE session_id = $1")
                .await;
        }
        if self.is(Plant::Restored) && matches!(step, Step::Wait(_)) {
            let sql = "UPDATE session SET generation = generation - 1 WHERE session_id = $1 AND generation > 2";
            town.spoil(&self.row, sql).await;
        }
        Ok(seen)
    }

    /// Several tokens at once, at both processes; some order of them must explain what each was answered.
    async fn at_once(&mut self, family: &Family, backs: &[u32]) -> Result<Family, String> {
        let town = self.town;
        let generations: Vec<u32> = backs.iter().map(|back| family.back(*back)).collect();
        let tokens: Vec<String> = generations.iter().map(|one| town.token(&self.row, *one)).collect();
        let come = tokens
            .iter()
            .enumerate()
            .map(|(number, token)| town.come(token, number % 2));
        let answers = futures::future::join_all(come).await;
        if self.is(Plant::RaceIsHarmless) {
            town.spoil(&self.row, "UPDATE session SET ended_at = NULL WHERE session_id = $1")
                .await;
        }
        let mut seen = Vec::new();
        for (generation, answer) in generations.into_iter().zip(answers) {
            seen.push((generation, self.read(answer?)?));
        }
        let after = explain::<Arrivals>(family, &seen);
        after.ok_or_else(|| format!("no order explains (generation, answer) {seen:?} from {family:?}"))
    }
}

async fn run<const MANY: bool>(
    town: &Town,
    plant: Option<Plant>,
    family: &Family,
    steps: &[Step],
) -> Result<(), String> {
    let row = town.begin().await;
    let mut walk = Walk {
        town,
        plant,
        row,
        texts: BTreeMap::new(),
    };
    let mut family = family.clone();
    let mut outcome = Ok(());
    for step in steps {
        let next = match step {
            Step::AtOnce(backs) => walk.at_once(&family, backs).await,
            _ => match walk.step(&family, step).await {
                Ok(seen) => compare::<Tokens<MANY>>(family.clone(), step, &seen),
                Err(what) => Err(what),
            },
        };
        match next {
            Ok(next) => family = next,
            Err(what) => {
                outcome = Err(what);
                break;
            }
        }
    }
    // The next sequence begins at the same moment, so that no signing key grows old.
    town.house.lab.clock.advance(-TimeDelta::seconds(family.now));
    outcome
}

fn bench(cases: u32, steps: usize) -> Bench {
    let seeds = "proptest-regressions/model_refresh.txt";
    Bench { cases, steps, seeds }
}

fn holds_on<const MANY: bool>(engine: Engine, bench: Bench) {
    let town = Town::new(engine);
    holds::<Tokens<MANY>>(bench, |family, steps| {
        town.runtime.block_on(run::<MANY>(&town, None, family, steps))
    });
}

#[test]
fn one_after_the_other_on_sqlite() {
    holds_on::<false>(Engine::Sqlite, bench(80, 20));
}

#[test]
fn one_after_the_other_on_postgres() {
    holds_on::<false>(Engine::Postgres, bench(20, 20));
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
fn planted_bugs_of_the_store_are_found() {
    let town = Town::new(Engine::Sqlite);
    for plant in [Plant::Revived, Plant::Restored, Plant::SignOutForgotten] {
        finds::<Tokens<false>>(bench(100, 20), &plant, |family, steps| {
            town.runtime.block_on(run::<false>(&town, Some(plant), family, steps))
        });
    }
    let plant = Plant::RaceIsHarmless;
    finds::<Tokens<true>>(bench(100, 20), &plant, |family, steps| {
        town.runtime.block_on(run::<true>(&town, Some(plant), family, steps))
    });
}
