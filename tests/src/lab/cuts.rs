//! An installation whose power is cut again and again while orders are placed and people hired.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use muster::demo::SLUG;
use muster_kernel::clock::World;
use muster_proto::auth::v1::{CreatePersonRequest, CreatePersonResponse, Role};
use muster_proto::orders::v1::{PlaceOrderRequest, PlaceOrderResponse};
use rand::RngExt;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tonic::Code;
use uuid::Uuid;

use super::Dice;
use super::power::{Disk, shim};
use crate::client::Caller;
use crate::stories::two_burgers;
use crate::town::{Shape, Town};

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const HIRE: &str = "/muster.auth.v1.DirectoryService/CreatePerson";
/// Of a thousand parts that were not synced, so many are on the disk all the same.
const SURVIVE: [u64; 3] = [0, 500, 900];
/// Callers who place orders; one more hires people.
const WAITERS: usize = 8;
/// Cuts in the life of one installation. Then a new one, so that looking at everything stays quick.
const LIFE: usize = 20;
const ROLES: &str = "all";

/// What a run has seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Power cuts.
    pub cuts: usize,
    /// Of these, before the installation was up again.
    pub early: usize,
    /// Changes that were acknowledged.
    pub acknowledged: usize,
    /// Changes whose answer the cut has swallowed. Each was asked for again.
    pub unknown: usize,
    /// Bytes on the tapes.
    pub taped: usize,
    /// What is wrong: lost, torn, doubled, or unwell.
    pub faults: Vec<String>,
}

/// Cuts the power so often. With `deaf`, syncs of the write-ahead log are not heeded: then something must be lost.
pub async fn run(seed: u64, cuts: usize, deaf: bool) -> Report {
    let mut report = Report::default();
    let mut dice = super::dice(seed, 13);
    while report.cuts < cuts && (!deaf || report.faults.is_empty()) {
        let mut house = House::open(deaf).await;
        for _ in 0..LIFE.min(cuts - report.cuts) {
            house.live(&mut dice, &mut report).await;
            if !report.faults.is_empty() {
                break;
            }
        }
        // What the last cut has left.
        house.start().await;
        house.town.ready().await;
        house.look(&mut report).await;
        house.town.kill(ROLES).await;
        if !report.faults.is_empty() && !deaf {
            report
                .faults
                .push(format!("seed {seed}; the log:\n{}", house.town.logs()));
            break;
        }
    }
    report
}

struct House {
    town: Town,
    library: PathBuf,
    data: PathBuf,
    tape: PathBuf,
    deaf: bool,
    disk: Disk,
    waiters: Vec<String>,
    owner: String,
    /// Idempotency records in orders and in auth before the first of ours.
    before: [i64; 2],
    history: History,
}

#[derive(Default)]
struct History {
    orders: HashSet<Uuid>,
    people: HashSet<Uuid>,
    open: Vec<Wish>,
}

/// A change that is asked for until it is answered, always by the same caller: a key belongs to whoever sends it.
#[derive(Clone, Copy)]
enum Wish {
    /// By one of the waiters.
    Order(usize, Uuid),
    /// By the owner.
    Person(Uuid),
}

impl House {
    async fn open(deaf: bool) -> Self {
        let mut town = Town::with_demo(Shape::AllInOne).await;
        let mut waiters = Vec::new();
        for login in ["sam", "priya", "tomasz"] {
            waiters.push(Caller::sign_in(town.channel().await, SLUG, login).await.token);
        }
        let owner = Caller::sign_in(town.channel().await, SLUG, "olive").await.token;
        town.kill(ROLES).await;
        let library = shim(town.folder()).expect("the shim is built");
        let data = town.folder().join("data");
        let disk = Disk::of(&data).expect("the data can be read");
        let mut house = Self {
            library,
            tape: town.folder().join("tape"),
            deaf,
            disk,
            waiters,
            owner,
            before: [0; 2],
            history: History::default(),
            town,
            data,
        };
        house.before = [
            house.count("orders", "idempotency").await.expect("a count"),
            house.count("auth", "idempotency").await.expect("a count"),
        ];
        // Counting may have moved something between the files.
        house.disk = Disk::of(&house.data).expect("the data can be read");
        house
    }

