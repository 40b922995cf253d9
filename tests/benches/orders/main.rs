//! How many orders are placed a second through the gateway with everything on, beside the same rows written by bare SQL in
//! the same run. `scripts/bench orders`.
//!
//! On PostgreSQL the limit is one statement that writes all rows of an order and commits by itself; on SQLite groups of
//! sixteen orders in one transaction. Rounds of ours and of the limit take turns, and the median of their ratios counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the machine's clock")]

mod bare;
mod ours;

use std::time::Duration;

use muster_tests::bench::table::{Aim, Bound, median};
use muster_tests::town::{Shape, Town};

use self::bare::Bare;
use self::ours::Shop;

/// How long one round lasts.
const WINDOW: Duration = Duration::from_secs(3);
/// Ours and the limit take turns so often.
const ROUNDS: usize = 3;

/// How fast something went.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Orders a second.
    pub rate: f64,
    /// Half of them took less, in milliseconds.
    pub p50: f64,
    /// All but a twentieth took less.
    pub p95: f64,
    /// All but a hundredth took less.
    pub p99: f64,
}

impl Pace {
    /// What these times, collected in this window, amount to.
    pub fn of(mut times: Vec<Duration>, window: Duration) -> Self {
        times.sort();
        let at = |per_mille: usize| {
            let last = times.len().saturating_sub(1);
            times
                .get(last * per_mille / 1000)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX);
        Self {
            rate: f64::from(count) / window.as_secs_f64(),
            p50: at(500),
            p95: at(950),
            p99: at(990),
        }
    }

    fn print(self, name: &str) {
        let Self { rate, p50, p95, p99 } = self;
        println!("  {name:<58} {rate:>6.0}/s   p50 {p50:>6.2}   p95 {p95:>6.2}   p99 {p99:>6.2} ms");
    }
}

/// Shapes whose name holds the argument, or all of them: `scripts/bench orders SQLite`.
#[tokio::main]
async fn main() {
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let shapes = [
        ("SQLite, one process", Shape::AllInOne),
        ("PostgreSQL, one process", Shape::Together),
        ("PostgreSQL, one role per process", Shape::Split),
    ];
    let mut aims = Vec::new();
    for (name, shape) in shapes {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        // The open loop may have more on its way than a business usually may.
        let many = [("MUSTER_GATEWAY__TENANT_CALLS_AT_ONCE", "4096")];
        let town = Town::with_settings(shape, &many).await;
        let shop = Shop::open(&town).await;
        let bare = Bare::open(&town).await;
        for clients in [16, 64] {
            println!("\n{name}, {clients} at once");
            measure(name, &town, (&shop, &bare), clients, &mut aims).await;
        }
        bare.close().await;
        println!("  {}", town.check().await.expect("every promise is kept"));
    }
    println!("\nOrders a second as a share of bare SQL, and the time they take at half of capacity in ms");
    for (what, seen, bound) in aims {
        let what: &'static str = String::leak(what);
        println!("{}", Aim { what, seen, aim: bound }.line());
    }
}

async fn measure(
    name: &str,
    town: &Town,
    (shop, bare): (&Shop, &Bare),
    clients: usize,
    aims: &mut Vec<(String, f64, Bound)>,
) {
    town.settle().await;
    let (mut spread, mut one, mut limits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        limits.push(bare.write(clients, round).await);
        spread.push(shop.place(clients, true).await);
        one.push(shop.place(clients, false).await);
    }
    middle(&limits).print(bare.name());
    middle(&spread).print("through the gateway, 16 restaurants");
    middle(&one).print("through the gateway, one restaurant");
    for (place, paces) in [("16 restaurants", &spread), ("one restaurant", &one)] {
        let ratios = paces.iter().zip(&limits).map(|(own, limit)| own.rate / limit.rate);
        let what = format!("{name}, {clients} at once, {place}");
        aims.push((what, median(ratios.collect()), Bound::AtLeast(0.6)));
    }
    let half = middle(&spread).rate / 2.0;
    // What comes is half of what can be done, and so is what is written to the disk.
    town.settle().await;
    let calm = shop.place_at(half).await;
    calm.print(&format!("at half of that, {half:.0} a second whoever waits"));
    let what = format!("{name}, p95 at half of what {clients} at once place");
    aims.push((what, calm.p95, Bound::AtMost(20.0)));
}

/// The median of each figure.
fn middle(paces: &[Pace]) -> Pace {
    let of = |figure: fn(&Pace) -> f64| median(paces.iter().map(figure).collect());
    Pace {
        rate: of(|pace| pace.rate),
        p50: of(|pace| pace.p50),
        p95: of(|pace| pace.p95),
        p99: of(|pace| pace.p99),
    }
}
