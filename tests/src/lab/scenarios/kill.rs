//! Crashes: processes are killed at random moments under load and started again.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use muster::demo::SLUG;
use muster_proto::auth::v1::WhoAmIRequest;
use muster_proto::orders::v1::ListOrdersRequest;
use prost::Message;
use rand::RngExt;
use rand::seq::SliceRandom;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

use super::{BOTH, Run, Scenario, Stage};
use crate::client::Caller;
use crate::lab::dice;
use crate::lab::judge::{Verdict, spread};
use crate::lab::load::Plan;
use crate::lab::site::{Options, Site, Store};

/// Crashes under load.
pub const SCENARIO: Scenario = Scenario {
    name: "kill",
    items: &["R-01", "R-02", "I-17"],
    stores: BOTH,
    about: "SIGKILL of a random role, again and again (KILLS=25; 200 takes eight rounds)",
    run: |run| run_it(run).boxed(),
};

/// An installation is judged after so many kills.
const A_ROUND: u32 = 25;
const WHO: &str = "/muster.auth.v1.SessionService/WhoAmI";
const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
const BACK_WITHIN: Duration = Duration::from_secs(30);

type Times = BTreeMap<&'static str, Vec<Duration>>;

async fn run_it(run: Run) -> Verdict {
    let mut left: u32 = run.wish("KILLS", A_ROUND);
    let (mut verdict, mut times, mut round) = (Verdict::default(), Times::new(), 0_u32);
    while left > 0 {
        let kills = left.min(A_ROUND);
        left -= kills;
        round += 1;
        let part = Run {
            seed: run.seed + u64::from(round) - 1,
            folder: run.folder.join(format!("round-{round}")),
            ..run.clone()
        };
        verdict.figure(format!("round {round}"), format!("{kills} kills, seed {}", part.seed));
        verdict.and(one_round(&part, kills, &mut times).await);
    }
    let limit = match run.store {
        Store::Sqlite => Duration::from_secs(3),
        Store::Postgres => Duration::from_secs(5),
    };
    for (roles, mut times) in times {
        verdict.figure(format!("R-02, kill of {roles} to its first answer"), spread(&mut times));
        let p95 = times
            .get(times.len().saturating_sub(1) * 95 / 100)
            .copied()
            .unwrap_or_default();
        verdict.must(p95 <= limit, || {
            format!("R-02: {roles} is back after {p95:?} (p95), not {limit:?}")
        });
    }
    verdict
}

async fn one_round(run: &Run, kills: u32, times: &mut Times) -> Verdict {
    let site = run.site(Options::default()).await;
    let mut stage = Stage::set(site, run.wish("CLIENTS", 200), 5).await;
    let mut dice = dice(run.seed, 2);
    let plan = Plan::shift(run.wish("RATE", 80.0), Duration::from_secs(3600));
    let stop = stage.load.stopper();
    let load = tokio::spawn(stage.load.clone().run(plan));
    let asks = Caller::sign_in(stage.site.plain_channel(), SLUG, "rosa").await.token;
    let mut findings = Verdict::default();
    let mut order = Vec::new();
    for _ in 0..kills {
        if order.is_empty() {
            order = stage.site.crew.roles();
            order.shuffle(&mut dice);
        }
        let roles = order.pop().expect("a process");
        sleep(Duration::from_millis(dice.random_range(100..1500))).await;
        let began = Instant::now();
        stage.site.crew.kill(roles).await;
        match timeout(BACK_WITHIN, first_answer(&stage.site, roles, &asks)).await {
            Ok(()) => times.entry(roles).or_default().push(began.elapsed()),
            Err(_) => findings
                .findings
                .push(format!("R-02: {roles} is not back after {BACK_WITHIN:?}")),
        }
    }
    sleep(Duration::from_secs(1)).await;
    stop.cancel();
    load.await.expect("the load ends");
    findings.and(stage.judge().await);
    findings
}

/// Asks what only this role can answer until it is answered well.
pub(super) async fn first_answer(site: &Site, roles: &str, token: &str) {
    let list = ListOrdersRequest {
        location_id: site.town.demo.location_id.clone(),
        page_size: 1,
        ..ListOrdersRequest::default()
    };
    let both = [
        (WHO, WhoAmIRequest::default().encode_to_vec()),
        (LIST, list.encode_to_vec()),
    ];
    let asked = match roles {
        "auth" | "gateway" => both.get(..1),
        "orders" => both.get(1..),
        _ => both.get(..),
    };
    for (path, body) in asked.unwrap_or_default() {
        loop {
            let caller = Caller {
                channel: site.plain_channel(),
                token: token.to_owned(),
            };
            let asked = timeout(
                Duration::from_secs(1),
                caller.raw(path, body, &[("grpc-timeout", "1S")]),
            );
            if asked.await.is_ok_and(|answer| answer.code == Code::Ok) {
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}
