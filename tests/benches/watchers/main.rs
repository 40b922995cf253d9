//! Kitchen screens by the thousand. `scripts/bench watchers`, at most five minutes.
//!
//! Each screen has its own connection and watches one of the kitchens, at most 1,000 screens to a kitchen. 50 orders a second
//! are placed, each in the next kitchen, and each carries the moment when it was sent: a screen reads it off the ticket.
//! So the times are from sending the order, not from its answer, and have the order's commit in them. Beside it, in the same
//! run: a bare tonic server that streams messages of the same size to as many connections.
//!
//! Processor time per received message is printed beside: it hardly depends on what else the machine does, as times do.
//!
//! Arguments: `one` or `split` measures that shape alone, `bare` the bare server alone; `quick` leaves out the 10,000.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the machine's clock")]

mod bare;
mod kitchens;
mod memory;
mod slow;
mod swarm;
mod times;

use std::sync::Arc;
use std::time::Duration;

use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};

use crate::kitchens::Kitchen;
use crate::memory::Memory;
use crate::swarm::{Swarm, Target};
use crate::times::Times;

/// Orders a second, in all kitchens together.
pub const RATE: u32 = 50;
/// Screens of one kitchen.
pub const AT_ONE_KITCHEN: usize = 1_000;
const FEW: usize = 1_000;
const MANY: usize = 10_000;
const SLOW: usize = 20;
/// So long orders are placed for one figure.
const WINDOW: Duration = Duration::from_secs(12);

/// What was seen of one size.
struct Figures {
    name: String,
    /// KiB a screen in all roles together.
    kib: f64,
    times: Times,
    /// With slow screens beside them.
    beside_slow: Option<(Times, f64)>,
}

fn main() {
    if std::env::var_os(bare::ADDRESS).is_some() {
        return bare::serve();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let said = |word: &str| words.iter().any(|known| known == word);
    let any = ["one", "split", "bare"].iter().any(|word| said(word));
    let sizes = if said("quick") { vec![FEW] } else { vec![FEW, MANY] };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut bare = Vec::new();
        if !any || said("bare") {
            bare = bare::measure(&sizes).await;
        }
        let mut figures = Vec::new();
        for (word, shape, name) in [
            ("one", Shape::AllInOne, "one process, SQLite"),
            ("split", Shape::Split, "split, PostgreSQL and Redis"),
        ] {
            if !any || said(word) {
                figures.extend(measure(shape, name, &sizes).await);
            }
        }
        print(&bare, &figures);
    });
}

async fn measure(shape: Shape, name: &str, sizes: &[usize]) -> Vec<Figures> {
    let settings = [
        ("MUSTER_GATEWAY__CONNECTIONS", "15000"),
        ("MUSTER_DATABASE__CONNECTIONS", "16"),
    ];
    let town = Town::with_settings(shape, &settings).await;
    let most = sizes.iter().max().copied().unwrap_or(FEW);
    let kitchens = kitchens::open(&town, most.div_ceil(AT_ONE_KITCHEN)).await;
    let memory = Memory::of_children();
    let before = memory.used();
    let mut swarm = Swarm::default();
    let mut all = Vec::new();
    for &size in sizes {
        fill(&mut swarm, &town, &kitchens, size).await;
        // Heartbeats have come, and what opening the streams needed for a moment is given back.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let kib = memory.used().saturating_sub(before) as f64 / size as f64;
        let open = &kitchens[..size.div_ceil(AT_ONE_KITCHEN)];
        let (opened, busy) = (memory.used(), memory.cpu());
        let times = rush(&swarm, open, size).await;
        let cpu = (memory.cpu() - busy).as_secs_f64() * 1e6 / times.received.max(1) as f64;
        let orders = memory.used().saturating_sub(opened);
        let later = memory.used().saturating_sub(before) as f64 / size as f64;
        println!(
            "  {name}, {size}: {kib:.1} KiB each, {later:.1} after the orders; {times}, {cpu:.1} us of processor a message; \
             orders took {orders} KiB"
        );
        let mut beside_slow = None;
        if size == FEW {
            let unread = memory.used();
            let slow = slow::open(&target(&town, &kitchens[0]), SLOW).await;
            let times = rush(&swarm, open, size).await;
            // As many orders as before take as much as before; the rest is held for those who do not read.
            let each = memory.used().saturating_sub(unread).saturating_sub(orders) as f64 / SLOW as f64;
            println!("  {name}, {size} beside {SLOW} that do not read: {times}; {each:.0} KiB each");
            drop(slow);
            beside_slow = Some((times, each));
        }
        assert_eq!(swarm.lost(), 0, "streams broke off:\n{}", town.logs());
        let name = format!("{name}, {size}");
        all.push(Figures {
            name,
            kib,
            times,
            beside_slow,
        });
    }
    all
}

