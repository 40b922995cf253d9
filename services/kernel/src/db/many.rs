//! Statements over many rows: one text on both engines.
//!
//! A text reads its rows from `new`, which this puts in front of it: arrays on PostgreSQL, so that the text does not change
//! with the number of rows, and a list of values on SQLite. The first column is always the tenant, which the caller names
//! for each row; no text or value of a handler can name another.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Postgres, Sqlite, SqliteConnection};
use uuid::Uuid;

use super::{Conn, DbError, Engine, bounded};

/// SQLite is given so many rows at a time: it has a bound for the values of a statement.
const MOST_ROWS: usize = 500;

/// A statement over many rows.
#[derive(Debug)]
pub struct Many {
    /// The columns of `new` behind `tenant_id`.
    pub columns: &'static [(&'static str, Kind)],
    /// The statement. It names no places; everything comes from `new`.
    pub text: &'static str,
    /// What it does with what comes from `new`.
    pub does: Does,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It inserts or changes rows.
    Write,
    /// It finds rows.
    Find,
    /// It finds rows and holds them until the end: what PostgreSQL adds for that (`FOR SHARE OF found`). SQLite's one
    /// writer does so anyway.
    Hold(&'static str),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `UUID`.
    Uuid,
    /// `INTEGER`.
    Int,
    /// `BIGINT`.
    Long,
    /// `BOOLEAN`.
    Bool,
    /// `TEXT`.
    Text,
    /// `BYTES`.
    Bytes,
    /// `TIMESTAMPTZ`.
    Moment,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Value<'v> {
    /// Nothing.
    Null,
    /// `UUID`.
    Uuid(Uuid),
    /// `INTEGER`.
    Int(i32),
    /// `BIGINT`.
    Long(i64),
    /// `BOOLEAN`.
    Bool(bool),
    /// `TEXT`.
    Text(Cow<'v, str>),
    /// `BYTES`.
    Bytes(Cow<'v, [u8]>),
    /// `TIMESTAMPTZ`.
    Moment(DateTime<Utc>),
}

/// A row and its tenant.
pub type Row<'v> = (Uuid, &'v [Value<'v>]);

impl Many {
    /// Runs the statement, and answers how many rows it changed or found.
    ///
    /// # Errors
    /// The statement's own error.
    pub async fn run(&self, conn: &mut Conn, rows: &[Row<'_>]) -> Result<usize, DbError> {
        let outcome = match conn.engine() {
            Ok(Engine::Sqlite(connection)) => bounded(self.run_on_sqlite(connection, rows)).await,
            Ok(Engine::Postgres(connection)) => bounded(self.run_on_postgres(connection, rows)).await,
            Err(error) => Err(error),
        };
        conn.settle(outcome)
    }

    async fn run_on_sqlite(&self, connection: &mut SqliteConnection, rows: &[Row<'_>]) -> Result<usize, sqlx::Error> {
        let mut seen = 0;
        for rows in rows.chunks(MOST_ROWS) {
            let query = bind_rows(sqlx::query(AssertSqlSafe(self.over_values(rows.len()))), rows);
            seen += match self.does {
                Does::Write => count(query.execute(&mut *connection).await?.rows_affected()),
                Does::Find | Does::Hold(_) => query.fetch_all(&mut *connection).await?.len(),
            };
        }
        Ok(seen)
    }

    async fn run_on_postgres(&self, connection: &mut PgConnection, rows: &[Row<'_>]) -> Result<usize, sqlx::Error> {
        let query = sqlx::query(AssertSqlSafe(self.over_arrays(&mut 0)));
        // PostgreSQL counts rows that are found as it counts those that are changed.
        let done = self.bind_columns(query, rows).execute(connection).await?;
        Ok(count(done.rows_affected()))
    }

    /// Runs a statement that reads, and answers what it found.
    ///
    /// # Errors
    /// The statement's own error.
    pub async fn fetch<T>(&self, conn: &mut Conn, rows: &[Row<'_>]) -> Result<Vec<T>, DbError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let outcome = match conn.engine() {
            Ok(Engine::Sqlite(connection)) => {
                let query = bind_rows(sqlx::query(AssertSqlSafe(self.over_values(rows.len()))), rows);
                bounded(async { query.fetch_all(connection).await?.iter().map(T::from_row).collect() }).await
            }
            Ok(Engine::Postgres(connection)) => {
                let query = self.bind_columns(sqlx::query(AssertSqlSafe(self.over_arrays(&mut 0))), rows);
                bounded(async { query.fetch_all(connection).await?.iter().map(T::from_row).collect() }).await
            }
            Err(error) => Err(error),
        };
        conn.settle(outcome)
    }

    /// The statement for SQLite.
    fn over_values(&self, rows: usize) -> String {
        let width = self.columns.len() + 1;
        let mut sql = format!("WITH new ({}) AS (VALUES ", self.names());
        for row in 0..rows {
            let places: Vec<String> = (1..=width).map(|place| format!("${}", row * width + place)).collect();
            let comma = if row == 0 { "" } else { ", " };
            let _ = write!(sql, "{comma}({})", places.join(", "));
        }
        sql + ") " + self.text
    }

    /// The statement for PostgreSQL, whose places are those after `used`.
    fn over_arrays(&self, used: &mut usize) -> String {
        let kinds = std::iter::once(Kind::Uuid).chain(self.columns.iter().map(|(_, kind)| *kind));
        let arrays: Vec<String> = kinds
            .map(|kind| {
                *used += 1;
                format!("${used}::{}[]", kind.on_postgres())
            })
            .collect();
        let (names, arrays) = (self.names(), arrays.join(", "));
        let hold = match self.does {
            Does::Hold(hold) => hold,
            Does::Write | Does::Find => "",
        };
        let text = self.text;
        format!("WITH new ({names}) AS (SELECT * FROM UNNEST({arrays})) {text}{hold}")
    }

    fn names(&self) -> String {
        let names: Vec<&str> = std::iter::once("tenant_id")
            .chain(self.columns.iter().map(|(name, _)| *name))
            .collect();
        names.join(", ")
    }

    fn bind_columns<'q>(&self, query: PgQuery<'q>, rows: &[Row<'q>]) -> PgQuery<'q> {
        let tenants: Vec<Uuid> = rows.iter().map(|(tenant, _)| *tenant).collect();
        let mut query = query.bind(tenants);
        for (place, (_, kind)) in self.columns.iter().enumerate() {
            query = bind_column(query, *kind, rows.iter().map(|(_, values)| values.get(place)));
        }
        query
    }
}

impl Kind {
    fn on_postgres(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Int => "integer",
            Self::Long => "bigint",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Moment => "timestamptz",
        }
    }
}

/// One of several statements, with its rows.
pub(crate) struct Part<'v> {
    pub(crate) many: &'static Many,
    pub(crate) rows: Vec<Row<'v>>,
}

/// Runs all parts as one statement of PostgreSQL: one round trip, and a transaction by itself where there is none. If a
/// part finds or inserts less than its rows, nothing is done.
///
/// # Errors
/// The statement's own error. That a part came short is an error like any other: run the parts apart to learn of which.
pub(crate) async fn run_as_one(connection: &mut PgConnection, parts: &[Part<'_>]) -> Result<(), DbError> {
    let (mut used, mut texts, mut all_there) = (0, Vec::new(), String::from("TRUE"));
    for (number, Part { many, .. }) in parts.iter().enumerate() {
        let tenants = used + 1;
        let text = many.over_arrays(&mut used);
        let returning = if many.does == Does::Write { " RETURNING 1" } else { "" };
        texts.push(format!("part{number} AS ({text}{returning})"));
        let found = format!("(SELECT COUNT(*) FROM part{number})");
        let _ = write!(all_there, " AND {found} = CARDINALITY(${tenants}::uuid[])");
    }
    // The only way to fail from within a statement is to do what cannot be done.
    let sql = format!(
        "WITH {} SELECT 1 / (CASE WHEN {all_there} THEN 1 ELSE 0 END)",
        texts.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for Part { many, rows } in parts {
        query = many.bind_columns(query, rows);
    }
    bounded(query.execute(connection)).await.map(drop)
}

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;
type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds the values of one column as an array.
fn bind_column<'q>(query: PgQuery<'q>, kind: Kind, column: impl Iterator<Item = Option<&'q Value<'q>>>) -> PgQuery<'q> {
    macro_rules! array {
        ($kind:ident, $take:expr) => {
            query.bind(
                column
                    .map(|value| match value {
                        Some(Value::$kind(value)) => Some($take(value)),
                        _ => None,
                    })
                    .collect::<Vec<Option<_>>>(),
            )
        };
    }
    match kind {
        Kind::Uuid => array!(Uuid, |value: &Uuid| *value),
        Kind::Int => array!(Int, |value: &i32| *value),
        Kind::Long => array!(Long, |value: &i64| *value),
        Kind::Bool => array!(Bool, |value: &bool| *value),
        Kind::Text => array!(Text, |value: &'q Cow<'q, str>| value.as_ref()),
        Kind::Bytes => array!(Bytes, |value: &'q Cow<'q, [u8]>| value.as_ref()),
        Kind::Moment => array!(Moment, |value: &DateTime<Utc>| *value),
    }
}

/// Binds one row after the other.
fn bind_rows<'q>(mut query: SqliteQuery<'q>, rows: &[Row<'q>]) -> SqliteQuery<'q> {
    for (tenant, values) in rows {
        query = query.bind(*tenant);
        for value in *values {
            query = match value {
                Value::Null => query.bind(None::<i64>),
                Value::Uuid(value) => query.bind(*value),
                Value::Int(value) => query.bind(*value),
                Value::Long(value) => query.bind(*value),
                Value::Bool(value) => query.bind(*value),
                Value::Text(value) => query.bind(value.as_ref()),
                Value::Bytes(value) => query.bind(value.as_ref()),
                Value::Moment(value) => query.bind(*value),
            };
        }
    }
    query
}

fn count(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
