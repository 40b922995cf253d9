//! One kind of view: what all screens that watch the same stations of a location see. Each change is encoded once for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use muster_kernel::log::Position;
use muster_proto::orders::v1::{KitchenChange, KitchenSnapshot};
use prost::Message;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::token::Watched;
use super::wire::token_field;
use crate::domain::board::{Board, watched_by};

/// Changes that a screen may lag behind. One that lags further gets a fresh snapshot.
const MOST_BEHIND: usize = 128;

/// A change as a view shows it, and its place in the log.
pub struct Told {
    /// The place.
    pub position: Position,
    /// Every snapshot of this board shows it already.
    pub known: bool,
    /// The encoded token of the place.
    pub token: Vec<u8>,
    /// The encoded change without number and token.
    pub shared: Bytes,
}

/// A change as it was, for all views: the encoded change without number and token.
#[derive(Clone)]
pub struct Kept {
    /// The place.
    pub position: Position,
    /// See [`Told::known`].
    pub known: bool,
    /// All of it.
    pub whole: Bytes,
}

/// The views of a board that somebody watches, by their stations.
#[derive(Default)]
pub struct Views(HashMap<Vec<String>, View>);

/// One of them.
pub struct View {
    station_ids: HashSet<String>,
    watched: Watched,
    changes: broadcast::Sender<Arc<Told>>,
    /// The encoded stations, tickets and levels as they now are.
    snapshot: Option<Bytes>,
}

impl Views {
    /// The view of these stations; of all, when none is named.
    pub fn open(&mut self, location: Uuid, station_ids: &HashSet<String>) -> &mut View {
        let mut sorted: Vec<String> = station_ids.iter().cloned().collect();
        sorted.sort_unstable();
        self.0.entry(sorted).or_insert_with(|| View {
            station_ids: station_ids.clone(),
            watched: Watched::new(location, station_ids),
            changes: broadcast::Sender::new(MOST_BEHIND),
            snapshot: None,
        })
    }

    /// Tells everybody.
    pub fn tell(&mut self, kept: &Kept, change: &KitchenChange) {
        for view in self.0.values_mut() {
            view.snapshot = None;
            if view.changes.receiver_count() > 0 {
                let shared = match view.station_ids.is_empty() {
                    true => kept.whole.clone(),
                    false => watched_by(change, &view.station_ids).encode_to_vec().into(),
                };
                // The last one may have gone just now.
                let _ = view.changes.send(Arc::new(view.told(kept, shared)));
            }
        }
    }

    /// Forgets what nobody watches. Whether anything is left.
    pub fn prune(&mut self) -> bool {
        self.0.retain(|_, view| view.changes.receiver_count() > 0);
        !self.0.is_empty()
    }
}

impl View {
    /// Everything that is told from here on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Told>> {
        self.changes.subscribe()
    }

    /// The encoded stations, tickets and levels, made once until something changes.
    pub fn snapshot(&mut self, board: &Board) -> Bytes {
        let (stations, open) = (&self.station_ids, || board.kitchen().live().cloned().collect());
        let made = self.snapshot.get_or_insert_with(|| {
            let snapshot = KitchenSnapshot {
                stations: open(),
                tickets: board.tickets(stations),
                stock: board.stock(),
                orders_left_out: board.left_out(),
                ..KitchenSnapshot::default()
            };
            snapshot.encode_to_vec().into()
        });
        made.clone()
    }

    /// What this view shows of a change that was kept.
    pub fn again(&self, kept: &Kept) -> Arc<Told> {
        let filtered = || {
            let change = KitchenChange::decode(kept.whole.clone()).unwrap_or_default();
            watched_by(&change, &self.station_ids).encode_to_vec().into()
        };
        let shared = match self.station_ids.is_empty() {
            true => kept.whole.clone(),
            false => filtered(),
        };
        Arc::new(self.told(kept, shared))
    }

    fn told(&self, kept: &Kept, shared: Bytes) -> Told {
        Told {
            position: kept.position,
            known: kept.known,
            token: token_field(self.watched.token(kept.position)),
            shared,
        }
    }
}
