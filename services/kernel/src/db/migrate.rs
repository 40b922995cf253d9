//! Migrations: up and down, the same files on both engines, applied by one holder of a lock.
//!
//! A file is plain SQL with two words of our own: the type `BYTES` (BYTEA or BLOB), and blocks from `-- only postgres`
//! or `-- only sqlite` to `-- end`. On PostgreSQL every table that has a `tenant_id` gets row-level security, forced,
//! and the working role gets the rights that it needs and no more.

use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;

use sqlx::migrate::{Migrate, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqlSafeStr, SqliteConnection};

use super::{postgres, sqlite};
use crate::error::Error;

/// One step of a schema, there and back.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// `0001_orders`: a number and a name.
    pub name: &'static str,
    /// SQL that makes the change.
    pub up: &'static str,
    /// SQL that takes it back.
    pub down: &'static str,
}

/// A step read from `migrations/<service>/<name>.up.sql` and `.down.sql`, with the path from the calling file.
#[macro_export]
macro_rules! step {
    ($folder:literal, $name:literal) => {
        $crate::db::migrate::Step {
            name: $name,
            up: include_str!(concat!($folder, "/", $name, ".up.sql")),
            down: include_str!(concat!($folder, "/", $name, ".down.sql")),
        }
    };
}

const KERNEL: &[Step] = &[
    step!("../../../../migrations/kernel", "0001_kernel"),
    step!("../../../../migrations/kernel", "0002_log_order"),
];
/// The kernel's steps are numbered below, a service's above.
const SERVICE_BASE: i64 = 1000;

/// Where migrations run: like [`Place`](super::Place), but as the owner of the schema.
#[derive(Debug, Clone)]
pub enum Target {
    /// The service's file.
    Sqlite(PathBuf),
    /// The service's schema.
    Postgres {
        /// URL of the role that owns the schema.
        owner_url: String,
        /// The role that the service works as, granted what it needs. None: the owner itself (development only).
        app_role: Option<String>,
    },
}

/// What `migrate status` shows of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Number and name.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// Applies every step that is not applied yet.
///
/// # Errors
/// If the database is out of reach, a step fails, or an applied step was changed since.
pub async fn up(service: &'static str, steps: &[Step], target: &Target) -> Result<(), Error> {
    run(service, steps, target, Direction::Up).await
}

/// Takes back steps until only those numbered up to `keep` are left; 0 takes back all of them, the kernel's too.
///
/// # Errors
/// As [`up`].
pub async fn down(service: &'static str, steps: &[Step], target: &Target, keep: i64) -> Result<(), Error> {
    run(
        service,
        steps,
        target,
        Direction::Down(if keep == 0 { 0 } else { SERVICE_BASE + keep }),
    )
    .await
}

/// Which steps are applied.
///
/// # Errors
/// If the database is out of reach.
pub async fn status(service: &'static str, steps: &[Step], target: &Target) -> Result<Vec<State>, Error> {
    let applied: Vec<i64> = match target {
        Target::Sqlite(path) => {
            let mut conn = sqlite::options(path).connect().await.map_err(fault)?;
            let table = conn.ensure_migrations_table("_sqlx_migrations").await;
            table.map_err(fault)?;
            let list = conn.list_applied_migrations("_sqlx_migrations").await.map_err(fault)?;
            list.into_iter().map(|step| step.version).collect()
        }
        Target::Postgres { owner_url, .. } => {
            // The working role may look, and may not make what is missing.
            let mut conn = postgres::options(service, owner_url)?.connect().await.map_err(fault)?;
            let sql = "SELECT version FROM _sqlx_migrations WHERE success";
            let list: Result<Vec<(i64,)>, sqlx::Error> = sqlx::query_as(sql).fetch_all(&mut conn).await;
            match list {
                Ok(list) => list.into_iter().map(|(version,)| version).collect(),
                Err(error) if is_missing_table(&error) => Vec::new(),
                Err(error) => return Err(fault(error)),
            }
        }
    };
    let all = numbered(KERNEL, 0).into_iter().chain(numbered(steps, SERVICE_BASE));
    Ok(all
        .map(|(version, step)| State {
            name: step.name.to_owned(),
            applied: applied.contains(&version),
        })
        .collect())
}

#[derive(Clone, Copy)]
enum Direction {
    Up,
    Down(i64),
}

async fn run(service: &'static str, steps: &[Step], target: &Target, way: Direction) -> Result<(), Error> {
    match target {
        Target::Sqlite(path) => {
            // SQLite's migrator takes no lock of its own; the file beside the database is the lock.
            let lock_path = path.with_extension("lock");
            let lock = tokio::task::spawn_blocking(move || File::create(lock_path).and_then(|f| f.lock().map(|()| f)));
            let lock = lock.await.map_err(fault)?.map_err(fault)?;
            let mut conn: SqliteConnection = sqlite::options(path).connect().await.map_err(fault)?;
            let migrator = migrator(steps, false)?;
            match way {
                Direction::Up => migrator.run_direct(None, &mut conn, false).await.map_err(fault)?,
                Direction::Down(keep) => migrator.undo(&mut conn, keep).await.map_err(fault)?,
            }
            conn.close().await.map_err(fault)?;
            drop(lock);
            Ok(())
        }
        Target::Postgres { owner_url, app_role } => {
            let mut conn = connect(service, owner_url).await?;
            let migrator = migrator(steps, true)?;
            match way {
                Direction::Up => {
                    migrator.run_direct(None, &mut conn, false).await.map_err(fault)?;
                    guard_tables(service, &mut conn, app_role.as_deref()).await?;
                }
                Direction::Down(keep) => migrator.undo(&mut conn, keep).await.map_err(fault)?,
            }
            conn.close().await.map_err(fault)
        }
    }
}

