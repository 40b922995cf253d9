//! What holds after every step whatever the model says: nothing is made twice, tickets show what was sent and is undone, and a
//! screen that follows shows what a screen that loads shows.

use std::collections::{HashMap, HashSet};

use muster_orders::domain::board::{Board, Outcome};
use muster_orders::domain::order::{Meta, fold, item};
use muster_orders::domain::routing::Kitchen;
use muster_orders::domain::{Event, ticket};
use muster_proto::orders::v1::{Order, OrderItem, PrepState, Ticket};

use crate::reference::Does;

type Check = Result<(), String>;
/// Of an order, a line and a station.
type Preps = HashMap<(String, String, String), PrepState>;
/// Of a dish, or of a dish at a station.
type Units<K> = HashMap<K, i32>;

/// What is to be compared with the next step.
#[derive(Debug, Clone)]
pub struct Work {
    preps: Preps,
    ordered: Units<String>,
    untouched: Units<(String, String)>,
}

impl Work {
    pub fn of(orders: &[Order; 2]) -> Self {
        let lines = || {
            orders
                .iter()
                .flat_map(|order| order.items.iter().map(move |line| (order, line)))
        };
        let mut work = Self {
            preps: Preps::new(),
            ordered: HashMap::new(),
            untouched: HashMap::new(),
        };
        for (order, line) in lines() {
            *work.ordered.entry(line.menu_item_id.clone()).or_default() += line.quantity + line.voided_quantity;
            for prep in &line.preps {
                let key = (order.id.clone(), line.id.clone(), prep.station_id.clone());
                work.preps.insert(key, prep.state());
                if prep.state() == PrepState::New {
                    let key = (line.menu_item_id.clone(), prep.station_id.clone());
                    *work.untouched.entry(key).or_default() += line.quantity;
                }
            }
        }
        work
    }

    /// What a station has begun is never new again, and work appears only by ordering more, or by a modifier that adds a
    /// station. Moving neither makes nor loses anything.
    pub fn follows(&self, before: &Self, does: &Does) -> Check {
        for (key, state) in &self.preps {
            let begun = before.preps.get(key).is_some_and(|before| *before != PrepState::New);
            if *state == PrepState::New && begun {
                return Err(format!("after {does:?} {key:?} is to be made a second time"));
            }
        }
        let of = |units: &Units<String>, dish: &String| units.get(dish).copied().unwrap_or(0);
        for ((dish, station), count) in &self.untouched {
            let key = (dish.clone(), station.clone());
            let was = before.untouched.get(&key).copied().unwrap_or(0);
            let bought = of(&self.ordered, dish) - of(&before.ordered, dish);
            if *count > was + bought && !matches!(does, Does::Egg { .. }) {
                return Err(format!("after {does:?} {dish} at {station}: {was} became {count}"));
            }
        }
        if matches!(does, Does::Move { .. }) && self.ordered != before.ordered {
            return Err(format!("{does:?} made or lost something"));
        }
        Ok(())
    }
}

/// Each station's ticket shows exactly what was sent there and is undone.
pub fn tickets(order: &Order, kitchen: &Kitchen, open: &[Ticket]) -> Check {
    for station in kitchen.live_prep() {
        let undone = |line: &&OrderItem| {
            item::is_fired(line) && item::prep(line, &station.id).is_some_and(|prep| !item::is_done(prep))
        };
        let undone: HashSet<&str> = order.items.iter().filter(undone).map(|line| line.id.as_str()).collect();
        let here = open.iter().filter(|ticket| ticket.station_id == station.id);
        let shown: HashSet<&str> = here
            .flat_map(|ticket| &ticket.items)
            .filter(|line| line.state() != PrepState::Done)
            .map(|line| line.item_id.as_str())
            .collect();
        if shown != undone {
            return Err(format!("{} shows {shown:?}, undone is {undone:?}", station.name));
        }
    }
    Ok(())
}

/// A board that joins after so many events and hears those that pass `hears` shows in the end what is open.
pub fn board(
    order: &Order,
    kitchen: &Kitchen,
    log: &[(Event, Meta)],
    joined: usize,
    hears: impl Fn(&Event) -> bool,
) -> Check {
    let until = |count: usize| fold(log.iter().take(count).map(|(event, meta)| (event, meta)));
    let mut board = Board::new(kitchen.clone(), until(joined).into_iter().collect(), vec![]);
    let first = board.tickets(&HashSet::new());
    let mut screen: HashMap<String, Ticket> = first.into_iter().map(|one| (one.id.clone(), one)).collect();
    for (index, (event, meta)) in log.iter().enumerate().filter(|(_, (event, _))| hears(event)) {
        let change = match board.apply_order(&order.id, event, meta) {
            Outcome::Changed(change) | Outcome::Known(change) => *change,
            Outcome::Missing => {
                let now = until(index + 1).ok_or("no order, where events are")?;
                board.put_order(now, event, meta.at)
            }
        };
        change.removed_ticket_ids.iter().for_each(|id| drop(screen.remove(id)));
        screen.extend(change.tickets.into_iter().map(|one| (one.id.clone(), one)));
    }
    let mut shown: Vec<Ticket> = screen.into_values().collect();
    let mut expected = ticket::open_tickets(order, kitchen);
    shown.sort_by(|a, b| a.id.cmp(&b.id));
    expected.sort_by(|a, b| a.id.cmp(&b.id));
    if shown == expected {
        return Ok(());
    }
    Err(format!(
        "a board that joined after {joined} events shows {shown:#?}, open is {expected:#?}"
    ))
}
