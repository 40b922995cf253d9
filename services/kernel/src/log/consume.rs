//! Consuming another service's log: each event takes effect exactly once, because the cursor moves in the transaction
//! that holds the effect. `tests/model_kernel/reader.rs` holds it to that where consumers race and fail half-way.

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;

use crate::db::{Conn, Db, Reach};
use crate::error::Error;
use crate::{exec, on};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It took effect.
    Yes,
    /// Another copy of this consumer was quicker; read the cursor again.
    Overtaken,
}

/// How far `consumer` has read; empty for the beginning.
///
/// # Errors
/// If the database is out of reach.
pub async fn cursor(db: &Db, consumer: &str) -> Result<String, Error> {
    let mut conn = db.read(Reach::System).await?;
    let sql = "SELECT position FROM cursors WHERE consumer = $1";
    let row: Result<Option<(String,)>, _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(consumer).fetch_optional(c));
    conn.rollback().await;
    Ok(row?.map(|(position,)| position).unwrap_or_default())
}

/// Runs `effect` and moves the cursor of `consumer` from `from` to `to`, in one transaction.
///
/// # Errors
/// What `effect` answers, or that the database is out of reach; nothing has changed then.
pub async fn apply_once<F>(
    db: &Db,
    consumer: &str,
    from: &str,
    to: &str,
    at: DateTime<Utc>,
    effect: F,
) -> Result<Applied, Error>
where
    F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<(), Error>>,
{
    let mut conn = db.write(Reach::System).await?;
    let moved = if from.is_empty() {
        let sql = "INSERT INTO cursors (consumer, position, at) VALUES ($1, $2, $3) ON CONFLICT (consumer) DO NOTHING";
        exec!(&mut conn, sqlx::query(sql).bind(consumer).bind(to).bind(at))
    } else {
        let sql = "UPDATE cursors SET position = $2, at = $3 WHERE consumer = $1 AND position = $4";
        exec!(&mut conn, sqlx::query(sql).bind(consumer).bind(to).bind(at).bind(from))
    };
    let outcome = match moved {
        Ok(1) => effect(&mut conn).await.map(|()| Applied::Yes),
        Ok(_) => Ok(Applied::Overtaken),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(Applied::Yes) => conn.commit().await.map(|()| Applied::Yes).map_err(Into::into),
        other => {
            conn.rollback().await;
            other
        }
    }
}
