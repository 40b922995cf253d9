//! What a database may answer, in terms that both engines share.

use std::time::Duration;

use crate::error::Error;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A row with this key exists.
    #[error("a unique key is taken: {0}")]
    Unique(sqlx::Error),
    /// A row that this one points at does not exist, or is still pointed at.
    #[error("a foreign key does not hold: {0}")]
    ForeignKey(sqlx::Error),
    /// Two transactions were in each other's way; running again may succeed.
    #[error("two transactions collided: {0}")]
    Conflict(sqlx::Error),
    /// The statement took longer than it may.
    #[error("the statement timed out")]
    TimedOut,
    /// Too many requests wait for the one writer.
    #[error("too many writers are waiting")]
    Crowded,
    /// The disk or the tablespace is full.
    #[error("no space is left: {0}")]
    Full(sqlx::Error),
    /// The database is out of reach.
    #[error("the database is out of reach: {0}")]
    Unavailable(sqlx::Error),
    /// The connection broke while committing: it may have happened.
    #[error("the outcome of a commit is not known")]
    CommitUnknown,
    /// Anything else: a fault of ours.
    #[error(transparent)]
    Other(sqlx::Error),
}

impl DbError {
    /// A row with this key exists.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique(_))
    }

    /// The connection broke under a statement: nothing was committed, and another connection may well do. Not so where no
    /// connection was to be had at all.
    fn is_lost(&self) -> bool {
        match self {
            Self::Unavailable(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => false,
            // PostgreSQL's codes have five characters; SQLite has no connection to lose.
            Self::Unavailable(sqlx::Error::Database(said)) => said.code().is_some_and(|code| code.len() == 5),
            Self::Unavailable(_) => true,
            _ => false,
        }
    }

    pub(super) fn breaks_connection(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Unavailable(_))
    }

    /// Whether SQLite may have rolled back the whole transaction on its own: it does where the disk is full, memory is
    /// short, or reading or writing fails.
    pub(super) fn may_end_transaction(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Unavailable(_) | Self::TimedOut)
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = &error else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_) => Self::Unavailable(error),
                other => Self::Other(other),
            };
        };
        if database.is_unique_violation() {
            return Self::Unique(error);
        }
        if database.is_foreign_key_violation() {
            return Self::ForeignKey(error);
        }
        match database.code().as_deref().unwrap_or_default() {
            // Serialization failure, deadlock, lock time-out.
            "40001" | "40P01" | "55P03" => Self::Conflict(error),
            "57014" => Self::TimedOut,
            "53100" => Self::Full(error),
            // A standby that was asked to write, before (0A000) or while (25006) it begins; and a plan that was made before the
            // table changed (0A000). Another connection will do.
            "0A000" | "25006" => Self::Unavailable(error),
            code if code.starts_with("08") || code.starts_with("57P") || code == "53300" => Self::Unavailable(error),
            code if code.len() < 5 => of_sqlite(code.parse().unwrap_or_default(), error),
            _ => Self::Other(error),
        }
    }
}

/// SQLite's codes are numbers; the lowest byte is the kind, the rest says more of it.
fn of_sqlite(code: u32, error: sqlx::Error) -> DbError {
    match code & 0xff {
        // Busy, locked.
        5 | 6 => DbError::Conflict(error),
        13 => DbError::Full(error),
        // No memory, read-only (as a file system is after a fault), input or output failed, cannot be opened.
        7 | 8 | 10 | 14 => DbError::Unavailable(error),
        _ => DbError::Other(error),
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        let again = "nothing was changed; try again";
        match error {
            DbError::Unique(_) | DbError::Conflict(_) => {
                let mut conflict = Self::aborted("CONFLICT", again).caused_by(error);
                conflict.retry_after = Some(Duration::from_millis(50));
                conflict
            }
            DbError::TimedOut => {
                Self::unavailable("DATABASE_TIMEOUT", "the database takes too long; try again").caused_by(error)
            }
            DbError::Unavailable(_) if error.is_lost() => {
                let message = "the connection to the database broke; nothing was changed, try again";
                Self::unavailable("CONNECTION_LOST", message).caused_by(error)
            }
            DbError::Unavailable(_) => {
                Self::unavailable("DATABASE_UNAVAILABLE", "the database does not answer; try again").caused_by(error)
            }
            DbError::CommitUnknown => Self::unavailable(
                "OUTCOME_UNKNOWN",
                "the connection to the database broke; try again with the same idempotency key",
            )
            .caused_by(error),
            DbError::Crowded => Self::exhausted("TOO_BUSY", "too many changes are waiting", Duration::from_millis(250)),
            DbError::Full(_) => {
                let wait = Duration::from_secs(5);
                Self::exhausted("STORAGE_FULL", "the storage is full; nothing was changed", wait).caused_by(error)
            }
            DbError::ForeignKey(_) | DbError::Other(_) => Self::internal(error),
        }
    }
}
