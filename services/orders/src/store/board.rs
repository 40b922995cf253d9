//! What a kitchen's board cannot hold.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::on;
use uuid::Uuid;

use crate::domain::board::{MOST_LEFT_OUT, MOST_ORDERS};

/// The newest orders that a kitchen must know, so many more than a board holds as are counted: ids only.
///
/// # Errors
/// If the database is out of reach.
pub async fn open_orders(conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Vec<String>, Error> {
    let sql = "SELECT id FROM orders WHERE tenant_id = $1 AND location_id = $2 AND on_board \
               ORDER BY placed_at DESC LIMIT $3";
    let most = i64::try_from(MOST_ORDERS + MOST_LEFT_OUT).unwrap_or(i64::MAX);
    let rows: Vec<(Uuid,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .bind(most)
        .fetch_all(c))?;
    Ok(rows.into_iter().map(|(id,)| id.to_string()).collect())
}
