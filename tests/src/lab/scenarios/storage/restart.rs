//! PostgreSQL restarts as after a crash. A short blip, and nothing wrong.

use std::time::Duration;

use rand::RngExt;
use tokio::time::sleep;

use super::{Broken, Run, honest, honest_history, trouble_after};
use crate::lab::dice;
use crate::lab::judge::Verdict;
use crate::lab::probe::Question;

/// Nobody may see an error later than this after PostgreSQL accepts connections again.
const WINDOW: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(5);

/// Restarts it `RESTARTS` times.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let restarts = run.wish("RESTARTS", 7_u32);
    let length = PAUSE * (restarts + 1);
    let load = broken.work(run.wish("RATE", 40.0), length);
    let (mut verdict, mut dice) = (Verdict::default(), dice(run.seed, 4));
    let orders = broken.probe(Question::Order, 50, Duration::from_secs(5));
    let menus = broken.probe(Question::Menu, 50, Duration::from_secs(5));
    let (mut accepted, mut away) = (Vec::new(), Vec::new());
    for _ in 0..restarts {
        sleep(PAUSE - Duration::from_millis(dice.random_range(0..1_000))).await;
        away.push(broken.cluster.postgres.restart().await);
        accepted.push(orders.now());
    }
    sleep(PAUSE).await;
    let _ = load.await;
    for (name, shots) in [("orders", orders.end().await), ("menus", menus.end().await)] {
        let until = |index: usize| {
            let next = accepted.get(index + 1).zip(away.get(index + 1));
            next.map_or(Duration::MAX, |(next, away)| *next - *away)
        };
        let windows: Vec<Duration> = accepted
            .iter()
            .enumerate()
            .map(|(index, from)| trouble_after(&shots, *from, until(index)))
            .collect();
        let worst = windows.iter().max().copied().unwrap_or_default();
        verdict.must(worst <= WINDOW, || {
            format!("R-04: {name} failed until {worst:?} after PostgreSQL was there again")
        });
        let bad = shots.iter().filter(|shot| !shot.is_good()).count();
        verdict.figure(
            format!("R-04 {name}"),
            format!("{bad} of {} refused; errors end after {windows:?}", shots.len()),
        );
        honest("R-04", &shots, &mut verdict);
    }
    verdict.figure("R-04 PostgreSQL was away", format!("{away:?}"));
    verdict.and(broken.judge().await);
    honest_history("R-04", &broken.stage.load.history().calls(), &mut verdict);
    verdict
}
