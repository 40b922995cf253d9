//! What a unit of work leaves for its end, so that many units can share one transaction.
//!
//! A handler that knows what it will write, without having to ask the database first, leaves rows and checks instead of
//! running statements. [`Group`](super::group::Group) then writes what several units left, each kind of row in one
//! statement.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::many::{Many, Value};
use super::{Conn, DbError};
use crate::error::Error;
use crate::idempotency;
use crate::log::NewEvent;

/// A row to write. A statement that passes over rows that are there already (`ON CONFLICT … DO NOTHING`), or that somebody
/// else has changed since (`WHERE version = new.read_at`), says with `taken` what the caller is then told.
pub struct Write {
    /// The statement.
    pub many: &'static Many,
    /// The values behind the tenant.
    pub values: Vec<Value<'static>>,
    /// The answer when the row was passed over.
    pub taken: fn() -> Error,
}

/// Something that was read before the transaction and must still be so at its end, or the unit fails with `CONFLICT` and
/// is run again. The statement finds one row for each check that holds, and holds others off who would change it.
pub struct Check {
    /// The statement.
    pub many: &'static Many,
    /// The values behind the tenant.
    pub values: Vec<Value<'static>>,
}

/// Everything that a unit leaves.
pub(crate) struct Closing {
    pub(crate) tenant: Uuid,
    pub(crate) actor: String,
    pub(crate) request_id: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) checks: Vec<Check>,
    pub(crate) writes: Vec<Write>,
    pub(crate) events: Vec<NewEvent>,
    pub(crate) record: Option<idempotency::Row>,
}

impl Write {
    /// Writes the row by itself.
    pub(crate) async fn run(&self, conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
        match self.many.run(conn, &[(tenant, &self.values)]).await? {
            0 => Err((self.taken)()),
            _ => Ok(()),
        }
    }
}

impl Check {
    /// Makes sure by itself.
    pub(crate) async fn run(&self, conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
        match self.many.run(conn, &[(tenant, &self.values)]).await? {
            0 => Err(overtaken().into()),
            _ => Ok(()),
        }
    }
}

/// What a check says that does not hold any more.
pub(crate) fn overtaken() -> DbError {
    DbError::Conflict(sqlx::Error::RowNotFound)
}
