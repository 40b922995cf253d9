//! The orders that clients of the load know of: open, in a cook's hand, handed out lately.

use std::collections::{BTreeSet, HashMap, VecDeque};

use muster_proto::orders::v1::KitchenResult;
use rand::RngExt;
use uuid::Uuid;

use super::Dice;

/// A cook calls back one of so many that were handed out last.
const LATELY: usize = 200;

/// An order that was acknowledged.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub order: Uuid,
    /// The lines that are to be handed out.
    pub items: Vec<String>,
    /// A station that makes some of it.
    pub station: String,
}

#[derive(Debug)]
struct Held {
    known: Known,
    /// The lines that were handed out.
    out: Vec<String>,
}

/// All of them. Each is in one place, so that no two cooks hand out the same lines.
#[derive(Debug, Default)]
pub struct Floor {
    held: HashMap<Uuid, Held>,
    open: Vec<Uuid>,
    lately: VecDeque<Uuid>,
}

impl Floor {
    /// An order was placed.
    pub fn placed(&mut self, known: Known) {
        let order = known.order;
        self.open.push(order);
        self.held.insert(order, Held { known, out: Vec::new() });
    }

    /// One of the open ones.
    pub fn any_open(&self, dice: &mut Dice) -> Option<Known> {
        let index = throw(dice, self.open.len())?;
        let held = self.held.get(self.open.get(index)?);
        held.map(|held| held.known.clone())
    }

    /// One of the open ones, which is in the hand of who asks from now on.
    pub fn take_open(&mut self, dice: &mut Dice) -> Option<Known> {
        let index = throw(dice, self.open.len())?;
        let held = self.held.get(&self.open.swap_remove(index));
        held.map(|held| held.known.clone())
    }

    /// One that was handed out lately, which is in the hand of who asks from now on.
    pub fn take_handed_out(&mut self, dice: &mut Dice) -> Option<Known> {
        let index = throw(dice, self.lately.len())?;
        let held = self.held.get(&self.lately.swap_remove_back(index)?);
        held.map(|held| held.known.clone())
    }

    /// A line came to an order. Where all of it was handed out meanwhile, it is open again. Who learned late of a line that the
    /// kitchen saw in time is told nothing new.
    pub fn added(&mut self, order: Uuid, item: String) {
        let Some(held) = self.held.get_mut(&order) else { return };
        if held.known.items.contains(&item) || held.out.contains(&item) {
            return;
        }
        held.known.items.push(item);
        if let Some(index) = self.lately.iter().position(|handed_out| *handed_out == order) {
            self.lately.remove(index);
            self.open.push(order);
        }
    }

    /// A cook is done with the order in his hand: what of it is open now, and which lines he had named.
    pub fn handed_back(&mut self, order: Uuid, result: &KitchenResult, named: &[String]) {
        let Some(Held { known, out }) = self.held.get_mut(&order) else {
            return;
        };
        // Lines that came while he had it he did not name.
        known.items.retain(|item| !named.contains(item));
        out.extend_from_slice(named);
        let lines = result.tickets.iter().flat_map(|ticket| &ticket.items);
        let still_open: BTreeSet<&String> = lines.map(|line| &line.item_id).collect();
        out.retain(|item| !still_open.contains(item));
        for item in still_open {
            if !known.items.contains(item) {
                known.items.push(item.clone());
            }
        }
        if known.items.is_empty() {
            self.lately.push_back(order);
        } else {
            self.open.push(order);
        }
        if self.lately.len() > LATELY
            && let Some(long_ago) = self.lately.pop_front()
        {
            self.held.remove(&long_ago);
        }
    }

    /// The order in a cook's hand is as it was: open, or handed out where nothing of it was.
    pub fn put_back(&mut self, order: Uuid) {
        match self.held.get(&order) {
            Some(held) if held.known.items.is_empty() => self.lately.push_back(order),
            Some(_) => self.open.push(order),
            None => {}
        }
    }
}

/// Thrown whether or not there is something to choose from, so that the schedule does not depend on what was answered.
fn throw(dice: &mut Dice, choices: usize) -> Option<usize> {
    let thrown: u32 = dice.random();
    (thrown as usize).checked_rem(choices)
}
