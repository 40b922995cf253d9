//! SQLite: many readers, one writer, and commits in groups.
//!
//! A commit with `synchronous=FULL` waits for the disk. So that many small units of work do not each wait alone, a unit
//! that ends while others queue leaves its work in the open transaction, as a released savepoint; the last of the group
//! commits, and then all of them are answered. A unit that fails is rolled back to its own savepoint and harms nobody.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use super::checkpoint::{Checkpoints, LONGEST_LOG};
use super::{DbError, bounded};
use crate::error::Error;

/// So many units share one commit at most, so that the first of them does not wait for ever.
const MOST_IN_GROUP: usize = 64;
/// More than this many in the queue are refused.
const MOST_WAITING: usize = 512;
/// The writer remembers so many statements: those over many rows have a text for each number of rows.
const WRITER_STATEMENTS: usize = 512;
/// Nobody waits longer for the writer.
const WRITER_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Sqlite {
    readers: SqlitePool,
    writer: Writer,
}

/// The options that every connection to the file is made with.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .pragma("mmap_size", "0")
}

impl Sqlite {
    pub(super) async fn open(path: &Path) -> Result<Self, Error> {
        let writer = options(path)
            .statement_cache_capacity(WRITER_STATEMENTS)
            // A savepoint keeps each page as it was before. In memory, that is; a file of them was more than half of all writing.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", LONGEST_LOG);
        let writer = bounded(writer.connect()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(2))
            .connect_lazy_with(options(path).pragma("query_only", "ON"));
        Ok(Self {
            readers,
            writer: Writer::new(writer, Checkpoints::start(options(path))),
        })
    }

    pub(super) async fn reader(&self) -> Result<PoolConnection<sqlx::Sqlite>, DbError> {
        Ok(self.readers.acquire().await?)
    }

    pub(super) fn writer(&self) -> &Writer {
        &self.writer
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.flush().await;
    }
}

#[derive(Clone)]
pub(super) struct Writer {
    state: Arc<Mutex<State>>,
    waiting: Arc<AtomicUsize>,
}

struct State {
    conn: SqliteConnection,
    checkpoints: Checkpoints,
    open: bool,
    group: Vec<oneshot::Sender<Result<(), DbError>>>,
}

impl Writer {
    fn new(conn: SqliteConnection, checkpoints: Checkpoints) -> Self {
        let state = State {
            conn,
            checkpoints,
            open: false,
            group: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            waiting: Arc::default(),
        }
    }

