//! The database: one SQL text on SQLite and on PostgreSQL.
//!
//! A store function takes a [`Conn`] and runs its statement through [`on!`](crate::on), which runs the same text on
//! whichever engine is there, with a time-out around it:
//!
//! ```ignore
//! pub async fn find(conn: &mut Conn, tenant: Uuid, id: Uuid) -> Result<Option<Row>, DbError> {
//!     on!(conn, |c| sqlx::query_as("SELECT … WHERE tenant_id = $1 AND id = $2").bind(tenant).bind(id).fetch_optional(c))
//! }
//! ```
//!
//! Nothing but [`UnitOfWork`](crate::uow::UnitOfWork) and the log's consumers begin or commit.

mod checkpoint;
pub mod closing;
mod conn;
mod error;
pub(crate) mod group;
mod lane;
pub mod many;
pub mod migrate;
mod postgres;
mod sqlite;
mod suspicion;

use std::path::PathBuf;
use std::time::Duration;

pub use conn::{Conn, Engine, bounded, within};
pub use error::DbError;
use uuid::Uuid;

use self::conn::Held;
use crate::error::Error;
use crate::idempotency::{self, Found};

/// No statement may take longer, or whoever waits for it has gone.
pub const STATEMENT_LIMIT: Duration = Duration::from_secs(5);
/// What looks at everything there is may take so long for each statement: nobody waits for it but an operator.
const SURVEY_LIMIT: Duration = Duration::from_secs(3600);
/// And it may read tables from end to end.
const UNHURRIED: &str = "SELECT set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'on', true), \
                         set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)";

/// Where a service keeps its data.
#[derive(Debug, Clone)]
pub enum Place {
    /// A file of its own. The folder must exist.
    Sqlite(PathBuf),
    /// A schema of its own, named after the service.
    Postgres {
        /// Connection URL of the role that the service works as: neither owner nor superuser, or row-level security
        /// does not hold it.
        url: String,
        /// Connections at most.
        connections: u32,
    },
}

/// Whose rows a connection may see. On PostgreSQL the database enforces it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// One tenant's.
    Tenant(Uuid),
    /// Everybody's: log readers, sign-in before the tenant is known, operator commands.
    System,
}

/// One service's database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: DbEngine,
    group: group::Group,
}

#[derive(Clone)]
enum DbEngine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database of `service`. Connections are made when they are needed.
    ///
    /// # Errors
    /// If the URL or the file name is not usable.
    pub async fn open(service: &'static str, place: &Place) -> Result<Self, Error> {
        let engine = match place {
            Place::Sqlite(path) => DbEngine::Sqlite(sqlite::Sqlite::open(path).await?),
            Place::Postgres { url, connections } => {
                DbEngine::Postgres(postgres::Postgres::open(service, url, *connections)?)
            }
        };
        let group = group::Group::start(engine.clone());
        Ok(Self { engine, group })
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn read(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn::from(match &self.engine {
            DbEngine::Sqlite(sqlite) => Held::SqliteRead(sqlite.reader().await?),
            DbEngine::Postgres(postgres) => Held::Postgres(postgres.begin(reach, true, "").await?.0),
        }))
    }

    /// A connection that only reads and takes its time: for what looks at everything there is.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn survey(&self, reach: Reach) -> Result<Conn, DbError> {
        let mut conn = self.read(reach).await?;
        if conn.is_postgres() {
            crate::exec!(&mut conn, sqlx::query(UNHURRIED))?;
        }
        conn.limit = SURVEY_LIMIT;
        Ok(conn)
    }

    /// A connection for one question that many asked, who come together: it begins nothing, so that the answer costs one
    /// round trip. For [`Gather`](crate::gather::Gather) and readers of the log; there are few of them.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time.
    pub async fn glance(&self, reach: Reach) -> Result<Conn, DbError> {
        self.engine.glance(reach).await
    }

    /// A connection inside a writing transaction.
    ///
    /// # Errors
    /// `UNAVAILABLE` if none is free or can be made in time; `RESOURCE_EXHAUSTED` if too many wait for the one writer.
    pub async fn write(&self, reach: Reach) -> Result<Conn, DbError> {
        self.engine.write(reach).await
    }

    /// [`write`](Self::write), and what is kept under an idempotency key; on PostgreSQL in the same round trip.
    pub(crate) async fn write_and_find(
        &self,
        reach: Reach,
        tenant: Uuid,
        key_digest: &[u8; 32],
    ) -> Result<(Conn, Option<Found>), DbError> {
        if let DbEngine::Postgres(postgres) = &self.engine {
            let digest: String = key_digest.iter().map(|byte| format!("{byte:02x}")).collect();
            // Both are ours, a UUID and hexadecimal digits: the simple protocol has no parameters.
            let look = format!(
                "; SELECT request_digest, answer FROM idempotency WHERE tenant_id = '{tenant}' AND key_digest = '\\x{digest}'"
            );
            let (transaction, rows) = postgres.begin(reach, false, &look).await?;
            return Ok((Conn::from(Held::Postgres(transaction)), rows.into_iter().next()));
        }
        let mut conn = self.write(reach).await?;
        match idempotency::look_up(&mut conn, tenant, key_digest).await {
            Ok(found) => Ok((conn, found)),
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    /// Where units of work that end at the same moment are written together.
    pub(crate) fn group(&self) -> &group::Group {
        &self.group
    }

    /// Whether the database answers a caller.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn ping(&self) -> Result<(), DbError> {
        say_something(self.read(Reach::System).await?).await
    }

    /// Whether the database is there, even where every connection of the pool waits for a slow disk or for a lock.
    ///
    /// # Errors
    /// What stands in the way.
    pub(crate) async fn is_there(&self) -> Result<(), DbError> {
        say_something(self.glance(Reach::System).await?).await
    }

    /// Whether this is PostgreSQL, for the few places where engines must differ.
    pub fn is_postgres(&self) -> bool {
        self.engine.is_postgres()
    }

    /// Lets running statements end, then closes every connection.
    pub async fn close(&self) {
        match &self.engine {
            DbEngine::Sqlite(sqlite) => sqlite.close().await,
            DbEngine::Postgres(postgres) => postgres.close().await,
        }
    }
}

async fn say_something(mut conn: Conn) -> Result<(), DbError> {
    let alive = crate::exec!(&mut conn, sqlx::query("SELECT 1"));
    conn.rollback().await;
    alive.map(drop)
}

impl DbEngine {
    async fn glance(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn::from(match self {
            Self::Sqlite(sqlite) => Held::SqliteRead(sqlite.reader().await?),
            Self::Postgres(postgres) => Held::PostgresLane(postgres.lanes().take(reach).await?),
        }))
    }

    async fn write(&self, reach: Reach) -> Result<Conn, DbError> {
        Ok(Conn::from(match self {
            Self::Sqlite(sqlite) => Held::SqliteWrite(sqlite.writer().begin().await?),
            Self::Postgres(postgres) => Held::Postgres(postgres.begin(reach, false, "").await?.0),
        }))
    }

    fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl Reach {
    /// What the database's guard is told: a UUID or a fixed word, nothing from outside.
    fn name(self) -> String {
        match self {
            Self::Tenant(tenant) => tenant.to_string(),
            Self::System => "system".to_owned(),
        }
    }
}
