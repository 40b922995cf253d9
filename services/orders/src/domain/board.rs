//! The kitchen of one location as its screens see it: a snapshot, and what each event of the log changes in it.

use std::collections::{BTreeMap, HashSet};

use muster_proto::orders::v1::{
    KitchenChange, KitchenChangeCause, Order, OrderStatus, StationEvent, StockLevel, StockState, Ticket, station_event,
};
use prost_types::Timestamp;

use super::Event;
use super::order::{Meta, apply, item};
use super::rail::Rail;
use super::routing::Kitchen;
use super::ticket;

/// A kitchen shows so many orders, the newest; older ones are counted.
pub const MOST_ORDERS: usize = 1_000;
/// So many of them are counted.
pub const MOST_LEFT_OUT: usize = 10_000;

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The screens change so. Number and token are left to the stream.
    Changed(Box<KitchenChange>),
    /// The board was loaded after it and shows it already. Only a screen that comes from elsewhere needs to be told.
    Known(Box<KitchenChange>),
    /// The board does not hold the order: load it, then [`Board::put_order`].
    Missing,
}

impl Outcome {
    fn of(change: KitchenChange, known: bool) -> Self {
        if known {
            Self::Known(Box::new(change))
        } else {
            Self::Changed(Box::new(change))
        }
    }
}

/// The kitchen of one location.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    kitchen: Kitchen,
    rail: Rail,
    /// Open orders for which there is no room.
    left_out: HashSet<String>,
    stock: BTreeMap<String, StockLevel>,
}

impl Board {
    /// A board of these stations and rules, orders and levels.
    pub fn new(kitchen: Kitchen, orders: Vec<Order>, stock: Vec<StockLevel>) -> Self {
        let mut board = Self {
            kitchen,
            ..Self::default()
        };
        board.rail = orders.into_iter().collect();
        board.stock = stock
            .into_iter()
            .map(|level| (level.menu_item_id.clone(), level))
            .collect();
        board
    }

    /// Names the open orders that were not given to [`new`](Self::new) because they are too many. Those that were are passed
    /// over.
    #[must_use]
    pub fn leaving_out(mut self, order_ids: impl IntoIterator<Item = String>) -> Self {
        let others = order_ids.into_iter().filter(|id| !self.rail.has(id));
        self.left_out = others.take(MOST_LEFT_OUT).collect();
        self
    }

    /// How many open orders are not shown.
    pub fn left_out(&self) -> i32 {
        i32::try_from(self.left_out.len()).unwrap_or(i32::MAX)
    }

    /// The stations and rules.
    pub fn kitchen(&self) -> &Kitchen {
        &self.kitchen
    }

