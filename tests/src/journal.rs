//! What a town has written, counted in its databases: the judge of "one effect" and "no effect".

use muster_kernel::db::Place;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, PgPool, SqlitePool};

use crate::town::Town;

/// Reads the databases of a town from outside.
pub enum Journal {
    /// One file for each service.
    Files(Vec<SqlitePool>),
    /// One schema for each service.
    Server(PgPool, Vec<&'static str>),
}

/// How much was ever written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Events.
    pub events: i64,
    /// Idempotency records.
    pub records: i64,
}

impl Tally {
    /// What came since.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            events: self.events - before.events,
            records: self.records - before.records,
        }
    }
}

impl Journal {
    /// The journal of a town.
    pub async fn of(town: &Town) -> Self {
        let owner = town
            .settings
            .iter()
            .find(|(name, _)| name == "MUSTER_DATABASE__OWNER_URL");
        if let Some((_, url)) = owner {
            let options: PgConnectOptions = url.parse().expect("a PostgreSQL URL");
            // Row-level security is forced upon the owner too.
            let options = options.options([("app.tenant", "system")]);
            let pool = PgPoolOptions::new()
                .max_connections(1)
                .connect_with(options)
                .await
                .expect("PostgreSQL answers");
            return Self::Server(pool, town.places.keys().copied().collect());
        }
        let mut files = Vec::new();
        for place in town.places.values() {
            let Place::Sqlite(path) = place else {
                panic!("no owner, so a file")
            };
            let options = SqliteConnectOptions::new().filename(path);
            files.push(
                SqlitePoolOptions::new()
                    .max_connections(1)
                    .connect_with(options)
                    .await
                    .expect("the file opens"),
            );
        }
        Self::Files(files)
    }

    /// Counts.
    pub async fn tally(&self) -> Tally {
        Tally {
            events: self.count("events").await,
            records: self.count("idempotency").await,
        }
    }

    async fn count(&self, table: &str) -> i64 {
        let mut sum = 0;
        match self {
            Self::Files(files) => {
                for file in files {
                    let sql = format!("SELECT COUNT(*) FROM {table}");
                    let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql))
                        .fetch_one(file)
                        .await
                        .expect("a count");
                    sum += count;
                }
            }
            Self::Server(pool, schemas) => {
                for schema in schemas {
                    let sql = format!("SELECT COUNT(*) FROM {schema}.{table}");
                    let (count,): (i64,) = sqlx::query_as(AssertSqlSafe(sql))
                        .fetch_one(pool)
                        .await
                        .expect("a count");
                    sum += count;
                }
            }
        }
        sum
    }
}
