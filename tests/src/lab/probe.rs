//! Small questions asked at a fixed pace beside the load, each by itself: when, how long, and what came back. They measure
//! how long an error window is, and look at what a refusal carries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster::demo::{PASSWORD, SLUG};
use muster_kernel::clock::World;
use muster_proto::auth::v1::SignInRequest;
use muster_proto::orders::v1::GetMenuRequest;
use prost::Message;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::client::{Caller, serves};
use crate::raw::Raw;
use crate::stories::two_burgers;
use crate::town::Town;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Places an order, once, with a key.
    Order,
    /// Reads the menu.
    Menu,
    /// Signs in.
    SignIn,
    /// Asks auth who asks.
    WhoAmI,
    /// Asks the gateway how it is. Whatever it says is an answer.
    Health,
    /// Asks for something impossible, which needs no database to be refused. The refusal is the good answer.
    Nonsense,
}

/// One question and its answer.
#[derive(Debug, Clone)]
pub struct Shot {
    /// Since the probe began.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// The answer; nothing where none came a second after the deadline.
    pub code: Option<Code>,
    /// The reason of a refusal.
    pub reason: String,
    /// Whether a refusal says when to come again.
    pub says_when: bool,
}

impl Shot {
    /// It was answered well.
    pub fn is_good(&self) -> bool {
        self.code == Some(Code::Ok)
    }

    /// A refusal that RELIABILITY allows while a storage is away: come again, and here is when.
    pub fn is_honest(&self) -> bool {
        self.is_good() || (matches!(self.code, Some(Code::Unavailable | Code::Aborted)) && self.says_when)
    }
}

/// Questions that are being asked.
pub struct Probe {
    began: Instant,
    shots: Arc<Mutex<Vec<Shot>>>,
    stop: tokio::sync::watch::Sender<bool>,
    work: JoinHandle<()>,
}

impl Probe {
    /// Asks one question every so often, each with this deadline.
    pub fn start(town: &Town, caller: &Caller, question: Question, every: Duration, deadline: Duration) -> Self {
        let (began, shots) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let (stop, mut stopped) = tokio::sync::watch::channel(false);
        let asker = Asker {
            caller: caller.clone(),
            question,
            deadline,
            began,
            order: two_burgers(town).encode_to_vec(),
            location_id: town.demo.location_id.clone(),
        };
        let kept = Arc::clone(&shots);
        let work = tokio::spawn(async move {
            let mut flying = JoinSet::new();
            let mut pace = interval(every);
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            loop {
                tokio::select! {
                    _ = pace.tick() => {}
                    _ = stopped.wait_for(|stop| *stop) => break,
                }
                let (asker, kept) = (asker.clone(), Arc::clone(&kept));
                flying.spawn(async move {
                    let shot = asker.ask().await;
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(shot);
                });
                while flying.try_join_next().is_some() {}
            }
            while flying.join_next().await.is_some() {}
        });
        Self {
            began,
            shots,
            stop,
            work,
        }
    }

    /// Since it began.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Whether a question that was asked after this moment has been answered well by now.
    pub fn is_good_since(&self, moment: Duration) -> bool {
        let shots = self.shots.lock().unwrap_or_else(PoisonError::into_inner);
        shots.iter().any(|shot| shot.at > moment && shot.is_good())
    }

    /// Asks no more, waits for what was asked, and hands it out in order.
    pub async fn end(self) -> Vec<Shot> {
        let _ = self.stop.send(true);
        let _ = self.work.await;
        let mut shots = std::mem::take(&mut *self.shots.lock().unwrap_or_else(PoisonError::into_inner));
        shots.sort_by_key(|shot| shot.at);
        shots
    }
}

/// Who asks.
#[derive(Clone)]
struct Asker {
    caller: Caller,
    question: Question,
    deadline: Duration,
    began: Instant,
    order: Vec<u8>,
    location_id: String,
}

