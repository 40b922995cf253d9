//! Keeps one board: loads it, folds the log into it, tells the screens.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::TimeDelta;
use muster_kernel::Error;
use muster_kernel::clock::World;
use muster_kernel::db::{Conn, Db, Reach};
use muster_kernel::log::{self, Position, StoredEvent};
use muster_kernel::time::to_proto;
use muster_proto::orders::v1::{Order, OrderEvent, StockChanged};
use prost::Message as _;
use tokio::sync::{mpsc, watch};

use super::view::{Kept, Views};
use super::{First, Join, Joined, Key, Message, Progress};
use crate::domain::board::{Board, MOST_ORDERS, Outcome};
use crate::events::{self, meta};
use crate::store::{board, order, station, stock};

/// Changes that are kept for screens that come back.
const MOST_KEPT: usize = 1024;
/// They have so many bytes at most, but for the last one.
const MOST_KEPT_BYTES: usize = 1 << 20;
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
}

struct Book {
    board: Board,
    views: Views,
    /// The board was loaded here, or the last change that is no longer kept is here.
    oldest: Position,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// The board was loaded here: earlier events are in it.
    loaded: Position,
}

impl Keeper {
    pub(super) fn new(db: Db, world: World, key: Key, inbox: mpsc::Receiver<Message>) -> Self {
        Self { db, world, key, inbox }
    }

    /// Runs until nobody watches, or until the board cannot be kept. Its screens then join a new one.
    pub(super) async fn run(mut self, mut following: watch::Receiver<bool>) {
        // Events are delivered from before the board takes the end of the log, so none falls between.
        if following.wait_for(|following| *following).await.is_err() {
            return;
        }
        let Some((mut book, start)) = self.load().await else {
            return;
        };
        let (progress, _) = watch::channel(start);
        let mut lonely_since = start.as_of;
        while let Some(message) = self.inbox.recv().await {
            match message {
                Message::Event(event) => {
                    if let Err(error) = self.fold(&mut book, &event).await {
                        tracing::warn!(%error, "a kitchen's board is given up and loaded anew");
                        return;
                    }
                }
                Message::ReadThrough(read) => {
                    progress.send_modify(|now| {
                        now.as_of = now.as_of.max(read.as_of);
                        now.position = now.position.max(read.position);
                    });
                    if book.views.prune() {
                        lonely_since = read.as_of;
                    } else if read.as_of - lonely_since > LINGER {
                        return;
                    }
                }
                Message::Join(join) => self.admit(&mut book, &progress, join),
            }
        }
    }

    async fn load(&self) -> Option<(Book, Progress)> {
        for _ in 0..MOST_TRIES {
            match self.try_load().await {
                Ok(loaded) => return Some(loaded),
                Err(error) => tracing::warn!(%error, "a kitchen cannot be loaded"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    async fn try_load(&self) -> Result<(Book, Progress), Error> {
        let as_of = self.world.now();
        let mut conn = self.db.read(Reach::System).await?;
        let end = log::end(&mut conn).await;
        conn.rollback().await;
        let loaded = end?;
        let (tenant, _) = self.key;
        let mut conn = self.db.read(Reach::Tenant(tenant)).await?;
        let board = self.read_board(&mut conn).await;
        conn.rollback().await;
        let book = Book {
            board: board?,
            views: Views::default(),
            oldest: loaded,
            kept: VecDeque::new(),
            kept_bytes: 0,
            loaded,
        };
        let position = loaded;
        Ok((book, Progress { as_of, position }))
    }

    async fn read_board(&self, conn: &mut Conn) -> Result<Board, Error> {
        let (tenant, location) = self.key;
        let kitchen = station::load(conn, tenant, location).await?;
        let orders = order::on_board(conn, tenant, location).await?;
        let open = match orders.len() < MOST_ORDERS {
            true => Vec::new(),
            false => board::open_orders(conn, tenant, location).await?,
        };
        let levels = stock::list(conn, tenant, location).await?;
        let levels = levels.into_iter().map(|kept| kept.level).collect();
        Ok(Board::new(kitchen, orders, levels).leaving_out(open))
    }

    async fn fold(&self, book: &mut Book, event: &StoredEvent) -> Result<(), Error> {
        let position = event.position();
        if position <= book.loaded {
            return Ok(());
        }
        let (change, known) = match self.change(&mut book.board, event).await? {
            Some(Outcome::Changed(change)) => (*change, false),
            Some(Outcome::Known(change)) => (*change, true),
            Some(Outcome::Missing) | None => return Ok(()),
        };
        let kept = Kept {
            position,
            known,
            whole: change.encode_to_vec().into(),
        };
        book.views.tell(&kept, &change);
        book.keep(kept);
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

    fn admit(&self, book: &mut Book, progress: &watch::Sender<Progress>, join: Join) {
        let at = *progress.borrow();
        // What was told last may be ahead of what the log's reader has said of itself.
        let newest = book
            .kept
            .back()
            .map_or(at.position, |kept| kept.position.max(at.position));
        let resumes = join.resume.filter(|from| book.oldest <= *from && *from <= newest);
        let (_, location) = self.key;
        let view = book.views.open(location, &join.station_ids);
        let first = match resumes {
            Some(from) => {
                let missed = book.kept.iter().filter(|kept| kept.position > from);
                First::Missed(missed.map(|kept| view.again(kept)).collect())
            }
            None => First::Snapshot(view.snapshot(&book.board)),
        };
        let at = Progress { position: newest, ..at };
        let joined = Joined {
            first,
            at,
            changes: view.subscribe(),
            progress: progress.subscribe(),
        };
        // The screen may be gone by now.
        let _ = join.reply.send(joined);
    }
}

impl Book {
    fn keep(&mut self, kept: Kept) {
        self.kept_bytes += kept.whole.len();
        self.kept.push_back(kept);
        while self.kept.len() > MOST_KEPT || (self.kept.len() > 1 && self.kept_bytes > MOST_KEPT_BYTES) {
            let Some(gone) = self.kept.pop_front() else { return };
            self.kept_bytes -= gone.whole.len();
            self.oldest = gone.position;
        }
    }
}
