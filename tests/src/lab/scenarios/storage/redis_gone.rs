//! Redis is down, empty or stands still. Everything goes on, hardly slower, and limits still hold.

use std::time::Duration;

use futures::StreamExt;
use muster::demo::NEIGHBOUR;
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::{Broken, Run};
use crate::client::Caller;
use crate::lab::judge::Verdict;
use crate::lab::probe::{Question, Shot, between, others, per_mille, percentile};
use crate::raw::Raw;

/// Median and p95 may be so much later than with Redis.
const ADDED: Duration = Duration::from_millis(100);
const AT_ONCE: usize = 32;
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// What one person may ask a second, and at once, in a town of this scenario.
const ALLOWED: u32 = 150;
/// Settings that say so.
pub const SETTINGS: &[(&str, &str)] = &[
    ("MUSTER_GATEWAY__PRINCIPAL_PER_SECOND", "150"),
    ("MUSTER_GATEWAY__PRINCIPAL_BURST", "150"),
];

/// Killed, emptied, frozen.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, SETTINGS).await;
    let length = run.seconds(15);
    let load = broken.work(run.wish("RATE", 30.0), length * 3 + Duration::from_secs(25));
    let mut verdict = part(&mut broken, length).await;
    let _ = load.await;
    verdict.and(broken.judge().await);
    verdict
}

/// So long without Redis, so long with one that forgets, so long with one that stands still.
pub async fn part(broken: &mut Broken, length: Duration) -> Verdict {
    let mut verdict = Verdict::default();
    let orders = broken.probe(Question::Order, 50, Duration::from_secs(5));
    let logins = broken.probe(Question::SignIn, 1_000, Duration::from_secs(8));
    let neighbour = Caller::sign_in(broken.stage.site.plain_channel(), NEIGHBOUR, "olive").await;
    let listeners = broken.cluster.redis.listeners().await;
    verdict.must(listeners > 0, || "nobody listens to Redis".to_owned());
    sleep((length / 2).max(Duration::from_secs(3))).await;

    let killed = orders.now();
    broken.cluster.redis.kill().await;
    sleep(Duration::from_millis(200)).await;
    limited(&neighbour, &mut verdict).await;
    sleep(length).await;
    broken.cluster.redis.begin().await;
    let up = orders.now();
    let began = Instant::now();
    while broken.cluster.redis.listeners().await < listeners && began.elapsed() < BACK_WITHIN * 2 {
        sleep(Duration::from_millis(100)).await;
    }
    let back = began.elapsed();
    verdict.must(back <= BACK_WITHIN, || {
        format!("R-10: everybody listens again only after {back:?}")
    });

    let emptied = orders.now();
    while orders.now() < emptied + length {
        broken.cluster.redis.flush().await;
        sleep(Duration::from_secs(5).min(length)).await;
    }
    let froze = orders.now();
    broken.cluster.redis.freeze();
    sleep(length).await;
    broken.cluster.redis.thaw();
    let thawed = orders.now();
    sleep(Duration::from_secs(2)).await;
    let (orders, logins) = (orders.end().await, logins.end().await);

    let phases = [
        ("killed", killed, up),
        ("emptied", emptied, froze),
        ("frozen", froze, thawed),
    ];
    for (name, shots) in [("orders", &orders), ("logins", &logins)] {
        let before = between(shots, Duration::ZERO, killed);
        for (phase, from, to) in phases {
            compare(name, phase, &before, &between(shots, from, to), &mut verdict);
        }
    }
    verdict.figure("R-10 everybody listens again", format!("{back:?} after Redis is back"));
    verdict
}

fn compare(name: &str, phase: &str, before: &[&Shot], now: &[&Shot], verdict: &mut Verdict) {
    let good = per_mille(now);
    verdict.must(good >= 990, || {
        format!("R-10: {name}, Redis {phase}: {good} ‰, {}", others(now))
    });
    let added = |percent| percentile(now, percent).saturating_sub(percentile(before, percent));
    let (median, late) = (added(50), added(95));
    // A login hashes; its spread is that of the processor, so only its median is held to the figure.
    let holds = median <= ADDED && (name == "logins" || late <= ADDED);
    verdict.must(holds, || {
        format!("R-10: {name}, Redis {phase}: {median:?} later, p95 {late:?}")
    });
    let told = format!("{good} ‰ of {}; median +{median:?}, p95 +{late:?}", now.len());
    verdict.figure(format!("R-10 {name}, Redis {phase}"), told);
}

/// Without Redis each gateway counts alone: neither does everything pass nor nothing. Fewer at once than one business may
/// have, so that only their rate is limited.
async fn limited(neighbour: &Caller, verdict: &mut Verdict) {
    let (asked, started) = (600, Instant::now());
    let calls = (0..asked).map(|_| neighbour.raw("/muster.auth.v1.SessionService/WhoAmI", &[], &[]));
    let answers: Vec<Raw> = futures::stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    let passed = answers.iter().filter(|raw| raw.code == Code::Ok).count();
    let refused = answers.iter().filter(|raw| raw.reason() == "RATE_LIMITED").count();
    let most = f64::from(ALLOWED) * (1.0 + started.elapsed().as_secs_f64()) + 2.0;
    let holds = passed >= 100 && passed as f64 <= most && passed + refused == asked;
    let told = format!("{passed} of {asked} passed and {refused} were refused; {most:.0} may");
    verdict.must(holds, || format!("R-10: without Redis {told}"));
    verdict.figure("R-10 the limit without Redis", told);
}
