//! Load with an open loop: requests are sent when the schedule says, however slow the answers are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_kernel::clock::World;
use muster_proto::auth::v1::{RefreshSessionRequest, RefreshSessionResponse};
use muster_proto::orders::v1::{GetMenuRequest, GetMenuResponse};
use prost::Message;
use rand::RngExt;
use tokio::sync::SemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Code;
use tonic::transport::Channel;

use super::acts::{Act, Kind, Mix, Shop};
use super::clients::Client;
use super::history::{Call, History, Told, Try};
use super::site::Site;
use super::{Dice, dice};
use crate::client::Caller;
use crate::raw::Raw;

/// A rotated refresh token gets its successor again for ten seconds; a client that has lost the answer asks within these.
const RENEWS_WITHIN: Duration = Duration::from_secs(9);

/// How much is asked.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Requests a second.
    pub rate: f64,
    /// For so long.
    pub length: Duration,
    /// What.
    pub mix: Mix,
    /// The deadline that clients give.
    pub deadline: Duration,
    /// A client that is told UNAVAILABLE asks once more, as ours do.
    pub asks_twice: bool,
}

impl Plan {
    /// A shift at so many requests a second.
    pub fn shift(rate: f64, length: Duration) -> Self {
        Self {
            rate,
            length,
            mix: Mix::shift(),
            deadline: Duration::from_secs(5),
            asks_twice: false,
        }
    }
}

/// Something that a client is to do. What it is about he sees when it is his turn: a cook hands out what is on the board then.
struct Errand {
    number: u32,
    kind: Kind,
    client: usize,
    due: Duration,
    dice: Dice,
}

/// Clients with their history.
pub struct Load {
    clients: Vec<Client>,
    shop: Shop,
    history: History,
    /// Request ids begin with it, so that the databases tell this run from others.
    run: String,
    began: Instant,
    seed: u64,
    numbers: Mutex<u32>,
    outcomes: Mutex<BTreeMap<(u64, &'static str), u32>>,
    not_sent: AtomicU32,
    enough: tokio::sync::watch::Sender<bool>,
}

/// Ends the schedule of a load before its time. Calls that were sent go on to their end.
#[derive(Clone)]
pub struct Stopper(tokio::sync::watch::Sender<bool>);

impl Stopper {
    /// Nothing more is sent.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Load {
    /// Signs so many clients in. Takes about 40 ms of processor time each.
    pub async fn sign_in(site: &Site, clients: usize) -> Arc<Self> {
        let clients = Client::come(site, clients).await;
        let anybody = Caller {
            channel: site.plain_channel(),
            token: locked(&clients.first().expect("a client").token).clone(),
        };
        let location_id = site.town.demo.location_id.clone();
        let request = GetMenuRequest {
            location_id: location_id.clone(),
            include_archived: false,
        };
        let menu: GetMenuResponse = anybody
            .raw(Kind::Menu.path(), &request.encode_to_vec(), &[])
            .await
            .decode();
        let run = World::system().random::<6>();
        Arc::new(Self {
            clients,
            shop: Shop::new(&location_id, menu),
            history: History::in_folder(site.folder()),
            run: run.iter().map(|byte| format!("{byte:02x}")).collect(),
            began: Instant::now(),
            seed: site.seed,
            numbers: Mutex::default(),
            outcomes: Mutex::default(),
            not_sent: AtomicU32::default(),
            enough: tokio::sync::watch::Sender::new(false),
        })
    }

    /// Sends what the plan says, and waits until every call has ended, well or not.
    pub async fn run(self: Arc<Self>, plan: Plan) {
        let first = *locked(&self.numbers);
        let mut dice = dice(self.seed, 1 << 32 | u64::from(first));
        let started = Instant::now();
        let mut calls = JoinSet::new();
        let mut sent = 0_u32;
        loop {
            let due = Duration::from_secs_f64(f64::from(sent) / plan.rate);
            if due >= plan.length || *self.enough.borrow() {
                break;
            }
            sleep_until(started + due).await;
            let errand = self.errand(&plan.mix, started + due, &mut dice);
            let (load, plan) = (Arc::clone(&self), plan.clone());
            calls.spawn(async move {
                load.make(errand, &plan).await;
            });
            while calls.try_join_next().is_some() {}
            sent += 1;
        }
        while calls.join_next().await.is_some() {}
        self.history.flush();
    }

