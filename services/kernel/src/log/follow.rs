//! Following a log: what is there, then what comes. `tests/model_kernel/reader.rs` interrupts it at any moment, while
//! transactions are committed in any order.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Doorbell, Position, StoredEvent, end, read_after};
use crate::clock::World;
use crate::db::{Db, DbError, Reach};

/// Events are read in batches of at most so many.
const BATCH: i64 = 500;
/// Without a ring the log is looked at this often.
const PATIENCE: Duration = Duration::from_millis(500);
/// After a ring with nothing to read yet (an older transaction is still open), it is looked at again this soon.
const RETRY: Duration = Duration::from_millis(5);
/// So often, before it is left to the next ring.
const RETRIES: u32 = 4;
/// Two looks are so far apart at least: where thousands commit in a second, they are read by the dozen.
const BREATH: Duration = Duration::from_millis(4);

/// Reads one service's log from a position on.
pub struct Follower {
    db: Db,
    world: World,
    rings: watch::Receiver<u64>,
    position: Position,
    /// There may be something to read at once.
    owed: bool,
    looked: Instant,
    answered: Instant,
    retries: u32,
}

/// What a follower read.
#[derive(Debug)]
pub struct Batch {
    /// In log order. May be empty: then only `read_through` is new.
    pub events: Vec<StoredEvent>,
    /// Where the batch ends.
    pub position: Position,
    /// Everything that was final at this moment has been handed out, unless `more`.
    pub read_through: DateTime<Utc>,
    /// The batch was full, and there is more to read at once.
    pub more: bool,
}

impl Follower {
    /// Follows from after `position`.
    pub fn from(db: Db, world: World, bell: &Doorbell, position: Position) -> Self {
        Self::after(position, (db, world), bell.listen())
    }

    /// Follows from the end of the log.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn from_end(db: Db, world: World, bell: &Doorbell) -> Result<Self, DbError> {
        // Listen first, then look: a ring in between is not lost.
        let rings = bell.listen();
        let mut conn = db.read(Reach::System).await?;
        let position = end(&mut conn).await;
        conn.rollback().await;
        Ok(Self::after(position?, (db, world), rings))
    }

    fn after(position: Position, (db, world): (Db, World), rings: watch::Receiver<u64>) -> Self {
        let now = Instant::now();
        Self {
            db,
            world,
            rings,
            position,
            owed: true,
            looked: now,
            answered: now,
            retries: 0,
        }
    }

    /// How far it has read.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Waits for a ring (or for a while), then reads. The first call reads at once. A batch without events comes twice a second
    /// at the latest.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the database is out of reach; call again after a pause.
    pub async fn next(&mut self) -> Result<Batch, DbError> {
        loop {
            self.wait().await;
            let batch = self.read().await?;
            if !batch.events.is_empty() {
                self.retries = RETRIES;
            }
            if !batch.events.is_empty() || self.answered.elapsed() >= PATIENCE {
                self.answered = Instant::now();
                return Ok(batch);
            }
        }
    }

    /// Until it is time to look again.
    async fn wait(&mut self) {
        if self.owed {
            return;
        }
        sleep_until(self.looked + BREATH).await;
        let wait = if self.retries > 0 { RETRY } else { PATIENCE };
        match timeout_at(self.looked + wait, self.rings.changed()).await {
            Ok(Ok(())) => self.retries = RETRIES,
            // The bell is gone with its service; go on by looking.
            Ok(Err(_)) => sleep_until(self.looked + PATIENCE).await,
            Err(_) => self.retries = self.retries.saturating_sub(1),
        }
        self.owed = true;
    }

    async fn read(&mut self) -> Result<Batch, DbError> {
        let read_through = self.world.now();
        // One statement, and for a log that is busy the same one all the time.
        let mut conn = self.db.glance(Reach::System).await?;
        let events = read_after(&mut conn, self.position, BATCH).await;
        conn.rollback().await;
        let events = events?;
        if let Some(last) = events.last() {
            self.position = last.position();
        }
        let more = i64::try_from(events.len()).unwrap_or(i64::MAX) >= BATCH;
        (self.owed, self.looked) = (more, Instant::now());
        Ok(Batch {
            events,
            position: self.position,
            read_through,
            more,
        })
    }
}
