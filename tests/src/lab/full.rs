//! An installation whose disk runs full while orders are placed, and is freed again.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use muster::demo::SLUG;
use muster_kernel::clock::World;
use muster_proto::orders::v1::{GetOrderRequest, GetOrderResponse, PlaceOrderRequest, PlaceOrderResponse};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::cluster::Cluster;
use super::disk::Small;
use super::power::Disk;
use crate::client::{Caller, reason};
use crate::stories::two_burgers;
use crate::town::{Shape, Town};

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const GET: &str = "/muster.orders.v1.OrderService/GetOrder";
const WRITERS: usize = 8;
const READERS: usize = 4;
/// A refusal comes so soon.
const PROMPT: Duration = Duration::from_secs(1);
/// What a refusal may say while there is no room.
const REASONS: [(Code, &str); 4] = [
    (Code::ResourceExhausted, "STORAGE_FULL"),
    (Code::ResourceExhausted, "TOO_BUSY"),
    (Code::Unavailable, "DATABASE_UNAVAILABLE"),
    (Code::Unavailable, "OUTCOME_UNKNOWN"),
];

/// How a run is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// The disk, in bytes.
    pub disk: u64,
    /// Of these, so many are free when the load begins; None: as many as there are.
    pub free: Option<usize>,
    /// How long it stays full under load.
    pub stays: Duration,
}

/// What a run has seen.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Orders that were acknowledged, before and while it was full.
    pub acknowledged: usize,
    /// Refusals while it was full, by code and reason.
    pub refused: BTreeMap<String, usize>,
    /// The slowest of them.
    pub slowest: Duration,
    /// Reads while it was full: all, and those that were answered.
    pub reads: (usize, usize),
    /// From the moment there was room until every writer had placed an order.
    pub recovered: Duration,
    /// What is wrong.
    pub faults: Vec<String>,
}

impl Report {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(what());
        }
    }
}

/// One write: its id and key, what it was told, and how soon.
struct Told {
    id: String,
    answer: Result<(), Status>,
    took: Duration,
}

/// Fills the disk of the data by orders, looks at how that is borne, frees it, and looks again.
pub async fn run(plan: Plan) -> Report {
    let mut town = Town::with_demo(Shape::AllInOne).await;
    town.kill("all").await;
    let data = town.folder().join("data");
    let kept = Disk::of(&data).expect("the data can be read");
    let small = Small::over(&data, plan.disk).expect("a small disk");
    kept.put(&data).expect("the data fits");
    town.start("all");
    town.ready().await;
    let report = filled_and_freed(&town, &small, plan).await;
    town.kill("all").await;
    report
}

/// The same with the tablespace of PostgreSQL. Its log lies elsewhere: without room there PostgreSQL stops.
pub async fn run_on_postgres(plan: Plan) -> Report {
    let folder = tempfile::Builder::new().prefix("muster-small.").tempdir();
    let folder = folder.expect("a temporary folder");
    let small = Small::over(folder.path(), plan.disk).expect("a small disk");
    let cluster = Cluster::start().await;
    let backends = cluster.backends().await;
    cluster.postgres.move_to(folder.path()).await;
    let town = Town::on(backends).await;
    filled_and_freed(&town, &small, plan).await
}

async fn filled_and_freed(town: &Town, small: &Small, plan: Plan) -> Report {
    let callers = sign_in(town).await;
    let mut report = Report::default();
    if let Some(free) = plan.free {
        small.fill(free).expect("the disk is filled");
    }
    let mut told = until_full(town, &callers, &mut report).await;
    let known: Vec<String> = told
        .iter()
        .filter(|one| one.answer.is_ok())
        .map(|one| one.id.clone())
        .collect();
    let (written, read) = tokio::join!(writes(town, &callers, plan.stays), reads(&callers, &known, plan.stays));
    report.reads = read;
    report.check(read.0 > 0 && read.1 * 100 >= read.0 * 99, || format!("reads: {read:?}"));
    judge(&written, &mut report);
    told.extend(written);

    match plan.free {
        Some(_) => small.free().expect("the ballast goes"),
        None => small.resize(plan.disk * 2).expect("the disk grows"),
    }
    let freed = Instant::now();
    let after = join_all(callers.iter().map(|caller| place_anew(town, caller))).await;
    report.recovered = freed.elapsed();
    for one in after {
        report.check(one.answer.is_ok(), || format!("with room again: {:?}", one.answer));
        told.push(one);
    }
    settle(town, &callers, &told, &mut report).await;
    let findings = town.check().await.unwrap_or_else(|text| text);
    report.check(findings.trim() == "every promise is kept", || findings.clone());
    // The same process all the time.
    let alive = crate::client::serves(town.channel().await).await;
    report.check(alive, || "it does not serve any more".to_owned());
    if !report.faults.is_empty() {
        report.faults.push(town.logs());
    }
    report
}

async fn sign_in(town: &Town) -> Vec<Caller> {
    let mut callers = Vec::new();
    for login in ["sam", "priya", "tomasz"] {
        callers.push(Caller::sign_in(town.channel().await, SLUG, login).await);
    }
    let mut all = Vec::new();
    for caller in callers.iter().cycle().take(WRITERS) {
        all.push(Caller {
            channel: town.channel().await,
            token: caller.token.clone(),
        });
    }
    all
}

