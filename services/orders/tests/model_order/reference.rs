//! What may be done at two tables, and the sequences of it.

use muster_kernel::testing::model::{Model, ReferenceStateMachine};
use proptest::prelude::*;

use crate::lines::{Line, OrderSeen};
use crate::tables::Tables;

/// What somebody does, at which of the two tables. Lines are named by their place, and may not exist.
#[derive(Debug, Clone)]
pub enum Does {
    Add {
        dish: usize,
        quantity: i32,
        course: i32,
        egg: bool,
        allergy: bool,
    },
    Quantity {
        line: usize,
        quantity: i32,
    },
    Egg {
        line: usize,
        on: bool,
    },
    Void {
        line: usize,
        quantity: i32,
    },
    VoidAll,
    Hold(i32),
    Fire(i32),
    Start {
        line: usize,
        station: usize,
    },
    Note {
        line: usize,
        station: usize,
    },
    Bump {
        line: usize,
        station: usize,
    },
    Unbump {
        line: usize,
        station: usize,
    },
    Recall {
        station: usize,
    },
    HandOut {
        line: usize,
        force: bool,
    },
    Move {
        line: usize,
        quantity: i32,
    },
}

fn does() -> impl Strategy<Value = Does> {
    let (line, station) = (0..4_usize, 0..4_usize);
    let spot = (line.clone(), station.clone());
    prop_oneof![
        4 => (0..3_usize, 1..4, 0..3, any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(dish, quantity, course, egg, allergy)| Does::Add { dish, quantity, course, egg, allergy }),
        2 => (line.clone(), 1..6).prop_map(|(line, quantity)| Does::Quantity { line, quantity }),
        2 => (line.clone(), any::<bool>()).prop_map(|(line, on)| Does::Egg { line, on }),
        2 => (line.clone(), 0..4).prop_map(|(line, quantity)| Does::Void { line, quantity }),
        1 => prop::bool::weighted(0.2).prop_map(|all| if all { Does::VoidAll } else { Does::Fire(2) }),
        1 => (1..3).prop_map(Does::Hold),
        2 => (1..3).prop_map(Does::Fire),
        3 => spot.clone().prop_map(|(line, station)| Does::Start { line, station }),
        3 => spot.clone().prop_map(|(line, station)| Does::Note { line, station }),
        9 => spot.clone().prop_map(|(line, station)| Does::Bump { line, station }),
        3 => spot.prop_map(|(line, station)| Does::Unbump { line, station }),
        2 => station.prop_map(|station| Does::Recall { station }),
        3 => (line.clone(), any::<bool>()).prop_map(|(line, force)| Does::HandOut { line, force }),
        3 => (line, 0..4).prop_map(|(line, quantity)| Does::Move { line, quantity }),
    ]
}

/// Two tables of one diner, with expo or without.
pub struct TwoTables;

impl ReferenceStateMachine for TwoTables {
    type State = Tables;
    type Transition = (usize, Does);

    fn init_state() -> BoxedStrategy<Tables> {
        any::<bool>()
            .prop_map(|with_expo| {
                let mut tables = Tables {
                    orders: Default::default(),
                    with_expo,
                    clock: 0,
                    made: 0,
                };
                for (table, dish) in [(0, 0), (1, 2)] {
                    tables.tick(table);
                    tables.made += 1;
                    tables.orders[table].put(Line::new(tables.made, dish, 2, 0, false, false), false);
                }
                tables
            })
            .boxed()
    }

    fn transitions(_: &Tables) -> BoxedStrategy<(usize, Does)> {
        (prop_oneof![4 => Just(0_usize), 1 => Just(1_usize)], does()).boxed()
    }

    fn apply(mut tables: Tables, (table, does): &(usize, Does)) -> Tables {
        let _ = tables.run(*table, does);
        tables
    }
}

impl Model for TwoTables {
    type Seen = (Result<(), &'static str>, [OrderSeen; 2]);

    fn expect(tables: &Tables, (table, does): &(usize, Does)) -> Self::Seen {
        let mut after = tables.clone();
        (after.run(*table, does), after.seen())
    }
}