    /// The orders that the kitchen must know.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.rail.iter()
    }

    /// What is counted or out.
    pub fn stock(&self) -> Vec<StockLevel> {
        self.stock
            .values()
            .filter(|level| level.state() != StockState::InStock)
            .cloned()
            .collect()
    }

    /// The open tickets of these stations, the oldest first; of all stations, when none is named.
    pub fn tickets(&self, station_ids: &HashSet<String>) -> Vec<Ticket> {
        let watched = |ticket: &Ticket| station_ids.is_empty() || station_ids.contains(&ticket.station_id);
        let all = self.rail.iter();
        let all = all.flat_map(|order| ticket::open_tickets(order, &self.kitchen));
        let mut tickets: Vec<Ticket> = all.filter(watched).collect();
        tickets.sort_by_cached_key(|ticket| {
            (
                super::time::key(ticket.fired_at.as_ref()),
                ticket.number,
                ticket.id.clone(),
            )
        });
        tickets
    }

    /// Folds an event of an order. One that the order holds already changes nothing, but its tickets are still told: the
    /// screen that resumes here may not have seen them.
    pub fn apply_order(&mut self, order_id: &str, event: &Event, meta: &Meta) -> Outcome {
        if let Event::Placed(_) = event {
            self.left_out.remove(order_id);
            if !self.rail.has(order_id) {
                self.rail.hang(Order {
                    id: order_id.to_owned(),
                    ..Order::default()
                });
            }
        }
        let Some(order) = self.rail.get(order_id) else {
            return Outcome::Missing;
        };
        let was_ready = is_ready(order);
        let known = order.version >= meta.version;
        if !known && order.version.checked_add(1) != Some(meta.version) {
            return Outcome::Missing;
        }
        if !known {
            self.rail.change(order_id, |order| apply(order, event, meta));
        }
        let became_ready = !known && !was_ready && self.rail.get(order_id).is_some_and(is_ready);
        Outcome::of(self.tell(order_id, event, became_ready, meta.at), known)
    }

    /// Takes over an order as it was loaded, and tells its tickets.
    pub fn put_order(&mut self, order: Order, event: &Event, at: Timestamp) -> KitchenChange {
        let order_id = order.id.clone();
        self.left_out.remove(&order_id);
        self.rail.hang(order);
        self.tell(&order_id, event, false, at)
    }

    /// Takes over a change of the stations or rules. All tickets may look different by it.
    pub fn apply_station(&mut self, event: StationEvent, at: Timestamp) -> Outcome {
        let before: HashSet<String> = self
            .tickets(&HashSet::new())
            .into_iter()
            .map(|ticket| ticket.id)
            .collect();
        let kitchen = with_event(self.kitchen.clone(), event);
        let known = kitchen == self.kitchen;
        self.kitchen = kitchen;
        let tickets = self.tickets(&HashSet::new());
        let now: HashSet<&str> = tickets.iter().map(|ticket| ticket.id.as_str()).collect();
        let removed_ticket_ids = before.into_iter().filter(|id| !now.contains(id.as_str())).collect();
        let change = KitchenChange {
            at: Some(at),
            cause: KitchenChangeCause::Stations.into(),
            removed_ticket_ids,
            tickets,
            stations: self.kitchen.live().cloned().collect(),
            orders_left_out: self.left_out(),
            ..KitchenChange::default()
        };
        Outcome::of(change, known)
    }

    /// Takes over a level. An older one than the board has is passed over, and the board's is told.
    pub fn apply_stock(&mut self, level: StockLevel, at: Timestamp) -> Outcome {
        let held = self.stock.entry(level.menu_item_id.clone()).or_default();
        let known = held.version >= level.version;
        if !known {
            *held = level;
        }
        let change = KitchenChange {
            at: Some(at),
            cause: KitchenChangeCause::Stock.into(),
            stock: vec![held.clone()],
            orders_left_out: self.left_out(),
            ..KitchenChange::default()
        };
        Outcome::of(change, known)
    }

    /// Tells an order as it now is, and forgets what need not be known any more.
    fn tell(&mut self, order_id: &str, event: &Event, became_ready: bool, at: Timestamp) -> KitchenChange {
        let mut change = self.told(order_id, cause(event, became_ready), at);
        change.station_id = station(event).to_owned();
        self.forget_if_over(order_id);
        self.make_room(order_id, &mut change);
        change.orders_left_out = self.left_out();
        change
    }

    /// All tickets of an order as they now are: open ones to show, the others to take off.
    fn told(&self, order_id: &str, cause: KitchenChangeCause, at: Timestamp) -> KitchenChange {
        let order = self.rail.get(order_id);
        let tickets = order.map(|order| ticket::open_tickets(order, &self.kitchen));
        let tickets = tickets.unwrap_or_default();
        let open: HashSet<&str> = tickets.iter().map(|ticket| ticket.station_id.as_str()).collect();
        let closed = self
            .kitchen
            .live()
            .filter(|station| !open.contains(station.id.as_str()));
        let removed_ticket_ids = closed.map(|station| ticket::id(order_id, &station.id)).collect();
        KitchenChange {
            at: Some(at),
            cause: cause.into(),
            order_id: order_id.to_owned(),
            order_version: order.map_or(0, |order| order.version),
            tickets,
            removed_ticket_ids,
            ..KitchenChange::default()
        }
    }

    /// Takes the oldest other order off where there are too many.
    fn make_room(&mut self, order_id: &str, change: &mut KitchenChange) {
        while self.rail.len() > MOST_ORDERS {
            let Some(oldest) = self.rail.oldest_but(order_id).map(str::to_owned) else {
                return;
            };
            self.rail.take_down(&oldest);
            let stations = self.kitchen.live();
            let gone = stations.map(|station| ticket::id(&oldest, &station.id));
            change.removed_ticket_ids.extend(gone);
            if self.left_out.len() < MOST_LEFT_OUT {
                self.left_out.insert(oldest);
            }
        }
    }

    fn forget_if_over(&mut self, order_id: &str) {
        let order = self.rail.get(order_id);
        if order.is_some_and(|order| !ticket::is_on_board(order, &self.kitchen)) {
            self.rail.take_down(order_id);
        }
    }
}

