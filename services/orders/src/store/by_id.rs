//! Rows by their ids, for several requests in one statement.

use muster_kernel::Error;
use muster_kernel::db::many::{Many, Value};
use muster_kernel::db::{Db, Reach};
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// A tenant and the id of a row of it.
pub type Key = (Uuid, Uuid);

/// What a statement with the one column `id` finds.
///
/// # Errors
/// If the database is out of reach.
pub async fn find<T>(db: &Db, many: &'static Many, keys: &[Key]) -> Result<Vec<T>, Error>
where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    // The database guards the tenant of questions that have one; rows of several are told apart by theirs.
    let (tenant, _) = keys.first().copied().unwrap_or_default();
    let alike = keys.iter().all(|(other, _)| *other == tenant);
    let reach = if alike { Reach::Tenant(tenant) } else { Reach::System };
    let ids: Vec<_> = keys.iter().map(|(tenant, id)| (*tenant, [Value::Uuid(*id)])).collect();
    let rows: Vec<_> = ids.iter().map(|(tenant, id)| (*tenant, id.as_slice())).collect();
    let mut conn = db.glance(reach).await?;
    let found = many.fetch(&mut conn, &rows).await;
    conn.rollback().await;
    Ok(found?)
}