    /// Starts on the disk as it is, with the tape running.
    async fn start(&mut self) {
        let _ = std::fs::remove_file(&self.tape);
        let plain = self.town.settings.len();
        let show = |path: &Path| path.display().to_string();
        self.town.settings.extend([
            ("LD_PRELOAD".to_owned(), show(&self.library)),
            ("POWER_FOLDER".to_owned(), show(&self.data)),
            ("POWER_TAPE".to_owned(), show(&self.tape)),
            (
                "POWER_FAULT".to_owned(),
                if self.deaf { "wal".to_owned() } else { String::new() },
            ),
        ]);
        self.town.start(ROLES);
        self.town.settings.truncate(plain);
    }

    /// Starts, looks at what is left, works for a moment, and loses its power.
    async fn live(&mut self, dice: &mut Dice, report: &mut Report) {
        self.start().await;
        let early = dice.random_range(0..5) == 4;
        if early {
            report.early += 1;
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..400))).await;
        } else {
            self.town.ready().await;
            self.look(report).await;
            self.work(Duration::from_millis(dice.random_range(20..700)), report)
                .await;
        }
        // Work ends by the cut; here only an early one is left to make.
        if early {
            self.town.kill(ROLES).await;
        }
        let tape = std::fs::read(&self.tape).unwrap_or_default();
        let survive = SURVIVE.get(report.cuts % SURVIVE.len()).copied().unwrap_or_default();
        report.cuts += 1;
        report.taped += tape.len();
        match self.disk.after_cut(&tape, survive, dice) {
            Ok(left) => self.disk = left,
            Err(strange) => report.faults.push(strange),
        }
        self.disk.put(&self.data).expect("the disk is written");
    }

    /// Everybody asks for one change after the other until the power goes.
    async fn work(&mut self, time: Duration, report: &mut Report) {
        let mut tasks = Vec::new();
        for index in 0..WAITERS {
            let caller = Caller {
                channel: self.town.channel().await,
                token: self.token(Wish::Order(index, Uuid::nil())),
            };
            let order = two_burgers(&self.town);
            let wish = move |id| Wish::Order(index, id);
            tasks.push(tokio::spawn(until_dark(caller, order, wish)));
        }
        let caller = Caller {
            channel: self.town.channel().await,
            token: self.owner.clone(),
        };
        let nothing = PlaceOrderRequest::default();
        tasks.push(tokio::spawn(until_dark(caller, nothing, Wish::Person)));
        tokio::time::sleep(time).await;
        self.town.kill(ROLES).await;
        for ended in join_all(tasks).await {
            let (kept, open) = ended.expect("a caller goes on until it is dark");
            report.acknowledged += kept.len();
            for (wish, id) in kept {
                self.history.keep(&wish, id);
            }
            self.history.open.push(open);
        }
    }

    /// Asks again for what was not answered, then looks for everything that was.
    async fn look(&mut self, report: &mut Report) {
        let channel = self.town.channel().await;
        for wish in std::mem::take(&mut self.history.open) {
            report.unknown += 1;
            let caller = Caller {
                channel: channel.clone(),
                token: self.token(wish),
            };
            match ask(&caller, &two_burgers(&self.town), &wish).await {
                Ok(id) => self.history.keep(&wish, id),
                Err(status) => report.faults.push(format!("asked again, it is refused: {status:?}")),
            }
        }
        if let Err(error) = self.compare(report).await {
            report.faults.push(format!("a file cannot be read: {error}"));
        }
        let findings = self.town.check().await.unwrap_or_else(|text| text);
        report.check(findings.trim() == "every promise is kept", || findings.clone());
    }

    /// What the files have, with what was acknowledged.
    async fn compare(&self, report: &mut Report) -> sqlx::Result<()> {
        for (service, kept) in [("orders", &self.history.orders), ("auth", &self.history.people)] {
            let told = self.ids(service, "aggregate_id", "events").await?;
            let lost = kept.difference(&told).count();
            report.check(lost == 0, || {
                format!("{service}: {lost} of {} acknowledged changes are lost", kept.len())
            });
        }
        // An order, its events and its answer: all of them or none.
        let rows = self.ids("orders", "id", "orders").await?;
        let lost = self.history.orders.difference(&rows).count();
        report.check(lost == 0, || format!("{lost} acknowledged orders are lost"));
        for (service, before, kept) in [
            ("orders", self.before[0], self.history.orders.len()),
            ("auth", self.before[1], self.history.people.len()),
        ] {
            let records = self.count(service, "idempotency").await? - before;
            report.check(usize::try_from(records) == Ok(kept), || {
                format!("{service}: {kept} changes, and {records} answers kept")
            });
        }
        Ok(())
    }

    fn token(&self, wish: Wish) -> String {
        let waiter = match wish {
            Wish::Order(waiter, _) => self.waiters.get(waiter % self.waiters.len()),
            Wish::Person(_) => Some(&self.owner),
        };
        waiter.expect("somebody").clone()
    }

    async fn ids(&self, service: &str, column: &str, table: &str) -> sqlx::Result<HashSet<Uuid>> {
        let sql = format!("SELECT {column} FROM {table}");
        let mut conn = self.connect(service).await?;
        let rows: Vec<(Uuid,)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut conn).await?;
        conn.close().await?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    async fn count(&self, service: &str, table: &str) -> sqlx::Result<i64> {
        let sql = format!("SELECT COUNT(*) FROM {table}");
        let mut conn = self.connect(service).await?;
        let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut conn).await?;
        conn.close().await?;
        Ok(count)
    }

    async fn connect(&self, service: &str) -> sqlx::Result<sqlx::SqliteConnection> {
        let path = self.data.join(format!("{service}.db"));
        SqliteConnectOptions::new().filename(path).connect().await
    }
}