/// The kitchen after a change of its stations or rules; an older one than it has is passed over.
pub fn with_event(kitchen: Kitchen, event: StationEvent) -> Kitchen {
    let Kitchen {
        mut stations,
        mut rules,
    } = kitchen;
    match event.event {
        Some(station_event::Event::StationChanged(new))
            if !stations.iter().any(|old| old.id == new.id && old.version > new.version) =>
        {
            stations.retain(|old| old.id != new.id);
            stations.push(new);
        }
        Some(station_event::Event::RuleChanged(new))
            if !rules.iter().any(|old| old.id == new.id && old.version > new.version) =>
        {
            rules.retain(|old| old.id != new.id);
            rules.push(new);
        }
        Some(station_event::Event::RuleDeleted(old)) => rules.retain(|rule| rule.id != old.id),
        _ => {}
    }
    Kitchen::new(stations, rules)
}

/// The part of a change that concerns these stations; all of it, when none is named.
pub fn watched_by(change: &KitchenChange, station_ids: &HashSet<String>) -> KitchenChange {
    if station_ids.is_empty() {
        return change.clone();
    }
    let ticket_here = |ticket: &&Ticket| station_ids.contains(&ticket.station_id);
    let id_here = |id: &&String| station_ids.contains(ticket::station_of(id));
    KitchenChange {
        number: change.number,
        resume_token: change.resume_token.clone(),
        at: change.at,
        cause: change.cause,
        order_id: change.order_id.clone(),
        tickets: change.tickets.iter().filter(ticket_here).cloned().collect(),
        removed_ticket_ids: change.removed_ticket_ids.iter().filter(id_here).cloned().collect(),
        stock: change.stock.clone(),
        stations: change.stations.clone(),
        station_id: change.station_id.clone(),
        order_version: change.order_version,
        orders_left_out: change.orders_left_out,
    }
}

/// Everything that was sent is made, and some of it is not handed out.
fn is_ready(order: &Order) -> bool {
    let sent = || {
        order
            .items
            .iter()
            .filter(|line| item::is_live(line) && item::is_fired(line))
    };
    order.status() != OrderStatus::Voided && sent().all(item::is_made) && sent().any(|line| line.fulfilled_at.is_none())
}

fn cause(event: &Event, became_ready: bool) -> KitchenChangeCause {
    match event {
        Event::Placed(_) => KitchenChangeCause::New,
        Event::ItemsAdded(_) | Event::ItemChanged(_) => KitchenChangeCause::Changed,
        Event::ItemsVoided(_) | Event::OrderVoided(_) => KitchenChangeCause::Voided,
        Event::Moved(_) | Event::ItemsMovedOut(_) | Event::ItemsMovedIn(_) => KitchenChangeCause::Moved,
        Event::CourseHeld(_) => KitchenChangeCause::Held,
        Event::CourseFired(_) => KitchenChangeCause::Fired,
        Event::ItemsStarted(_) => KitchenChangeCause::Started,
        Event::ItemsBumped(_) if became_ready => KitchenChangeCause::Ready,
        Event::ItemsBumped(_) => KitchenChangeCause::Bumped,
        Event::ItemsUnbumped(_) => KitchenChangeCause::Unbumped,
        Event::TicketRecalled(_) => KitchenChangeCause::Recalled,
        Event::ItemsFulfilled(_) => KitchenChangeCause::Fulfilled,
        Event::AllergiesAcknowledged(_) => KitchenChangeCause::Acknowledged,
    }
}

fn station(event: &Event) -> &str {
    match event {
        Event::ItemsStarted(event) => &event.station_id,
        Event::ItemsBumped(event) => &event.station_id,
        Event::ItemsUnbumped(event) => &event.station_id,
        Event::TicketRecalled(event) => &event.station_id,
        Event::AllergiesAcknowledged(event) => &event.station_id,
        _ => "",
    }
}
