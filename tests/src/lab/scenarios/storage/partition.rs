//! nothing passes between the gateway and a role. Callers are told so soon, then at once; other roles do not notice.

use std::time::Duration;

use tokio::time::sleep;
use tonic::Code;

use super::{Broken, Run};
use crate::lab::dice;
use crate::lab::judge::Verdict;
use crate::lab::probe::{Question, Shot, between, longest, others, per_mille};
use crate::lab::wire::{DEAF, Mode, swizzle};

const TOLD_WITHIN: Duration = Duration::from_secs(2);
const OPEN_WITHIN: Duration = Duration::from_secs(5);
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
/// A refusal as quick as this is one of the breaker.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Each way, both ways, and every wire of the gateway in turn.
pub async fn run(run: Run) -> Verdict {
    let mut broken = Broken::set(&run, &[]).await;
    let length = run.seconds(8);
    let load = broken.work(run.wish("RATE", 30.0), (length + Duration::from_secs(6)) * 3);
    let mut verdict = Verdict::default();
    for (name, mode) in [
        (
            "requests are lost",
            Mode::Blackhole {
                there: true,
                back: false,
            },
        ),
        (
            "answers are lost",
            Mode::Blackhole {
                there: false,
                back: true,
            },
        ),
        ("both are lost", DEAF),
    ] {
        verdict.and(part(&broken, name, mode, length).await);
    }
    let _ = load.await;
    verdict.and(clogged(&broken, length, run.seed).await);
    verdict.and(broken.judge().await);
    verdict
}

/// The wire from the gateway to orders carries in this way for so long.
pub async fn part(broken: &Broken, name: &str, mode: Mode, length: Duration) -> Verdict {
    let mut verdict = Verdict::default();
    let orders = broken.probe(Question::Order, 40, Duration::from_secs(8));
    let who = broken.probe(Question::WhoAmI, 40, Duration::from_secs(8));
    sleep(Duration::from_secs(1)).await;
    let wire = broken.stage.site.wire("gateway", "orders");
    let cut = orders.now();
    wire.set(mode);
    sleep(length).await;
    wire.heal();
    let healed = orders.now();
    while !orders.is_good_since(healed) && orders.now() < healed + CLOSED_WITHIN {
        sleep(Duration::from_millis(20)).await;
    }
    let closed = orders.now() - healed;
    sleep(Duration::from_secs(1)).await;
    let (orders, who) = (orders.end().await, who.end().await);

    let apart = between(&orders, cut, healed);
    let most = longest(&apart);
    verdict.must(most <= TOLD_WITHIN + Duration::from_millis(100), || {
        format!("R-09, {name}: a caller waited {most:?}")
    });
    let wrong: Vec<&Shot> = apart.iter().copied().filter(|shot| !shot.is_honest()).collect();
    verdict.must(wrong.is_empty(), || {
        format!("R-09, {name}: callers were told {}", others(&wrong))
    });
    let is_quick = |shot: &&&Shot| shot.code == Some(Code::Unavailable) && shot.took <= AT_ONCE;
    let opened = apart.iter().find(is_quick).map(|shot| shot.at - cut);
    verdict.must(opened.is_some_and(|after| after <= OPEN_WITHIN), || {
        format!("R-09, {name}: refused at once after {opened:?}")
    });
    verdict.must(closed <= CLOSED_WITHIN, || {
        format!("R-09, {name}: closed only {closed:?} after the wire was well")
    });
    let late: Vec<&Shot> = orders
        .iter()
        .filter(|shot| shot.at > healed + closed && !shot.is_good())
        .collect();
    verdict.must(late.is_empty(), || {
        format!("R-09, {name}: later still {}", others(&late))
    });
    let others_well = per_mille(&who.iter().collect::<Vec<_>>());
    verdict.must(others_well >= 999, || {
        format!("R-09, {name}: auth answered {others_well} ‰")
    });
    let quick = apart.iter().filter(|shot| shot.took <= AT_ONCE).count();
    verdict.figure(
        format!("R-09 {name}"),
        format!(
            "callers waited {most:?} at most; refused at once after {opened:?} ({quick} of {}); closed {closed:?} after; auth {others_well} ‰ of {}",
            apart.len(),
            who.len()
        ),
    );
    verdict
}

/// The gateway's wires stop one by one and start in another order.
async fn clogged(broken: &Broken, length: Duration, seed: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let orders = broken.probe(Question::Order, 40, Duration::from_secs(8));
    let site = &broken.stage.site;
    let wires = [site.wire("gateway", "auth"), site.wire("gateway", "orders")];
    swizzle(&wires, length, &mut dice(seed, 9)).await;
    site.heal();
    let healed = orders.now();
    sleep(CLOSED_WITHIN + Duration::from_secs(1)).await;
    let shots = orders.end().await;
    let bad = shots
        .iter()
        .filter(|shot| shot.at >= healed && !shot.is_good())
        .map(|shot| shot.at - healed);
    let closed = bad.max().unwrap_or_default();
    verdict.must(closed <= CLOSED_WITHIN, || {
        format!("R-09, swizzle: orders failed until {closed:?} after it was well")
    });
    let most = longest(&shots.iter().collect::<Vec<_>>());
    verdict.must(most <= TOLD_WITHIN + Duration::from_millis(100), || {
        format!("R-09, swizzle: a caller waited {most:?}")
    });
    verdict.figure(
        "R-09 swizzle-clog",
        format!("callers waited {most:?} at most; well {closed:?} after"),
    );
    verdict
}