/// Opens screens until there are `size`.
async fn fill(swarm: &mut Swarm, town: &Town, kitchens: &[Kitchen], size: usize) {
    while swarm.len() < size {
        let kitchen = &kitchens[swarm.len() / AT_ONE_KITCHEN];
        let more = AT_ONE_KITCHEN.min(size - swarm.len());
        swarm.open(&target(town, kitchen), more).await;
    }
}

fn target(town: &Town, kitchen: &Kitchen) -> Target {
    Target {
        address: town.gateway.parse().expect("an address"),
        token: kitchen.owner.token.clone(),
        location_id: kitchen.location_id.clone(),
    }
}

/// Places orders for a while, and waits until every screen has them.
async fn rush(swarm: &Swarm, kitchens: &[Kitchen], size: usize) -> Times {
    swarm.times.begin();
    let orders = kitchens::rush(kitchens, WINDOW).await;
    let watching = size / kitchens.len();
    swarm.times.wait_for(orders * watching, Duration::from_secs(20)).await
}

fn print(bare: &[Figures], figures: &[Figures]) {
    println!("\n{:-<110}", "");
    println!(
        "{:<44}{:>22}{:>14}{:>14}  verdict",
        "what", "figure", "aim", "bare tonic"
    );
    for figure in figures {
        let rival = bare.iter().find(|rival| {
            let size = |name: &str| name.rsplit(' ').next().map(str::to_owned);
            size(&rival.name) == size(&figure.name)
        });
        let many = figure.name.ends_with(&MANY.to_string());
        let (times, aim) = (&figure.times, if many { 160.0 } else { 33.0 });
        let or_dash = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        row(
            &format!("{}: KiB a screen", figure.name),
            figure.kib,
            32.0,
            or_dash(rival.map(|r| r.kib)),
        );
        row(
            &format!("{}: p99 ms", figure.name),
            times.p(990),
            aim,
            or_dash(rival.map(|r| r.times.p(990))),
        );
        if times.missing > 0 {
            row(
                &format!("{}: not received", figure.name),
                times.missing as f64,
                0.0,
                "-".into(),
            );
        }
        if let Some((beside, each)) = &figure.beside_slow {
            let most = times.p(990) * 1.25 + 5.0;
            row(
                &format!("  beside {SLOW} that do not read: p99 ms"),
                beside.p(990),
                most,
                "-".into(),
            );
            row("  each of those: KiB", *each, 192.0, "-".into());
        }
    }
}

fn row(what: &str, figure: f64, aim: f64, rival: String) {
    let verdict = if figure <= aim { "met" } else { "MISSED" };
    println!("{what:<54}{figure:>12.1}{aim:>14.1}{rival:>14}  {verdict}");
}

/// A signed-in owner with connections of their own.
pub async fn owner(town: &Town, slug: &str) -> Arc<Caller> {
    Arc::new(Caller::sign_in(town.channel().await, slug, "olive").await)
}
