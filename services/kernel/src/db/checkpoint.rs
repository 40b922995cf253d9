//! What was committed goes from SQLite's log into the file beside the writer, not by it.
//!
//! Left to itself, the commit that finds the log long copies all of it, and whoever waits for the writer waits for that.
//! Here another connection copies what there is every so many commits, and the writer goes on meanwhile. When the log has
//! its full length, the commit that finds it so has little left to copy, and the log begins anew. Whatever goes wrong here
//! is tried again; what was committed is lasting in the log already.

use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor, SqliteConnection};
use tokio::sync::mpsc;

use super::within;

/// A commit that finds so many pages in the log copies what is left of them: 16 MiB.
pub(super) const LONGEST_LOG: &str = "4000";
/// So many commits are copied at a time.
const EVERY: u32 = 32;
/// A slow disk may take so long.
const LIMIT: Duration = Duration::from_secs(30);

/// Counts the commits of a file, and has them copied. The copying ends when this is dropped.
pub(super) struct Checkpoints {
    due: mpsc::Sender<()>,
    commits: u32,
}

impl Checkpoints {
    /// For the file that these options open.
    pub(super) fn start(options: SqliteConnectOptions) -> Self {
        let (due, wanted) = mpsc::channel(1);
        tokio::spawn(copy(options, wanted));
        Self { due, commits: 0 }
    }

    /// One more commit.
    pub(super) fn count(&mut self) {
        self.commits += 1;
        if self.commits >= EVERY {
            self.commits = 0;
            // Where the last one is not done yet, it is done soon enough.
            let _ = self.due.try_send(());
        }
    }
}

async fn copy(options: SqliteConnectOptions, mut wanted: mpsc::Receiver<()>) {
    let mut conn: Option<SqliteConnection> = None;
    while wanted.recv().await.is_some() {
        let copied = async {
            let mut open = match conn.take() {
                Some(open) => open,
                None => options.connect().await?,
            };
            open.execute("PRAGMA wal_checkpoint(PASSIVE)").await?;
            Ok(open)
        };
        match within(LIMIT, copied).await {
            Ok(open) => conn = Some(open),
            Err(error) => tracing::warn!(%error, "what was committed was not copied from the log into the file"),
        }
    }
}