async fn place(town: &Town, caller: &Caller, id: &str) -> Told {
    let request = PlaceOrderRequest {
        order_id: id.to_owned(),
        ..two_burgers(town)
    };
    let started = Instant::now();
    let answer = caller
        .call_once::<_, PlaceOrderResponse>(PLACE, id, request)
        .await
        .map(drop);
    Told {
        id: id.to_owned(),
        answer,
        took: started.elapsed(),
    }
}

async fn place_anew(town: &Town, caller: &Caller) -> Told {
    place(town, caller, &World::system().new_id().to_string()).await
}

/// Places orders until each writer has met a refusal.
async fn until_full(town: &Town, callers: &[Caller], report: &mut Report) -> Vec<Told> {
    let tasks = callers.iter().map(|caller| async move {
        let mut told = Vec::new();
        loop {
            let one = place_anew(town, caller).await;
            let refused = one.answer.is_err();
            told.push(one);
            if refused {
                return told;
            }
        }
    });
    let told: Vec<Told> = join_all(tasks).await.into_iter().flatten().collect();
    report.check(told.iter().any(|one| one.answer.is_ok()), || {
        "no order was taken before it was full".to_owned()
    });
    judge(&told, report);
    told
}

async fn writes(town: &Town, callers: &[Caller], time: Duration) -> Vec<Told> {
    let until = Instant::now() + time;
    let tasks = callers.iter().map(|caller| async move {
        let mut told = Vec::new();
        while Instant::now() < until {
            told.push(place_anew(town, caller).await);
            // A client that is told to wait does not ask a thousand times a second.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        told
    });
    join_all(tasks).await.into_iter().flatten().collect()
}

/// How many were asked for, and how many were answered.
async fn reads(callers: &[Caller], known: &[String], time: Duration) -> (usize, usize) {
    let until = Instant::now() + time;
    let tasks = callers.iter().take(READERS).map(|caller| async move {
        let (mut asked, mut answered) = (0, 0);
        for id in known.iter().cycle() {
            if Instant::now() >= until {
                break;
            }
            let request = GetOrderRequest { order_id: id.clone() };
            let answer = caller.call::<_, GetOrderResponse>(GET, request).await;
            asked += 1;
            answered += usize::from(answer.is_ok());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (asked, answered)
    });
    let all = join_all(tasks).await;
    all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Each refusal: one of those that are promised, and soon.
fn judge(told: &[Told], report: &mut Report) {
    for one in told {
        let Err(status) = &one.answer else {
            report.acknowledged += 1;
            continue;
        };
        let (code, why) = reason(status);
        *report.refused.entry(format!("{code:?} {why}")).or_default() += 1;
        report.slowest = report.slowest.max(one.took);
        let known = REASONS.contains(&(code, why.as_str()));
        report.check(known, || format!("an order was refused so: {status:?}"));
        report.check(one.took <= PROMPT, || format!("a refusal took {:?}", one.took));
    }
}

/// What was acknowledged is there; what was not is asked for again and is there then, once.
async fn settle(town: &Town, callers: &[Caller], told: &[Told], report: &mut Report) {
    let caller = callers.first().expect("a caller");
    for one in told {
        if one.answer.is_err() {
            let again = place(town, caller, &one.id).await;
            report.check(again.answer.is_ok(), || format!("asked again: {:?}", again.answer));
        }
        let request = GetOrderRequest {
            order_id: one.id.clone(),
        };
        let there = caller.call::<_, GetOrderResponse>(GET, request).await;
        report.check(there.is_ok(), || format!("an order is not there: {there:?}"));
    }
}

/// Places orders while nothing more can be written to the log, and looks whether the log goes on when there is room again.
/// Answers what is wrong.
pub async fn log() -> Vec<String> {
    let mut town = Town::with_settings(Shape::AllInOne, &[("MUSTER_LOG__FILTER", "debug")]).await;
    town.kill("all").await;
    let (folder, log) = (town.folder().join("logs"), town.folder().join("all.log"));
    std::fs::create_dir(&folder).expect("a folder for the log");
    let small = Small::over(&folder, 1 << 20).expect("a small disk");
    std::fs::remove_file(&log).expect("the old log goes");
    std::os::unix::fs::symlink(folder.join("all.log"), &log).expect("the log lies on the small disk");
    town.start("all");
    town.ready().await;
    let callers = sign_in(&town).await;
    small.fill(0).expect("the disk is filled");
    let length = || std::fs::metadata(&log).expect("the log").len();
    let mut faults = Vec::new();
    for round in 0..5 {
        for told in join_all(callers.iter().map(|caller| place_anew(&town, caller))).await {
            if let Err(status) = told.answer {
                faults.push(format!("round {round}, with a full log: {status:?}"));
            }
        }
    }
    let full = length();
    small.free().expect("the ballast goes");
    let after = place_anew(&town, callers.first().expect("a caller")).await;
    if let Err(status) = after.answer {
        faults.push(format!("with room again: {status:?}"));
    }
    if length() <= full {
        faults.push("the log does not go on".to_owned());
    }
    town.kill("all").await;
    faults
}
