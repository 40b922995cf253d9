//! the order against a model of it; L-05: its sums to the cent.
//!
//! A million sequences: `PROPTEST_CASES=1000000 cargo nextest run --release -p muster-orders --test model_order`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    dead_code,
    missing_docs
)]

mod checks;
#[path = "../domain/diner.rs"]
mod diner;
mod lines;
mod money;
mod reference;
mod subject;
mod tables;

use muster_kernel::testing::model::{Bench, compare, finds, holds};

use crate::reference::{Does, TwoTables};
use crate::subject::{Diner, PLANTS, Plant};
use crate::tables::Tables;

const BENCH: Bench = Bench {
    cases: 10_000,
    steps: 30,
    seeds: "proptest-regressions/model_order.txt",
};

fn run(plant: Option<Plant>, tables: &Tables, steps: &[(usize, Does)]) -> Result<(), String> {
    let mut diner = Diner::open(tables.with_expo, plant);
    let mut tables = tables.clone();
    for step in steps {
        let seen = diner.act(step.0, &step.1)?;
        tables = compare::<TwoTables>(tables, step, &seen)?;
    }
    diner.screens()
}

#[test]
fn an_order_is_what_the_model_says() {
    holds::<TwoTables>(BENCH, |tables, steps| run(None, tables, steps));
}

#[test]
fn planted_bugs_of_orders_are_found() {
    for plant in PLANTS {
        finds::<TwoTables>(BENCH, &plant, |tables, steps| run(Some(plant), tables, steps));
    }
}
