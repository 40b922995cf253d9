//! The fault lab on the command line: `chaos SCENARIO=kill SEED=7 STORE=pg`. Without arguments it lists the scenarios.
#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    reason = "a program of the tests"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use muster_kernel::clock::World;
use muster_tests::attack::attacker::Plan;
use muster_tests::lab::judge::Verdict;
use muster_tests::lab::scenarios::{ALL, Run, Scenario};
use muster_tests::lab::site::Store;

// It makes ten times the load beside what is measured, on the same processors, and remembers all of it.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let wishes: BTreeMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|word| {
            word.split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        })
        .collect();
    if let Some(plan) = Plan::of(&wishes) {
        println!("{}", plan.carry_out().await);
        return ExitCode::SUCCESS;
    }
    let Some(name) = wishes.get("SCENARIO").cloned() else {
        list();
        return ExitCode::SUCCESS;
    };
    let chosen: Vec<&Scenario> = ALL.iter().filter(|known| name == "all" || known.name == name).collect();
    if chosen.is_empty() {
        println!("there is no scenario {name:?}\n");
        list();
        return ExitCode::FAILURE;
    }
    let seed = wishes.get("SEED").map_or_else(
        || u64::from(u32::from_be_bytes(World::system().random())),
        |text| text.parse().expect("SEED is a number"),
    );
    let mut good = true;
    for scenario in chosen {
        for store in scenario.stores.iter().filter(|store| wanted(&wishes, **store)) {
            good &= run(scenario, *store, seed, &wishes).await;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn wanted(wishes: &BTreeMap<String, String>, store: Store) -> bool {
    wishes.get("STORE").is_none_or(|name| {
        matches!(
            (name.as_str(), store),
            ("all", _) | ("sqlite", Store::Sqlite) | ("pg" | "postgres", Store::Postgres)
        )
    })
}

fn list() {
    println!("make chaos SCENARIO=… [SEED=number] [STORE=sqlite|pg|all] [SECONDS=…] [RATE=…] [CLIENTS=…]\n");
    for Scenario {
        name,
        items,
        stores,
        about,
        ..
    } in ALL
    {
        let stores: Vec<_> = stores.iter().map(|store| store.name()).collect();
        println!(
            "  {name:<12} {about}\n  {:<12} {} on {}",
            "",
            items.join(", "),
            stores.join(", ")
        );
    }
    println!("  {:<12} each of them", "all");
}

async fn run(scenario: &Scenario, store: Store, seed: u64, wishes: &BTreeMap<String, String>) -> bool {
    let name = format!(
        "{}-{}-{seed}-{}",
        scenario.name,
        store.name(),
        World::system().now().timestamp()
    );
    let folder = std::env::var_os("MUSTER_CHAOS_DIR")
        .map_or_else(|| PathBuf::from("target/chaos"), PathBuf::from)
        .join(name);
    println!(
        "\n== {} on {}, seed {seed} (again: make chaos SCENARIO={} SEED={seed} STORE={})\n   {}",
        scenario.name,
        store.name(),
        scenario.name,
        store.name(),
        folder.display()
    );
    let run = Run {
        store,
        seed,
        folder,
        wishes: wishes.clone(),
    };
    let started = tokio::time::Instant::now();
    let Verdict { findings, figures } = (scenario.run)(run).await;
    for (name, value) in figures {
        println!("   {name}: {value}");
    }
    for finding in &findings {
        println!("   BROKEN {finding}");
    }
    let outcome = if findings.is_empty() {
        "every promise is kept"
    } else {
        "RED"
    };
    println!("   {outcome}, after {:.0} s", started.elapsed().as_secs_f64());
    findings.is_empty()
}