async fn connect(service: &'static str, owner_url: &str) -> Result<PgConnection, Error> {
    let mut conn = postgres::options(service, owner_url)?.connect().await.map_err(fault)?;
    let schema = format!("CREATE SCHEMA IF NOT EXISTS {service}");
    conn.execute(AssertSqlSafe(schema)).await.map_err(fault)?;
    Ok(conn)
}

/// Row-level security on each table with a tenant, and the working role's rights.
async fn guard_tables(service: &str, conn: &mut PgConnection, app_role: Option<&str>) -> Result<(), Error> {
    let tables: Vec<(String,)> = sqlx::query_as(
        "SELECT c.table_name::text FROM information_schema.columns c \
         JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
         WHERE c.table_schema = $1 AND c.column_name = 'tenant_id' AND t.table_type = 'BASE TABLE' ORDER BY 1",
    )
    .bind(service)
    .fetch_all(&mut *conn)
    .await
    .map_err(fault)?;
    let mut sql = String::new();
    for (table,) in tables {
        // The planner evaluates the setting once per statement because it stands in a sub-select.
        sql.push_str(&format!(
            "ALTER TABLE {service}.{table} ENABLE ROW LEVEL SECURITY; \
             ALTER TABLE {service}.{table} FORCE ROW LEVEL SECURITY; \
             DROP POLICY IF EXISTS tenant ON {service}.{table}; \
             CREATE POLICY tenant ON {service}.{table} USING ( \
               (SELECT current_setting('app.tenant')) = 'system' \
               OR tenant_id = (SELECT CASE WHEN current_setting('app.tenant') = 'system' THEN NULL \
                               ELSE current_setting('app.tenant')::uuid END)); "
        ));
    }
    if let Some(role) = app_role {
        sql.push_str(&format!(
            "GRANT USAGE ON SCHEMA {service} TO {role}; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {service} TO {role}; \
             REVOKE UPDATE, DELETE, TRUNCATE ON {service}.events FROM {role}; \
             REVOKE INSERT, UPDATE, DELETE ON {service}._sqlx_migrations FROM {role}; \
             GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {service} TO {role};"
        ));
    }
    // Names come from our own migrations and from the operator's configuration, never from a request.
    conn.execute(AssertSqlSafe(sql)).await.map(drop).map_err(fault)
}

fn migrator(steps: &[Step], postgres: bool) -> Result<Migrator, Error> {
    let mut migrations = Vec::new();
    for (version, step) in numbered(KERNEL, 0).into_iter().chain(numbered(steps, SERVICE_BASE)) {
        for (text, kind) in [
            (step.up, MigrationType::ReversibleUp),
            (step.down, MigrationType::ReversibleDown),
        ] {
            let sql = AssertSqlSafe(for_engine(text, postgres)).into_sql_str();
            migrations.push(Migration::new(version, Cow::Borrowed(step.name), kind, sql, false));
        }
    }
    Ok(Migrator::with_migrations(migrations))
}

fn numbered(steps: &[Step], base: i64) -> Vec<(i64, Step)> {
    let number = |step: &Step| {
        step.name
            .split('_')
            .next()
            .and_then(|digits| digits.parse::<i64>().ok())
    };
    steps
        .iter()
        .map(|step| (base + number(step).unwrap_or_default(), *step))
        .collect()
}

/// The file's text for one engine.
fn for_engine(text: &str, postgres: bool) -> String {
    let (own, other) = if postgres {
        ("postgres", "sqlite")
    } else {
        ("sqlite", "postgres")
    };
    let mut skipping = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        match line.trim().strip_prefix("-- only ") {
            Some(engine) => skipping = engine.trim() == other && engine.trim() != own,
            None if line.trim() == "-- end" => skipping = false,
            None if !skipping => lines.push(line.replace(" BYTES", if postgres { " BYTEA" } else { " BLOB" })),
            None => {}
        }
    }
    lines.join("\n")
}

fn is_missing_table(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "42P01")
}

fn fault(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("MIGRATION_FAILED", "the schema could not be read or changed").caused_by(cause)
}

/// The kernel's tables in a database of a test's own, in memory.
#[cfg(test)]
pub(crate) async fn kernel_in_memory() -> SqliteConnection {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for step in KERNEL {
        let text = for_engine(step.up, false);
        conn.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.unwrap();
    }
    conn
}

#[cfg(test)]
mod tests {
    use super::for_engine;

    #[test]
    fn each_engine_gets_its_own_text() {
        let text = "a BYTES\n-- only postgres\nb\n-- end\n-- only sqlite\nc\n-- end\nd";
        assert_eq!(for_engine(text, true), "a BYTEA\nb\nd");
        assert_eq!(for_engine(text, false), "a BLOB\nc\nd");
    }
}
