//! The kitchens that are watched: one reader of the log per process, one board per watched location.
//!
//! A board is opened when the first screen asks for it. It takes the end of the log, loads what the kitchen must know, and
//! from then on folds events; what it folded before it was loaded it passes over. A board that nobody watches closes.
//!
//! Whoever watches the same stations has the same view: each change, and each snapshot, is encoded once per view, and all
//! its screens send the same bytes.

mod keeper;
mod screen;
mod token;
mod view;
mod wire;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use muster_kernel::Error;
use muster_kernel::clock::World;
use muster_kernel::db::Db;
use muster_kernel::log::{Batch, Doorbell, Follower, Position, StoredEvent};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use screen::{Screen, Seen};
pub use wire::{Part, PartsBody};

use self::view::Told;
use crate::error::OrdersError;
use crate::events;
use crate::store::menu_cache::MenuCache;

/// Screens that may watch one process.
const MOST_SCREENS: usize = 20_000;
/// Events that may wait for a board. One that falls further behind is given up; its screens get a fresh snapshot.
const MOST_WAITING: usize = 4096;
/// A board that does not answer within this time is not asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Boards are told this often how far the log is read.
const ROUND: TimeDelta = TimeDelta::milliseconds(200);
/// After a failure the log is read again this soon.
const PAUSE: Duration = Duration::from_millis(500);

/// A tenant's location.
pub type Key = (Uuid, Uuid);

/// The watched kitchens of this process.
pub struct Hub {
    db: Db,
    world: World,
    bell: Doorbell,
    menus: MenuCache,
    boards: Mutex<Boards>,
    following: watch::Sender<bool>,
    screens: AtomicUsize,
}

#[derive(Default)]
struct Boards {
    open: HashMap<Key, mpsc::Sender<Message>>,
    /// When all of them were last told how far the log is read.
    told: Option<DateTime<Utc>>,
}

enum Message {
    Event(Arc<StoredEvent>),
    ReadThrough(Progress),
    Join(Join),
}

/// How far a board has read the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Everything that was final at this moment is on the board.
    as_of: DateTime<Utc>,
    /// Everything up to here is on the board.
    position: Position,
}

struct Join {
    station_ids: HashSet<String>,
    resume: Option<Position>,
    reply: oneshot::Sender<Joined>,
}

/// What a screen gets from its board.
struct Joined {
    first: First,
    at: Progress,
    changes: broadcast::Receiver<Arc<Told>>,
    progress: watch::Receiver<Progress>,
}

enum First {
    /// The encoded stations, tickets and levels.
    Snapshot(Bytes),
    Missed(VecDeque<Arc<Told>>),
}

impl Hub {
    /// A hub over this log. It works once [`follow`](Self::follow) runs.
    pub fn new(db: Db, world: World, bell: Doorbell, menus: MenuCache) -> Self {
        let (boards, following, screens) = (Mutex::default(), watch::Sender::new(false), AtomicUsize::new(0));
        Self {
            db,
            world,
            bell,
            menus,
            boards,
            following,
            screens,
        }
    }

    /// Reads the log and hands each event to the board that it concerns, until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let work = async {
            let mut follower = loop {
                match Follower::from_end(self.db.clone(), self.world.clone(), &self.bell).await {
                    Ok(follower) => break follower,
                    Err(error) => tracing::warn!(%error, "the log of orders cannot be read"),
                }
                tokio::time::sleep(PAUSE).await;
            };
            self.following.send_replace(true);
            loop {
                match follower.next().await {
                    Ok(batch) => self.deliver(batch),
                    Err(error) => {
                        // Nothing is lost: it is read again from where it stopped. Meanwhile screens see `as_of` lag.
                        tracing::warn!(%error, "the log of orders cannot be read");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    }

    fn deliver(&self, batch: Batch) {
        let changed: HashSet<Uuid> = batch
            .events
            .iter()
            .filter(|event| event.kind == events::MENU)
            .map(|event| event.tenant_id)
            .collect();
        if !changed.is_empty() {
            let menus = self.menus.clone();
            tokio::spawn(async move {
                for tenant in changed {
                    menus.forget(tenant).await;
                }
            });
        }
        let mut boards = self.boards.lock().unwrap_or_else(PoisonError::into_inner);
        for event in batch.events {
            let Some(location) = event.location_id else { continue };
            let key = (event.tenant_id, location);
            let full = |board: &mpsc::Sender<Message>| board.try_send(Message::Event(Arc::new(event))).is_err();
            if boards.open.get(&key).is_some_and(full) {
                boards.open.remove(&key);
            }
        }
        // With thousands of boards and hundreds of batches a second, each batch cannot go round to all.
        let due = boards
            .told
            .is_none_or(|told| (batch.read_through - told).abs() >= ROUND);
        if due && !batch.more {
            boards.told = Some(batch.read_through);
            let progress = Progress {
                as_of: batch.read_through,
                position: batch.position,
            };
            boards
                .open
                .retain(|_, board| board.try_send(Message::ReadThrough(progress)).is_ok());
        }
    }

    /// Joins the board of a location, opening it where nobody watches yet.
    async fn join(&self, key: Key, station_ids: &HashSet<String>, resume: Option<Position>) -> Result<Joined, Error> {
        let unavailable = || Error::unavailable("KITCHEN_UNAVAILABLE", "the kitchen cannot be read now; watch again");
        let joining = async {
            // A board may close just as it is asked.
            for _ in 0..3 {
                let (reply, answer) = oneshot::channel();
                let join = Message::Join(Join {
                    station_ids: station_ids.clone(),
                    resume,
                    reply,
                });
                if self.board(key).send(join).await.is_ok()
                    && let Ok(joined) = answer.await
                {
                    return Ok(joined);
                }
            }
            Err(unavailable())
        };
        tokio::time::timeout(PATIENCE, joining)
            .await
            .unwrap_or_else(|_| Err(unavailable()))
    }

    fn board(&self, key: Key) -> mpsc::Sender<Message> {
        let mut boards = self.boards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(board) = boards.open.get(&key).filter(|board| !board.is_closed()) {
            return board.clone();
        }
        let (sender, inbox) = mpsc::channel(MOST_WAITING);
        boards.open.insert(key, sender.clone());
        let keeper = keeper::Keeper::new(self.db.clone(), self.world.clone(), key, inbox);
        tokio::spawn(keeper.run(self.following.subscribe()));
        sender
    }

    fn take_seat(self: &Arc<Self>) -> Result<Seat, Error> {
        let seat = Seat(Arc::clone(self));
        if self.screens.fetch_add(1, Ordering::SeqCst) >= MOST_SCREENS {
            return Err(OrdersError::TooManyWatchers.into());
        }
        Ok(seat)
    }
}

/// A screen's place. Given back when it is dropped.
struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.screens.fetch_sub(1, Ordering::SeqCst);
    }
}
