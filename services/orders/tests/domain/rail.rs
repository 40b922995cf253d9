//! The orders that hang in a kitchen.

use std::collections::HashMap;

use muster_orders::domain::rail::Rail;
use muster_proto::orders::v1::Order;
use proptest::collection::vec;
use proptest::prelude::*;
use prost_types::Timestamp;

#[derive(Debug, Clone)]
enum Act {
    Hang(Order),
    Change(String, Order),
    TakeDown(String),
}

// Few of each, so that the same order comes and goes, and several are as old.
fn order() -> impl Strategy<Value = Order> {
    (0..6_u8, 0..4_i64, 0..3_i32).prop_map(|(id, seconds, number)| Order {
        id: id.to_string(),
        number,
        placed_at: (seconds > 0).then_some(Timestamp { seconds, nanos: 0 }),
        ..Order::default()
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        order().prop_map(Act::Hang),
        order().prop_map(|order| Act::Change(order.id.clone(), order)),
        (0..6_u8).prop_map(|id| Act::TakeDown(id.to_string())),
    ]
}

proptest! {
    #[test]
    fn the_oldest_is_known_whatever_came_and_went(acts in vec(act(), 0..60)) {
        let mut rail = Rail::default();
        let mut told: HashMap<String, Order> = HashMap::new();
        for act in acts {
            match act {
                Act::Hang(order) => {
                    told.insert(order.id.clone(), order.clone());
                    rail.hang(order);
                }
                Act::Change(id, order) => {
                    if let Some(held) = told.get_mut(&id) {
                        *held = order.clone();
                    }
                    rail.change(&id, |held| *held = order);
                }
                Act::TakeDown(id) => {
                    told.remove(&id);
                    rail.take_down(&id);
                }
            }
            let placed = |order: &&Order| (order.placed_at.map(|at| at.seconds), order.number, order.id.clone());
            for but in 0..6_u8 {
                let but = but.to_string();
                let oldest = told.values().filter(|order| order.id != but).min_by_key(placed);
                prop_assert_eq!(rail.oldest_but(&but), oldest.map(|order| order.id.as_str()));
                prop_assert_eq!(rail.get(&but), told.get(&but));
            }
            prop_assert_eq!(rail.len(), told.len());
            prop_assert_eq!(rail.is_empty(), told.is_empty());
        }
    }
}
