//! Starting with the data of years: an installation that was stopped answers soon, however much it holds.

use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use muster::demo::SLUG;
use muster_kernel::db::Db;
use muster_proto::orders::v1::PlaceOrderResponse;
use tokio::time::{Instant, timeout};

use super::kill::first_answer;
use super::{BOTH, Run, Scenario};
use crate::bench::rows::{handed_out, owner_of};
use crate::client::Caller;
use crate::lab::crew::Signal;
use crate::lab::judge::{Verdict, spread};
use crate::lab::site::{Options, Site};
use crate::stories::two_burgers;

/// A start with a million orders.
pub const SCENARIO: Scenario = Scenario {
    name: "cold",
    items: &["R-02"],
    stores: BOTH,
    about: "every process starts anew, stopped and killed in turn, with a million orders of before (ROWS=1000000 STARTS=10)",
    run: |run| run_it(run).boxed(),
};

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const WITHIN: Duration = Duration::from_secs(2);

async fn run_it(run: Run) -> Verdict {
    let (site, mut verdict) = (run.site(Options::default()).await, Verdict::default());
    let waiter = Caller::sign_in(site.plain_channel(), SLUG, "sam").await;
    let rows: u32 = run.wish("ROWS", 1_000_000);
    if let Err(error) = fill(&site, &waiter, rows).await {
        verdict
            .findings
            .push(format!("the orders of before cannot be written: {error:#}"));
        return verdict;
    }
    let mut times = Vec::new();
    for number in 0..run.wish("STARTS", 10_u32) {
        // They were stopped by the filling.
        if number > 0 {
            let signal = if number % 2 == 0 {
                Signal::Terminate
            } else {
                Signal::Kill
            };
            rest(&site, signal).await;
        }
        let began = Instant::now();
        site.crew.roles().into_iter().for_each(|roles| site.crew.wake(roles));
        let answered = timeout(WITHIN * 10, first_answer(&site, "all", &waiter.token)).await;
        verdict.must(answered.is_ok(), || {
            format!("R-02: no answer {:?} after a start", WITHIN * 10)
        });
        times.push(began.elapsed());
    }
    let worst = times.iter().max().copied().unwrap_or_default();
    verdict.must(worst <= WITHIN, || {
        format!("R-02: the first answer came {worst:?} after a start")
    });
    verdict.figure(
        format!("R-02 start with {rows} orders to the first answers"),
        spread(&mut times),
    );
    verdict
}

/// Places one order, stops everything, and writes many like it.
async fn fill(site: &Site, waiter: &Caller, rows: u32) -> anyhow::Result<()> {
    let placed: PlaceOrderResponse = waiter
        .call_once(PLACE, "the-first-of-many", two_burgers(&site.town))
        .await?;
    let order = placed.order.context("an order")?;
    rest(site, Signal::Terminate).await;
    let place = site.town.places.get("orders").context("a place")?;
    let db = Db::open("orders", place).await?;
    let (tenant, location) = owner_of(&db, &order).await?;
    handed_out(&db, tenant, location, &order, (0, rows)).await?;
    db.close().await;
    Ok(())
}

async fn rest(site: &Site, signal: Signal) {
    for roles in site.crew.roles() {
        site.crew.rest(roles, signal).await;
    }
}
