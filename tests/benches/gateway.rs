//! The gateway beside other gateways: 64 calls at once of 60 bytes, everything on. `scripts/bench gateway`.
//!
//! Every way is measured in every round, one after the other, so that what else the machine does touches all of them.
//! Before each load the way must answer a good token and refuse a spoilt one. `ROUNDS` and `SECONDS` change how long it
//! takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]
#![allow(clippy::disallowed_methods, reason = "a benchmark measures with the machine's clock")]

use std::time::Duration;

use muster_tests::bench::echo::{self, Shape};
use muster_tests::bench::ground::Ground;
use muster_tests::bench::load;
use muster_tests::bench::process::Running;
use muster_tests::bench::rivals::{self, listens};
use muster_tests::bench::start::{self, Started};
use muster_tests::bench::table::{Aim, Bound, Rounds};
use muster_tests::bench::way::{Speech, Way};

/// The echo's, as the binary's: see `services/muster/src/main.rs`.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Before each load, so that connections and caches are what they are in daily life.
const WARM_UP: Duration = Duration::from_millis(300);

/// A way, the process in front of it, and what it showed.
struct Contender<'p> {
    way: Way,
    process: &'p Running,
    rounds: Rounds,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["echo", "alone"] => runtime.block_on(echo::serve(Shape::Alone)),
        ["echo", "together"] => runtime.block_on(echo::serve(Shape::Together)),
        _ => runtime.block_on(measure()),
    }
}

async fn measure() -> anyhow::Result<()> {
    let ground = Ground::prepare().await?;
    let echo = ground.start_echo("alone", 8080)?;
    listens(&echo, &ground.echo()).await?;
    let gateway = ground.start("gateway", &["serve", "--roles", "gateway"], 9090);
    listens(&gateway, &ground.gateway()).await?;
    let together = ground.start_echo("together", 8084)?;
    listens(&together, &ground.address(8084)).await?;
    let (haproxy, haproxy_at) = rivals::haproxy(&ground).await?;
    let (envoy, envoy_at) = rivals::envoy(&ground, true).await?;
    let (forgetful, forgetful_at) = rivals::envoy(&ground, false).await?;
    let contender = |name, address: &str, speech, process| Contender {
        way: Way {
            name,
            address: address.to_owned(),
            speech,
        },
        process,
        rounds: Rounds::default(),
    };
    let own_at = ground.gateway();
    let mut all = [
        contender("the service called directly", &ground.echo(), Speech::Grpc, &echo),
        contender("HAProxy, without checks", &haproxy_at, Speech::Grpc, &haproxy),
        contender("Muster's gateway, its own process", &own_at, Speech::Grpc, &gateway),
        contender("Envoy, tokens cached", &envoy_at, Speech::Grpc, &envoy),
        contender(
            "Muster, all in one process",
            &ground.address(8084),
            Speech::Grpc,
            &together,
        ),
        contender("Muster's gateway, grpc-web", &own_at, Speech::GrpcWeb, &gateway),
        contender("Envoy, grpc-web", &envoy_at, Speech::GrpcWeb, &envoy),
        contender("Envoy, tokens not cached", &forgetful_at, Speech::Grpc, &forgetful),
    ];
    let token = ground.token().await?;
    let (rounds, time) = (setting("ROUNDS", 5), Duration::from_secs(setting("SECONDS", 2)));
    for _ in 0..rounds {
        for contender in &mut all {
            round(contender, &token, &ground, time).await?;
        }
    }
    show(&all);
    // The others would take part of the processors from what is to start.
    let aims = compare(&all);
    drop((echo, gateway, together, haproxy, envoy, forgetful));
    let (fresh, again) = (start::dev(&ground).await?, start::dev(&ground).await?);
    report(aims, &fresh, &again);
    Ok(())
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

async fn round(contender: &mut Contender<'_>, token: &str, ground: &Ground, time: Duration) -> anyhow::Result<()> {
    contender.way.check(token).await?;
    load::run(&contender.way, token, ground.folder(), WARM_UP).await?;
    let before = contender.process.cpu();
    let seen = load::run(&contender.way, token, ground.folder(), time).await?;
    let used = contender.process.cpu() - before;
    contender.rounds.cpu.push(used.as_secs_f64() * 1e6 / seen.calls as f64);
    contender.rounds.seen.push(seen);
    Ok(())
}

fn show(all: &[Contender<'_>]) {
    println!(
        "\n64 calls at once, 60 bytes each way; medians of {} rounds",
        all[0].rounds.seen.len()
    );
    println!(
        "  {:<36} {:>9} {:>7} {:>9} {:>9} {:>10} {:>8}",
        "", "calls/s", "share", "p50 ms", "p99 ms", "CPU µs", "MiB"
    );
    for Contender { way, process, rounds } in all {
        println!(
            "  {:<36} {:>9.0} {:>7.2} {:>9.2} {:>9.2} {:>10.1} {:>8}",
            way.name,
            rounds.median(|seen| seen.rate),
            rounds.share_of(&all[0].rounds),
            rounds.median(|seen| seen.p50),
            rounds.median(|seen| seen.p99),
            rounds.cpu(),
            process.resident() >> 20,
        );
    }
}

fn compare(all: &[Contender<'_>]) -> Vec<Aim> {
    let [direct, _, own, envoy, together, web, ..] = all else {
        return Vec::new();
    };
    let p99 = |contender: &Contender<'_>| contender.rounds.median(|seen| seen.p99);
    vec![
        Aim {
            what: "own process: rate as a share of direct",
            seen: own.rounds.share_of(&direct.rounds),
            aim: Bound::AtLeast(0.55),
        },
        Aim {
            what: "own process: processor time a call as a share of Envoy's",
            seen: own.rounds.cpu() / envoy.rounds.cpu(),
            aim: Bound::AtMost(0.4),
        },
        Aim {
            what: "own process: p99 as a share of Envoy's",
            seen: p99(own) / p99(envoy),
            aim: Bound::AtMost(0.7),
        },
        Aim {
            what: "grpc-web: rate as a share of direct",
            seen: web.rounds.share_of(&direct.rounds),
            aim: Bound::AtLeast(0.5),
        },
        Aim {
            what: "all in one process: rate as a share of direct",
            seen: together.rounds.share_of(&direct.rounds),
            aim: Bound::AtLeast(0.85),
        },
    ]
}

fn report(mut aims: Vec<Aim>, fresh: &Started, again: &Started) {
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    aims.push(Aim {
        what: "muster dev, the first time: seconds until it serves",
        seen: fresh.after.as_secs_f64(),
        aim: Bound::AtMost(1.0),
    });
    aims.push(Aim {
        what: "muster dev, again: seconds until it serves",
        seen: again.after.as_secs_f64(),
        aim: Bound::AtMost(1.0),
    });
    aims.push(Aim {
        what: "muster dev, again: MiB in use when nobody calls",
        seen: mebibytes(again.idle),
        aim: Bound::AtMost(80.0),
    });
    println!("\n  {:<64} {:>8}   {:<8}", "", "seen", "aim");
    aims.iter().for_each(|aim| println!("{}", aim.line()));
}