impl Asker {
    async fn ask(&self) -> Shot {
        let (at, sent) = (self.began.elapsed(), Instant::now());
        let patience = self.deadline + Duration::from_secs(1);
        if self.question == Question::Health {
            let said = timeout(patience, serves(self.caller.channel.clone())).await.ok();
            return Shot {
                at,
                took: sent.elapsed(),
                code: said.map(|_| Code::Ok),
                reason: String::new(),
                says_when: false,
            };
        }
        let (path, body) = self.message();
        let key = World::system().new_id().to_string();
        let limit = format!("{}m", self.deadline.as_millis());
        let metadata = [("grpc-timeout", limit.as_str()), ("idempotency-key", key.as_str())];
        let asked = timeout(patience, self.caller.raw(path, &body, &metadata)).await.ok();
        let took = sent.elapsed();
        let code = asked.as_ref().map(|raw| match (self.question, raw.code) {
            (Question::Nonsense, Code::InvalidArgument) => Code::Ok,
            (_, code) => code,
        });
        Shot {
            at,
            took,
            code,
            reason: asked.as_ref().map(Raw::reason).unwrap_or_default(),
            says_when: asked.as_ref().is_some_and(says_when),
        }
    }

    fn message(&self) -> (&'static str, Vec<u8>) {
        match self.question {
            Question::Order => ("/muster.orders.v1.OrderService/PlaceOrder", self.order.clone()),
            Question::WhoAmI => ("/muster.auth.v1.SessionService/WhoAmI", Vec::new()),
            Question::Menu | Question::Health | Question::Nonsense => {
                let location_id = match self.question {
                    Question::Nonsense => "nowhere".to_owned(),
                    _ => self.location_id.clone(),
                };
                let request = GetMenuRequest {
                    location_id,
                    include_archived: false,
                };
                ("/muster.orders.v1.MenuService/GetMenu", request.encode_to_vec())
            }
            Question::SignIn => {
                let [chance] = World::system().random::<1>();
                let people = ["priya", "tomasz", "kenji", "rosa", "mara"];
                let login = people.iter().cycle().nth(chance.into()).copied().unwrap_or_default();
                let request = SignInRequest {
                    tenant_slug: SLUG.to_owned(),
                    login: login.to_owned(),
                    password: PASSWORD.to_owned(),
                    ..SignInRequest::default()
                };
                ("/muster.auth.v1.SessionService/SignIn", request.encode_to_vec())
            }
        }
    }
}

/// Whether a refusal carries RetryInfo.
pub(super) fn says_when(raw: &Raw) -> bool {
    let status = Status::with_details(raw.code, "", raw.details.clone().into());
    let info = status.get_details_retry_info();
    info.is_some_and(|info| info.retry_delay.is_some())
}

/// Of these shots, those that were asked between two moments.
pub fn between(shots: &[Shot], from: Duration, to: Duration) -> Vec<&Shot> {
    shots.iter().filter(|shot| shot.at >= from && shot.at < to).collect()
}

/// So many in a thousand were answered well; a thousand where nothing was asked.
pub fn per_mille(shots: &[&Shot]) -> usize {
    let good = shots.iter().filter(|shot| shot.is_good()).count();
    (good * 1000).checked_div(shots.len()).unwrap_or(1000)
}

/// How long so many percent of the good answers took at most.
pub fn percentile(shots: &[&Shot], percent: usize) -> Duration {
    let mut times: Vec<Duration> = shots
        .iter()
        .filter(|shot| shot.is_good())
        .map(|shot| shot.took)
        .collect();
    times.sort_unstable();
    times
        .get(times.len().saturating_sub(1) * percent / 100)
        .copied()
        .unwrap_or_default()
}

/// The longest of them.
pub fn longest(shots: &[&Shot]) -> Duration {
    shots.iter().map(|shot| shot.took).max().unwrap_or_default()
}

/// How often each answer other than OK was given.
pub fn others(shots: &[&Shot]) -> String {
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for shot in shots.iter().filter(|shot| !shot.is_good()) {
        let word = shot
            .code
            .map_or("silence".to_owned(), |code| format!("{code:?} {}", shot.reason));
        *counts.entry(word).or_default() += 1;
    }
    format!("{counts:?}")
}
