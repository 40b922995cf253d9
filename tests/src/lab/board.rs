//! A kitchen's board as a screen keeps it: the last snapshot, and every change since.

use std::collections::BTreeMap;

use muster_proto::orders::v1::{KitchenChange, KitchenSnapshot, Station, StockLevel, StockState, Ticket};

/// What a screen shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    tickets: BTreeMap<String, Ticket>,
    stock: BTreeMap<String, StockLevel>,
    stations: BTreeMap<String, Station>,
}

impl Board {
    /// A snapshot replaces all that was known before.
    pub fn from_snapshot(snapshot: KitchenSnapshot) -> Self {
        let mut board = Self::default();
        board.put(snapshot.tickets, snapshot.stock);
        board.put_stations(snapshot.stations);
        board
    }

    /// Takes a change in.
    pub fn apply(&mut self, change: KitchenChange) {
        for id in &change.removed_ticket_ids {
            self.tickets.remove(id);
        }
        self.put(change.tickets, change.stock);
        if !change.stations.is_empty() {
            self.stations.clear();
            self.put_stations(change.stations);
        }
    }

    fn put(&mut self, tickets: Vec<Ticket>, stock: Vec<StockLevel>) {
        self.tickets
            .extend(tickets.into_iter().map(|ticket| (ticket.id.clone(), ticket)));
        self.stock
            .extend(stock.into_iter().map(|level| (level.menu_item_id.clone(), level)));
        self.stock.retain(|_, level| level.state() != StockState::InStock);
    }

    fn put_stations(&mut self, stations: Vec<Station>) {
        self.stations
            .extend(stations.into_iter().map(|station| (station.id.clone(), station)));
    }

    /// Tickets on it.
    pub fn tickets(&self) -> usize {
        self.tickets.len()
    }

    /// How it differs from another, in words; nothing where it does not.
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        let missing = other
            .tickets
            .keys()
            .filter(|id| !self.tickets.contains_key(*id))
            .count();
        let surplus = self
            .tickets
            .keys()
            .filter(|id| !other.tickets.contains_key(*id))
            .count();
        let changed = self
            .tickets
            .iter()
            .find(|(id, ticket)| other.tickets.get(*id).is_some_and(|there| there != *ticket));
        if missing + surplus > 0 || changed.is_some() {
            let example = changed.map(|(id, ticket)| {
                let there = other.tickets.get(id);
                format!(", for example {ticket:?} for {there:?}")
            });
            let example = example.unwrap_or_default();
            return Some(format!("{missing} tickets missing, {surplus} too many{example}"));
        }
        if self.stock != other.stock {
            return Some(format!("stock {:?} for {:?}", self.stock, other.stock));
        }
        (self.stations != other.stations).then(|| "other stations".to_owned())
    }
}