impl History {
    fn keep(&mut self, wish: &Wish, id: Uuid) {
        match wish {
            Wish::Order(..) => self.orders.insert(id),
            Wish::Person(_) => self.people.insert(id),
        };
    }
}

impl Report {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(format!("after cut {}: {}", self.cuts, what()));
        }
    }
}

/// Asks for one change after the other. Answers what was acknowledged, and the one that was not.
async fn until_dark(
    caller: Caller,
    order: PlaceOrderRequest,
    wish: impl Fn(Uuid) -> Wish,
) -> (Vec<(Wish, Uuid)>, Wish) {
    let (world, mut kept) = (World::system(), Vec::new());
    loop {
        let wish = wish(world.new_id());
        match ask(&caller, &order, &wish).await {
            Ok(id) => kept.push((wish, id)),
            // A moment's refusal is not the dark.
            Err(status) if status.code() == Code::ResourceExhausted => {}
            Err(_) => return (kept, wish),
        }
    }
}

async fn ask(caller: &Caller, order: &PlaceOrderRequest, wish: &Wish) -> Result<Uuid, tonic::Status> {
    match wish {
        Wish::Order(_, id) => {
            let request = PlaceOrderRequest {
                order_id: id.to_string(),
                ..order.clone()
            };
            let placed: PlaceOrderResponse = caller.call_once(PLACE, &id.to_string(), request).await?;
            Ok(parsed(&placed.order.unwrap_or_default().id))
        }
        Wish::Person(id) => {
            let request = CreatePersonRequest {
                display_name: "Robin Doe".to_owned(),
                login_name: format!("r-{}", id.simple()),
                roles: vec![Role::Owner.into()],
                ..CreatePersonRequest::default()
            };
            let hired: CreatePersonResponse = caller.call_once(HIRE, &id.to_string(), request).await?;
            Ok(parsed(&hired.person.unwrap_or_default().person_id))
        }
    }
}

fn parsed(id: &str) -> Uuid {
    id.parse().expect("an id")
}
