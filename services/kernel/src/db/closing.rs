//! What a unit of work leaves for its end, so that on PostgreSQL many units can share one transaction.
//!
//! A handler that knows what it will write, without having to ask the database first, leaves rows and checks instead of
//! running statements. [`Group`](super::group::Group) then writes what several units left, each kind of row in one
//! statement. The tenant is always the unit's own: no text or value of a handler can name another.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgArguments;
use uuid::Uuid;

use super::{Conn, DbError, Engine, bounded};
use crate::error::Error;
use crate::log::NewEvent;
use crate::{exec, idempotency, on};

/// One statement in two texts.
#[derive(Debug)]
pub struct Text {
    /// For one row, on both engines. `$1` is the tenant, the values follow.
    pub one: &'static str,
    /// For many rows, on PostgreSQL: the same places hold arrays of the same length.
    pub many: &'static str,
}

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `UUID`.
    Uuid(Uuid),
    /// `INTEGER`.
    Int(i32),
    /// `BIGINT`.
    Long(i64),
    /// `BOOLEAN`.
    Bool(bool),
    /// `TEXT`.
    Text(String),
    /// `BYTES`.
    Bytes(Vec<u8>),
}

/// A row to insert. A text that passes over rows that are there already (`ON CONFLICT … DO NOTHING`) says with `taken`
/// what the caller is then told.
pub struct Insert {
    /// The statement.
    pub text: &'static Text,
    /// From `$2` on.
    pub values: Vec<Value>,
    /// The answer when there is such a row.
    pub taken: fn() -> Error,
}

/// Something that was read before the transaction and must still be so at its end, or the unit fails with `CONFLICT` and
/// is run again. The text answers one row for each check that holds, and holds others off who would change it.
pub struct Check {
    /// The statement.
    pub text: &'static Text,
    /// From `$2` on.
    pub values: Vec<Value>,
}

/// Everything that a unit leaves.
pub(crate) struct Closing {
    pub(crate) tenant: Uuid,
    pub(crate) actor: String,
    pub(crate) request_id: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) checks: Vec<Check>,
    pub(crate) inserts: Vec<Insert>,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) record: Option<idempotency::Row>,
}

/// Binds the tenant and then one value after the other, whatever the engine.
macro_rules! bound {
    ($sql:expr, $tenant:expr, $values:expr) => {{
        let mut query = sqlx::query($sql).bind($tenant);
        for value in $values {
            query = match value {
                Value::Uuid(value) => query.bind(*value),
                Value::Int(value) => query.bind(*value),
                Value::Long(value) => query.bind(*value),
                Value::Bool(value) => query.bind(*value),
                Value::Text(value) => query.bind(value.as_str()),
                Value::Bytes(value) => query.bind(value.as_slice()),
            };
        }
        query
    }};
}

impl Insert {
    /// Inserts the row by itself.
    pub(crate) async fn run(&self, conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
        match exec!(conn, bound!(self.text.one, tenant, &self.values))? {
            0 => Err((self.taken)()),
            _ => Ok(()),
        }
    }
}

impl Check {
    /// Makes sure by itself.
    pub(crate) async fn run(&self, conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
        let holds = on!(conn, |c| async {
            let found = bound!(self.text.one, tenant, &self.values).fetch_optional(c).await?;
            Ok(found.is_some())
        })?;
        if holds { Ok(()) } else { Err(overtaken().into()) }
    }
}

/// What a check says that does not hold any more.
pub(crate) fn overtaken() -> DbError {
    DbError::Conflict(sqlx::Error::RowNotFound)
}

/// Runs the text for many rows, and answers how many rows it inserted or found.
pub(crate) async fn run_many(
    conn: &mut Conn,
    text: &'static Text,
    rows: &[(Uuid, &[Value])],
) -> Result<usize, DbError> {
    let tenants: Vec<Uuid> = rows.iter().map(|(tenant, _)| *tenant).collect();
    let mut query = sqlx::query(text.many).bind(tenants);
    let width = rows.first().map_or(0, |(_, values)| values.len());
    for column in 0..width {
        query = bind_column(query, rows.iter().filter_map(|(_, values)| values.get(column)));
    }
    let outcome = match conn.engine() {
        Ok(Engine::Postgres(connection)) => bounded(query.execute(connection)).await,
        Ok(Engine::Sqlite(_)) => Err(DbError::Unavailable(sqlx::Error::PoolClosed)),
        Err(error) => Err(error),
    };
    let done = conn.settle(outcome)?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}

type PgQuery<'q> = sqlx::query::Query<'q, sqlx::Postgres, PgArguments>;

/// Binds the values of one column as an array. All of them are of one kind, since they belong to one text.
fn bind_column<'q>(query: PgQuery<'q>, column: impl Iterator<Item = &'q Value> + Clone) -> PgQuery<'q> {
    macro_rules! array {
        ($kind:ident, $take:expr) => {
            query.bind(
                column
                    .filter_map(|value| match value {
                        Value::$kind(value) => Some($take(value)),
                        _ => None,
                    })
                    .collect::<Vec<_>>(),
            )
        };
    }
    match column.clone().next() {
        None => query,
        Some(Value::Uuid(_)) => array!(Uuid, |value: &Uuid| *value),
        Some(Value::Int(_)) => array!(Int, |value: &i32| *value),
        Some(Value::Long(_)) => array!(Long, |value: &i64| *value),
        Some(Value::Bool(_)) => array!(Bool, |value: &bool| *value),
        Some(Value::Text(_)) => array!(Text, |value: &'q String| value.as_str()),
        Some(Value::Bytes(_)) => array!(Bytes, |value: &'q Vec<u8>| value.as_slice()),
    }
}
