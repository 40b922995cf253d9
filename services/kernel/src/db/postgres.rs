//! PostgreSQL: one schema per service, a transaction per unit of work, the tenant set inside it.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool, Row};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::lane::Lanes;
use super::suspicion::Suspicion;
use super::{DbError, Reach, bounded};
use crate::error::Error;
use crate::idempotency::Found;

/// A connection that sat idle for longer is asked whether it is alive before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// What runs for a caller who left may take so long before its connection is closed.
const ENDS_WITHIN: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub(super) struct Postgres {
    pool: PgPool,
    lanes: Lanes,
    suspicion: Arc<Suspicion>,
}

/// The options that every connection of `service` is made with.
pub(super) fn options(service: &str, url: &str) -> Result<PgConnectOptions, Error> {
    let options = PgConnectOptions::from_str(url).map_err(|cause| {
        Error::failed_precondition("BAD_DATABASE_URL", "the database URL is not usable").caused_by(cause)
    })?;
    Ok(options.application_name(&format!("muster-{service}")).options([
        ("search_path", service),
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
        // What a caller no longer waits for ends soon after (RELIABILITY G-13).
        ("client_connection_check_interval", "50ms"),
        // Lists are read from their index until the page is full. Of a table that was never analysed PostgreSQL believes
        // that a tenant has a row or two, and sorts the million it has.
        ("enable_sort", "off"),
        // And that to read a table from end to end is as good as to look a row up by its key: all that is asked has a key.
        ("enable_seqscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        // Compiling takes longer than anything that is asked here, and is tried wherever a sort cannot be helped.
        ("jit", "off"),
    ]))
}

impl Postgres {
    pub(super) fn open(service: &'static str, url: &str, connections: u32) -> Result<Self, Error> {
        let suspicion = Arc::new(Suspicion::none());
        let suspected = Arc::clone(&suspicion);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(2))
            .max_lifetime(Duration::from_secs(30 * 60))
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let trusted = meta.idle_for < ASK_AFTER && suspected.spares(Instant::now(), meta.idle_for);
                Box::pin(async move {
                    Ok(trusted
                        || tokio::time::timeout(Duration::from_millis(500), connection.ping())
                            .await
                            .is_ok_and(|answer| answer.is_ok()))
                })
            })
            .connect_lazy_with(options(service, url)?);
        let lanes = Lanes::new(options(service, url)?, Arc::clone(&suspicion));
        Ok(Self { pool, lanes, suspicion })
    }

    /// Begins, tells the database whose rows may be seen, and asks `also`, in one round trip. Answers with the rows of
    /// `also`, which has two columns of bytes.
    pub(super) async fn begin(
        &self,
        reach: Reach,
        read_only: bool,
        also: &str,
    ) -> Result<(Transaction, Vec<Found>), DbError> {
        let conn = tokio::time::timeout(Duration::from_secs(2), self.pool.acquire()).await;
        let conn = conn.map_err(|_| DbError::Unavailable(sqlx::Error::PoolTimedOut))??;
        let mut transaction = Transaction {
            conn: Some(conn),
            suspicion: Arc::clone(&self.suspicion),
        };
        let mode = if read_only { "READ ONLY" } else { "READ WRITE" };
        let begin = format!(
            "BEGIN {mode}; SELECT set_config('app.tenant', '{}', true){also}",
            reach.name()
        );
        let rows = bounded(sqlx::raw_sql(AssertSqlSafe(begin)).fetch_all(transaction.conn()?)).await;
        let rows = rows.inspect_err(|error| transaction.note(error))?;
        let found = rows
            .iter()
            .filter(|row| row.len() == 2)
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        Ok((transaction, found.collect::<Result<_, sqlx::Error>>()?))
    }

    /// Connections for one statement each.
    pub(super) fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    pub(super) async fn close(&self) {
        self.lanes.close().await;
        self.pool.close().await;
    }
}

/// A transaction that, where it is neither committed nor rolled back, is rolled back before anybody else has its connection: a
/// cancelled request leaves neither a lock nor a half-read answer behind.
pub(super) struct Transaction {
    conn: Option<PoolConnection<sqlx::Postgres>>,
    suspicion: Arc<Suspicion>,
}

impl Transaction {
    pub(super) fn conn(&mut self) -> Result<&mut PgConnection, DbError> {
        self.conn
            .as_deref_mut()
            .ok_or(DbError::Unavailable(sqlx::Error::PoolClosed))
    }

    /// Takes note of a statement's error: a connection that broke is not used again, and its siblings are asked first.
    pub(super) fn note(&mut self, error: &DbError) {
        if error.breaks_connection() {
            self.suspicion.arise(Instant::now());
            self.discard();
        }
    }

    fn discard(&mut self) {
        if let Some(conn) = self.conn.take() {
            drop(conn.detach());
        }
    }

    pub(super) async fn commit(mut self) -> Result<(), DbError> {
        match bounded(self.conn()?.execute("COMMIT")).await {
            Ok(_) => {
                // Back to the pool.
                drop(self.conn.take());
                Ok(())
            }
            Err(error @ (DbError::Unique(_) | DbError::ForeignKey(_) | DbError::Conflict(_))) => Err(error),
            Err(error) => {
                self.note(&error);
                Err(DbError::CommitUnknown)
            }
        }
    }

    pub(super) async fn rollback(mut self) {
        let Ok(conn) = self.conn() else { return };
        match bounded(conn.execute("ROLLBACK")).await {
            Ok(_) => drop(self.conn.take()),
            Err(error) => self.note(&error),
        }
    }
}

impl Drop for Transaction {
    /// Somebody left in the middle. To close his connection and make another costs both sides more than most statements, and
    /// who asks and leaves again and again would make them do it all day (RELIABILITY G-02). So what he asked may end, for a
    /// little while; after that the connection is closed, which ends it.
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        let Ok(runtime) = Handle::try_current() else {
            drop(conn.detach());
            return;
        };
        runtime.spawn(async move {
            let rolled_back = tokio::time::timeout(ENDS_WITHIN, conn.execute("ROLLBACK")).await;
            if !matches!(rolled_back, Ok(Ok(_))) {
                drop(conn.detach());
            }
        });
    }
}
