//! The orders that hang in a kitchen, by id and by age.

use std::collections::{BTreeSet, HashMap};

use muster_proto::orders::v1::Order;

use super::time;

/// When an order was placed, and its number.
type Age = ((i64, i32), i32);

/// The orders of a board. The oldest is found without a look at the others: a kitchen in which nobody hands out is full, and
/// takes one off for each that comes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rail {
    orders: HashMap<String, Order>,
    by_age: BTreeSet<(Age, String)>,
}

impl Rail {
    /// How many hang here.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Whether this one does.
    pub fn has(&self, order_id: &str) -> bool {
        self.orders.contains_key(order_id)
    }

    /// One of them.
    pub fn get(&self, order_id: &str) -> Option<&Order> {
        self.orders.get(order_id)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Order> {
        self.orders.values()
    }

    /// Hangs an order up, in the place of what was known of it.
    pub fn hang(&mut self, order: Order) {
        self.take_down(&order.id);
        self.by_age.insert((age(&order), order.id.clone()));
        self.orders.insert(order.id.clone(), order);
    }

    /// Changes an order where it hangs. One that does not is passed over.
    pub fn change(&mut self, order_id: &str, change: impl FnOnce(&mut Order)) {
        let Some(order) = self.orders.get_mut(order_id) else {
            return;
        };
        let before = age(order);
        change(order);
        let now = age(order);
        if now != before {
            self.by_age.remove(&(before, order_id.to_owned()));
            self.by_age.insert((now, order_id.to_owned()));
        }
    }

    /// Takes an order down, if it hangs here.
    pub fn take_down(&mut self, order_id: &str) {
        if let Some(order) = self.orders.remove(order_id) {
            self.by_age.remove(&(age(&order), order_id.to_owned()));
        }
    }

    /// The one that was placed first, but for this one.
    pub fn oldest_but(&self, order_id: &str) -> Option<&str> {
        let mut ids = self.by_age.iter().map(|(_, id)| id.as_str());
        ids.find(|id| *id != order_id)
    }
}

impl FromIterator<Order> for Rail {
    fn from_iter<T: IntoIterator<Item = Order>>(orders: T) -> Self {
        let mut rail = Self::default();
        for order in orders {
            rail.hang(order);
        }
        rail
    }
}

fn age(order: &Order) -> Age {
    (time::key(order.placed_at.as_ref()), order.number)
}