    pub(super) async fn begin(&self) -> Result<WriteUnit, DbError> {
        let place = Queued::join(self)?;
        let guard = tokio::time::timeout(WRITER_WAIT, Arc::clone(&self.state).lock_owned()).await;
        let mut state = guard.map_err(|_| DbError::Crowded)?;
        place.served();
        let writer = self.clone();
        // Run to its end even if the caller goes away: the engine would have begun, and nobody would know of it. A unit
        // that nobody takes is undone when it is dropped.
        let begun = tokio::spawn(async move {
            state.begin().await?;
            let state = Some(state);
            Ok(WriteUnit { state, writer })
        });
        begun
            .await
            .unwrap_or(Err(DbError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    /// Commits what finished units left in the open transaction.
    async fn flush(&self) {
        self.state.lock().await.commit().await;
    }
}

impl State {
    async fn begin(&mut self) -> Result<(), DbError> {
        let begun = self.try_begin().await;
        if begun.is_err() {
            // It may have begun all the same, for example too late.
            self.abandon().await;
        }
        begun
    }

    async fn try_begin(&mut self) -> Result<(), DbError> {
        if !self.open {
            bounded(self.conn.execute("BEGIN IMMEDIATE")).await?;
            self.open = true;
        }
        bounded(self.conn.execute("SAVEPOINT unit")).await.map(drop)
    }

    async fn undo(&mut self) {
        let undone = bounded(self.conn.execute("ROLLBACK TO unit; RELEASE unit")).await;
        if undone.is_err() {
            // Something worse than a failed statement: the engine itself has given the transaction up.
            self.abandon().await;
        } else if self.group.is_empty() {
            let _ = bounded(self.conn.execute("ROLLBACK")).await;
            self.open = false;
        }
    }

    async fn commit(&mut self) {
        if !self.open {
            return;
        }
        let committed = bounded(self.conn.execute("COMMIT")).await;
        if let Err(error) = &committed {
            tracing::error!(%error, "commit failed");
            // Where the engine itself has failed there is nothing to roll back, and that is well too.
            let _ = bounded(self.conn.execute("ROLLBACK")).await;
        }
        self.open = false;
        self.checkpoints.count();
        for unit in self.group.drain(..) {
            let _ = unit.send(match &committed {
                Ok(_) => Ok(()),
                Err(error) => Err(of_commit(error)),
            });
        }
    }

    /// Rolls back for the whole group, and tells each of them that it was in another's way.
    async fn abandon(&mut self) {
        let _ = bounded(self.conn.execute("ROLLBACK")).await;
        self.open = false;
        for unit in self.group.drain(..) {
            let _ = unit.send(Err(DbError::Conflict(because(ErrorKind::Interrupted))));
        }
    }
}

/// What a failed commit says to each unit of its group. A full disk is noticed before anything is lasting. After any other
/// failure, of a sync for example or after too long, the log of the file may hold the commit all the same.
fn of_commit(error: &DbError) -> DbError {
    match error {
        DbError::Full(_) => DbError::Full(because(ErrorKind::StorageFull)),
        DbError::Conflict(_) => DbError::Conflict(because(ErrorKind::ResourceBusy)),
        _ => DbError::CommitUnknown,
    }
}

/// The cause as each unit of a group is told it: the engine's own error cannot be handed to several.
fn because(kind: ErrorKind) -> sqlx::Error {
    sqlx::Error::Io(kind.into())
}

/// A place in the writer's queue. Whoever leaves it unserved may have been the one to commit for the others.
struct Queued<'w> {
    writer: &'w Writer,
    served: bool,
}

impl<'w> Queued<'w> {
    fn join(writer: &'w Writer) -> Result<Self, DbError> {
        if writer.waiting.fetch_add(1, Ordering::SeqCst) >= MOST_WAITING {
            writer.waiting.fetch_sub(1, Ordering::SeqCst);
            return Err(DbError::Crowded);
        }
        Ok(Self { writer, served: false })
    }

    fn served(mut self) {
        self.served = true;
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let left = self.writer.waiting.fetch_sub(1, Ordering::SeqCst) - 1;
        if !self.served && left == 0 {
            let writer = self.writer.clone();
            tokio::spawn(async move { writer.flush().await });
        }
    }
}

/// One unit of work inside the open transaction.
pub(super) struct WriteUnit {
    state: Option<OwnedMutexGuard<State>>,
    writer: Writer,
}

impl WriteUnit {
    pub(super) fn conn(&mut self) -> Result<&mut SqliteConnection, DbError> {
        self.state
            .as_mut()
            .map(|state| &mut state.conn)
            .ok_or(DbError::Unavailable(sqlx::Error::PoolClosed))
    }

    /// Ends the unit at once: the engine rolls the whole transaction back by itself where the disk is full or fails, and
    /// whatever was done after that would be lasting statement by statement.
    pub(super) fn give_up(&mut self) {
        if let Some(state) = self.state.take() {
            tokio::spawn(undo(state, Arc::clone(&self.writer.waiting)));
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), DbError> {
        let Some(mut state) = self.state.take() else {
            return Err(DbError::CommitUnknown);
        };
        // From here on the work must be finished even if the caller goes away: others may depend on this commit.
        let waiting = Arc::clone(&self.writer.waiting);
        let (sender, answer) = oneshot::channel();
        tokio::spawn(async move {
            if let Err(error) = bounded(state.conn.execute("RELEASE unit")).await {
                let _ = sender.send(Err(error));
                undo(state, waiting).await;
                return;
            }
            state.group.push(sender);
            if waiting.load(Ordering::SeqCst) == 0 || state.group.len() >= MOST_IN_GROUP {
                state.commit().await;
            }
        });
        answer.await.unwrap_or(Err(DbError::CommitUnknown))
    }

    pub(super) async fn rollback(mut self) {
        if let Some(state) = self.state.take() {
            undo(state, Arc::clone(&self.writer.waiting)).await;
        }
    }
}

impl Drop for WriteUnit {
    fn drop(&mut self) {
        self.give_up();
    }
}

async fn undo(mut state: OwnedMutexGuard<State>, waiting: Arc<AtomicUsize>) {
    state.undo().await;
    if waiting.load(Ordering::SeqCst) == 0 {
        state.commit().await;
    }
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
