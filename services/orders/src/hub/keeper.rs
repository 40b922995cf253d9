//! Keeps one board: loads it, folds the log into it, tells the screens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use muster_kernel::Error;
use muster_kernel::clock::World;
use muster_kernel::db::{Conn, Db, Reach};
use muster_kernel::log::{self, Position, StoredEvent};
use muster_kernel::time::to_proto;
use muster_proto::orders::v1::{Order, OrderEvent, StockChanged};
use tokio::sync::{broadcast, mpsc, watch};

use super::{First, Join, Joined, Key, Message, Progress, Told};
use crate::domain::board::{Board, Outcome};
use crate::events::{self, meta};
use crate::store::{order, station, stock};

/// Changes that a screen may lag behind. One that lags further gets a fresh snapshot.
const MOST_BEHIND: usize = 256;
/// Changes that are kept for screens that come back.
const MOST_KEPT: usize = 1024;
/// A board that nobody watches stays so long.
const LINGER: TimeDelta = TimeDelta::seconds(60);
/// Loading is tried so often.
const MOST_TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct Keeper {
    db: Db,
    world: World,
    key: Key,
    inbox: mpsc::Receiver<Message>,
    changes: broadcast::Sender<Arc<Told>>,
}

struct Kept {
    board: Board,
    /// The board was loaded here, or the last change that is no longer kept is here.
    oldest: Position,
    kept: VecDeque<Arc<Told>>,
    /// The board was loaded here: earlier events are in it.
    loaded: Position,
}

impl Keeper {
    pub(super) fn new(db: Db, world: World, key: Key, inbox: mpsc::Receiver<Message>) -> Self {
        let (changes, _) = broadcast::channel(MOST_BEHIND);
        Self {
            db,
            world,
            key,
            inbox,
            changes,
        }
    }

    /// Runs until nobody watches, or until the board cannot be kept. Its screens then join a new one.
    pub(super) async fn run(mut self, mut following: watch::Receiver<bool>) {
        // Events are delivered from before the board takes the end of the log, so none falls between.
        if following.wait_for(|following| *following).await.is_err() {
            return;
        }
        let Some((mut kept, start)) = self.load().await else {
            return;
        };
        let (progress, _) = watch::channel(start);
        let mut lonely_since = start.as_of;
        while let Some(message) = self.inbox.recv().await {
            match message {
                Message::Event(event) => {
                    if let Err(error) = self.fold(&mut kept, &event).await {
                        tracing::warn!(%error, "a kitchen's board is given up and loaded anew");
                        return;
                    }
                }
                Message::ReadThrough(read) => {
                    progress.send_modify(|now| {
                        now.as_of = now.as_of.max(read.as_of);
                        now.position = now.position.max(read.position);
                    });
                    if self.changes.receiver_count() > 0 {
                        lonely_since = read.as_of;
                    } else if read.as_of - lonely_since > LINGER {
                        return;
                    }
                }
                Message::Join(join) => self.admit(&kept, &progress, join),
            }
        }
    }

    async fn load(&self) -> Option<(Kept, Progress)> {
        for _ in 0..MOST_TRIES {
            match self.try_load().await {
                Ok(loaded) => return Some(loaded),
                Err(error) => tracing::warn!(%error, "a kitchen cannot be loaded"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn try_load(&self) -> Result<(Kept, Progress), Error> {
        let as_of = self.world.now();
        let mut conn = self.db.read(Reach::System).await?;
        let end = log::end(&mut conn).await;
        conn.rollback().await;
        let loaded = end?;
        let (tenant, _) = self.key;
        let mut conn = self.db.read(Reach::Tenant(tenant)).await?;
        let board = self.read_board(&mut conn).await;
        conn.rollback().await;
        let kept = Kept {
            board: board?,
            oldest: loaded,
            kept: VecDeque::new(),
            loaded,
        };
        Ok((
            kept,
            Progress {
                as_of,
                position: loaded,
            },
        ))
    }

    async fn read_board(&self, conn: &mut Conn) -> Result<Board, Error> {
        let (tenant, location) = self.key;
        let kitchen = station::load(conn, tenant, location).await?;
        let orders = order::on_board(conn, tenant, location).await?;
        let levels = stock::list(conn, tenant, location).await?;
        Ok(Board::new(
            kitchen,
            orders,
            levels.into_iter().map(|kept| kept.level).collect(),
        ))
    }

    async fn fold(&self, kept: &mut Kept, event: &StoredEvent) -> Result<(), Error> {
        let position = event.position();
        if position <= kept.loaded {
            return Ok(());
        }
        let (change, known) = match self.change(&mut kept.board, event).await? {
            Some(Outcome::Changed(change)) => (*change, false),
            Some(Outcome::Known(change)) => (*change, true),
            Some(Outcome::Missing) | None => return Ok(()),
        };
        let told = Arc::new(Told {
            position,
            change,
            known,
        });
        kept.kept.push_back(Arc::clone(&told));
        if kept.kept.len() > MOST_KEPT
            && let Some(gone) = kept.kept.pop_front()
        {
            kept.oldest = gone.position;
        }
        // Nobody may be listening just now.
        let _ = self.changes.send(told);
        Ok(())
    }

    async fn change(&self, board: &mut Board, event: &StoredEvent) -> Result<Option<Outcome>, Error> {
        let at = to_proto(event.at);
        Ok(match event.kind.as_str() {
            events::ORDER => {
                let Some(what) = event.decode::<OrderEvent>()?.event else {
                    return Ok(None);
                };
                match board.apply_order(&event.aggregate_id.to_string(), &what, &meta(event)) {
                    Outcome::Missing => {
                        let order = self.find_order(event).await?;
                        order.map(|order| Outcome::Changed(Box::new(board.put_order(order, &what, at))))
                    }
                    told => Some(told),
                }
            }
            events::STATION => Some(board.apply_station(event.decode()?, at)),
            events::STOCK => event
                .decode::<StockChanged>()?
                .stock
                .map(|level| board.apply_stock(level, at)),
            _ => None,
        })
    }

    async fn find_order(&self, event: &StoredEvent) -> Result<Option<Order>, Error> {
        let mut conn = self.db.read(Reach::Tenant(event.tenant_id)).await?;
        let order = order::find(&mut conn, event.tenant_id, event.aggregate_id).await;
        conn.rollback().await;
        order
    }

    fn admit(&self, kept: &Kept, progress: &watch::Sender<Progress>, join: Join) {
        let at = *progress.borrow();
        // What was told last may be ahead of what the log's reader has said of itself.
        let newest = kept
            .kept
            .back()
            .map_or(at.position, |told| told.position.max(at.position));
        let resumes = join.resume.filter(|from| kept.oldest <= *from && *from <= newest);
        let first = match resumes {
            Some(from) => First::Missed(kept.kept.iter().filter(|told| told.position > from).cloned().collect()),
            None => First::Snapshot {
                stations: kept.board.kitchen().live().cloned().collect(),
                tickets: kept.board.tickets(&join.station_ids),
                stock: kept.board.stock(),
            },
        };
        let at = Progress { position: newest, ..at };
        let joined = Joined {
            first,
            at,
            changes: self.changes.subscribe(),
            progress: progress.subscribe(),
        };
        // The screen may be gone by now.
        let _ = join.reply.send(joined);
    }
}
