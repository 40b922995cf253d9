//! Orders of long ago, written as rows: a restaurant that has been open for years, within a minute.

use muster_kernel::db::{Db, DbError, Reach};
use muster_kernel::{exec, on};
use muster_proto::orders::v1::{Order, OrderStatus};
use prost::Message;
use uuid::Uuid;

/// So many orders are written by one statement.
const AT_ONCE: usize = 20_000;

/// The tenant of an order, and its location.
///
/// # Errors
/// If the database is out of reach, or has no such order.
pub async fn owner_of(db: &Db, order: &Order) -> anyhow::Result<(Uuid, Uuid)> {
    let mut conn = db.read(Reach::System).await?;
    let id: Uuid = order.id.parse()?;
    let sql = "SELECT tenant_id FROM events WHERE aggregate_id = $1";
    let row: Result<(Uuid,), _> = on!(&mut conn, |c| sqlx::query_as(sql).bind(id).fetch_one(c));
    conn.rollback().await;
    Ok((row?.0, order.location_id.parse()?))
}

/// Orders that were handed out long ago, numbers `from` to `to`, with one event each. A statement may take seconds only, so
/// there are several.
///
/// # Errors
/// If they cannot be written.
pub async fn handed_out(
    db: &Db,
    tenant: Uuid,
    location: Uuid,
    order: &Order,
    (from, to): (u32, u32),
) -> Result<(), DbError> {
    let done = Order {
        status: OrderStatus::Fulfilled.into(),
        ..order.clone()
    };
    let state = done.encode_to_vec();
    for first in (from..to).step_by(AT_ONCE) {
        let last = to.min(first + AT_ONCE as u32) - 1;
        some_rows(db, tenant, location, &state, (first.into(), last.into())).await?;
    }
    Ok(())
}

async fn some_rows(
    db: &Db,
    tenant: Uuid,
    location: Uuid,
    state: &[u8],
    (first, last): (i64, i64),
) -> Result<(), DbError> {
    let mut conn = db.write(Reach::Tenant(tenant)).await?;
    let (numbers, id) = match conn.is_postgres() {
        true => (
            "generate_series($3::bigint, $4::bigint) AS all_of(n)",
            "gen_random_uuid()",
        ),
        false => (
            "(WITH RECURSIVE more(n) AS (SELECT $3 UNION ALL SELECT n + 1 FROM more WHERE n < $4) SELECT n FROM more)",
            "randomblob(16)",
        ),
    };
    let orders = format!(
        "INSERT INTO orders (tenant_id, id, location_id, number, business_date, status, on_board, placed_at, updated_at, \
         bumped_at, version, state) SELECT $1, {id}, $2, n % 1000 + 1, 'day-' || CAST(n / 1000 AS TEXT), 4, FALSE, \
         n * 1000000, n * 1000000, n * 1000000, 1, $5 FROM {numbers}"
    );
    let events = format!(
        "INSERT INTO events (tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload) \
         SELECT $1, 'bench', {id}, 1, $2, 'bench', 'bench', $5, $6 FROM {numbers}"
    );
    exec!(
        &mut conn,
        sqlx::query(sqlx::AssertSqlSafe(orders.clone()))
            .bind(tenant)
            .bind(location)
            .bind(first)
            .bind(last)
            .bind(state)
    )?;
    exec!(
        &mut conn,
        sqlx::query(sqlx::AssertSqlSafe(events.clone()))
            .bind(tenant)
            .bind(location)
            .bind(first)
            .bind(last)
            .bind(chrono::DateTime::UNIX_EPOCH)
            .bind(&[7_u8; 300][..])
    )?;
    conn.commit().await
}
