//! PostgreSQL stands still. Nobody waits longer than his deadline, and what needs no database goes on.

use std::time::Duration;

use tokio::time::sleep;

use super::{Broken, Run, trouble_after};
use crate::lab::judge::Verdict;
use crate::lab::probe::{Question, Shot, between, longest, others, per_mille};

/// What an answer may take beyond its deadline.
const GRACE: Duration = Duration::from_millis(250);
/// Who asks how the gateway is gets an answer within.
const HEALTH: Duration = Duration::from_millis(100);
const NORMAL_WITHIN: Duration = Duration::from_secs(5);

/// Half a minute, under load.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let length = run.seconds(30);
    let load = broken.work(run.wish("RATE", 30.0), length + Duration::from_secs(12));
    sleep(Duration::from_secs(3)).await;
    let mut verdict = part(&broken, length, Duration::from_secs(5), HEALTH).await;
    let _ = load.await;
    verdict.and(broken.judge().await);
    verdict
}

/// PostgreSQL stands still for so long; callers give this deadline.
pub async fn part(broken: &Broken, length: Duration, deadline: Duration, health_within: Duration) -> Verdict {
    let mut verdict = Verdict::default();
    let orders = broken.probe(Question::Order, 100, deadline);
    let menus = broken.probe(Question::Menu, 100, deadline / 2);
    let who = broken.probe(Question::WhoAmI, 200, deadline / 2);
    let health = broken.probe(Question::Health, 50, Duration::from_secs(1));
    let nonsense = broken.probe(Question::Nonsense, 50, Duration::from_secs(1));
    sleep(Duration::from_secs(1)).await;
    let froze = health.now();
    broken.cluster.postgres.freeze();
    sleep(length).await;
    broken.cluster.postgres.thaw();
    let thawed = health.now();
    sleep(NORMAL_WITHIN + Duration::from_secs(1)).await;

    for (name, shots, limit) in [
        ("orders", orders.end().await, deadline),
        ("menus", menus.end().await, deadline / 2),
        ("who am I", who.end().await, deadline / 2),
    ] {
        let all: Vec<&Shot> = shots.iter().collect();
        let most = longest(&all);
        verdict.must(most <= limit + GRACE, || {
            format!("R-07: {name} with a deadline of {limit:?} took {most:?}")
        });
        let normal = trouble_after(&shots, thawed, Duration::MAX);
        verdict.must(normal <= NORMAL_WITHIN, || {
            format!("R-07: {name} failed until {normal:?} after PostgreSQL went on")
        });
        let told = format!(
            "longest {most:?} of {limit:?}; normal {normal:?} after; {}",
            others(&all)
        );
        verdict.figure(format!("R-07 {name}"), told);
    }
    for (name, shots) in [
        ("health", health.end().await),
        ("what needs no database", nonsense.end().await),
    ] {
        let meanwhile = between(&shots, froze, thawed);
        let (most, good) = (longest(&meanwhile), per_mille(&meanwhile));
        verdict.must(good == 1000 && most <= health_within, || {
            format!("R-07: {name} was answered {good} ‰ of the time, after up to {most:?}")
        });
        verdict.figure(
            format!("R-07 {name}"),
            format!("{good} ‰ of {} answered, longest {most:?}", meanwhile.len()),
        );
    }
    verdict
}