    /// How much can be done: so many clients at a time, each of whom waits for his answer. Good answers a second.
    pub async fn saturate(self: &Arc<Self>, at_once: usize, length: Duration) -> f64 {
        let plan = Plan::shift(0.0, length);
        let ends = Instant::now() + length;
        let working = (0..at_once).map(|worker| {
            let (load, plan) = (Arc::clone(self), plan.clone());
            let first = u64::from(*locked(&self.numbers));
            let mut dice = dice(self.seed, (worker as u64 + 2) << 40 | first);
            tokio::spawn(async move {
                let mut good = 0_u32;
                while Instant::now() < ends {
                    let errand = load.errand(&plan.mix, Instant::now(), &mut dice);
                    good += u32::from(load.make(errand, &plan).await);
                }
                good
            })
        });
        let working: Vec<_> = working.collect();
        let mut good = 0;
        for work in working {
            good += work.await.expect("a client works");
        }
        self.history.flush();
        f64::from(good) / length.as_secs_f64()
    }

    /// What ends a run early.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.enough.clone())
    }

    /// What the clients remember.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// What every request id of this run begins with.
    pub fn run_id(&self) -> &str {
        &self.run
    }

    /// Since the clients came.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// How often a client's turn did not come within the deadline of his call.
    pub fn not_sent(&self) -> u32 {
        self.not_sent.load(Ordering::Relaxed)
    }

    /// What was answered when: by second since the clients came, and by outcome.
    pub fn outcomes(&self) -> BTreeMap<(u64, &'static str), u32> {
        locked(&self.outcomes).clone()
    }

    fn errand(&self, mix: &Mix, due: Instant, dice: &mut Dice) -> Errand {
        let kind = mix.throw(dice);
        let number = {
            let mut numbers = locked(&self.numbers);
            *numbers += 1;
            *numbers
        };
        let able: Vec<usize> = (0..self.clients.len())
            .filter(|index| {
                self.clients
                    .get(*index)
                    .is_some_and(|client| client.trade == kind.trade())
            })
            .collect();
        Errand {
            number,
            kind,
            client: able.get(dice.random_range(0..able.len())).copied().unwrap_or_default(),
            due: due.duration_since(self.began),
            dice: super::dice(dice.random(), 0),
        }
    }

    /// It is the client's turn: what it is about is what he knows now.
    fn begin(&self, mut errand: Errand) -> Call {
        let Act {
            kind,
            body,
            order,
            item,
        } = self.shop.choose(errand.kind, &mut errand.dice);
        let call = Call {
            number: errand.number,
            kind,
            client: errand.client,
            key: format!("key-{}-{}", self.run, errand.number),
            body,
            order,
            item,
            due: errand.due,
            tries: Vec::new(),
        };
        self.history.begin(call.clone());
        call
    }

    /// The turn of a client to send. None when it does not come in time.
    async fn turn(&self, client: usize, deadline: Duration) -> Option<SemaphorePermit<'_>> {
        let client = self.clients.get(client).expect("a client");
        let turn = timeout(deadline, client.turns.acquire()).await;
        if turn.is_err() {
            self.count(None);
            self.not_sent.fetch_add(1, Ordering::Relaxed);
        }
        turn.ok()?.ok()
    }

    /// Makes a call; whether it was answered well.
    async fn make(&self, errand: Errand, plan: &Plan) -> bool {
        if errand.kind == Kind::Refresh {
            return self.renew(&self.begin(errand), plan.deadline).await;
        }
        let Some(_turn) = self.turn(errand.client, plan.deadline).await else {
            return false;
        };
        let call = self.begin(errand);
        let mut answer = self.ask(&call, 1, plan.deadline, None).await;
        let unavailable = |answer: &Option<Raw>| answer.as_ref().is_some_and(|raw| raw.code == Code::Unavailable);
        if plan.asks_twice && unavailable(&answer) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = self.ask(&call, 2, plan.deadline, None).await;
        }
        match answer {
            Some(raw) if raw.code == Code::Ok => {
                self.shop.learn(&call, &raw);
                true
            }
            // By Muster, with a reason: a client whose connection is ended tells himself the same, and does not know.
            Some(raw) if raw.code == Code::ResourceExhausted && !raw.reason().is_empty() => {
                self.shop.keep(&call);
                false
            }
            _ => false,
        }
    }

    /// Asks once and writes down what came. `through` is another connection than the client's own.
    pub async fn ask(&self, call: &Call, number: u32, deadline: Duration, through: Option<&Channel>) -> Option<Raw> {
        let client = self.clients.get(call.client).expect("a client");
        let caller = Caller {
            channel: through.unwrap_or(&client.channel).clone(),
            token: match call.kind {
                Kind::Refresh => String::new(),
                _ => locked(&client.token).clone(),
            },
        };
        let request = format!("{}-{}-{number}", self.run, call.number);
        let limit = format!("{}m", deadline.as_millis());
        let mut metadata = vec![("x-request-id", request.as_str()), ("grpc-timeout", limit.as_str())];
        if call.kind.is_mutating() {
            metadata.push(("idempotency-key", call.key.as_str()));
        }
        let sent = self.now();
        // A little more than the deadline: whoever answers too late does answer.
        let patience = deadline + Duration::from_secs(1);
        let raw = timeout(patience, caller.raw(call.kind.path(), &call.body, &metadata))
            .await
            .ok();
        let answer = raw.as_ref().map(Told::of);
        self.count(answer.as_ref());
        let done = self.now();
        self.history.tried(
            call.number,
            Try {
                request,
                sent,
                done,
                answer,
            },
        );
        raw
    }

    /// Signs the client of a call in again, as somebody does whose session ended: the key is the person's, not the session's.
    pub async fn sign_in_again(&self, call: &Call, plain: &Channel) {
        let client = self.clients.get(call.client).expect("a client");
        let own = (client.channel.clone(), Arc::clone(&client.turns));
        let fresh = Client::sign_in(plain.clone(), own, client.login, client.trade).await;
        let token = locked(&fresh.token).clone();
        *locked(&client.token) = token;
    }

    fn count(&self, told: Option<&Told>) {
        let outcome = match told.map(|told| told.code) {
            Some(Code::Ok) => "ok",
            Some(Code::ResourceExhausted) => "shed",
            Some(Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Aborted) => "unavailable",
            Some(Code::DeadlineExceeded) | None => "late",
            Some(Code::Internal) => "internal",
            Some(_) => "refused",
        };
        *locked(&self.outcomes)
            .entry((self.now().as_secs(), outcome))
            .or_default() += 1;
    }

    /// Renews a session as a client does: one at a time, and again with the same token where no answer came.
    async fn renew(&self, call: &Call, deadline: Duration) -> bool {
        let client = self.clients.get(call.client).expect("a client");
        let mut refresh = client.refresh.lock().await;
        let refresh_token = refresh.clone();
        let body = RefreshSessionRequest { refresh_token }.encode_to_vec();
        let call = Call { body, ..call.clone() };
        let began = Instant::now();
        let mut number = 0;
        while began.elapsed() < RENEWS_WITHIN {
            let Some(turn) = self.turn(call.client, deadline).await else {
                continue;
            };
            number += 1;
            let answer = self
                .ask(&call, number, deadline.min(Duration::from_secs(2)), None)
                .await;
            drop(turn);
            match answer {
                Some(raw) if raw.code == Code::Ok => {
                    let tokens = raw.decode::<RefreshSessionResponse>().tokens.unwrap_or_default();
                    *refresh = tokens.refresh_token;
                    *locked(&client.token) = tokens.access_token;
                    return true;
                }
                Some(raw) if raw.code == Code::Unauthenticated || !Told::of(&raw).is_passing() => return false,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
        false
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
