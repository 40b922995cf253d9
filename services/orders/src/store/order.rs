//! Orders: the fold of their events, kept beside the log.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::db::closing::Write;
use muster_kernel::db::many::{Does, Kind, Many, Value};
use muster_kernel::on;
use muster_proto::orders::v1::Order;
use prost::Message;
use uuid::Uuid;

use super::{decode, decode_all, id, overtaken};
use crate::domain::time::micros;
use crate::error::OrdersError;

/// A kitchen holds so many orders at most; older ones are not shown.
const MOST_ON_BOARD: i64 = 1000;
/// The tickets that were bumped last are looked for in so many orders.
const MOST_RECENT: i64 = 100;

/// An order.
///
/// # Errors
/// If the database is out of reach.
pub async fn find(conn: &mut Conn, tenant: Uuid, order: Uuid) -> Result<Option<Order>, Error> {
    let sql = "SELECT state FROM orders WHERE tenant_id = $1 AND id = $2";
    let row: Option<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(order).fetch_optional(c))?;
    row.map(|(state,)| decode(&state)).transpose()
}

/// An order whose id is taken is passed over.
static INSERT: Many = Many {
    columns: &[
        ("id", Kind::Uuid),
        ("location_id", Kind::Uuid),
        ("number", Kind::Int),
        ("business_date", Kind::Text),
        ("status", Kind::Int),
        ("on_board", Kind::Bool),
        ("placed_at", Kind::Long),
        ("updated_at", Kind::Long),
        ("bumped_at", Kind::Long),
        ("version", Kind::Long),
        ("state", Kind::Bytes),
    ],
    text: "INSERT INTO orders (tenant_id, id, location_id, number, business_date, status, on_board, placed_at, \
           updated_at, bumped_at, version, state) \
           SELECT tenant_id, id, location_id, number, business_date, status, on_board, placed_at, updated_at, \
           bumped_at, version, state FROM new WHERE TRUE ON CONFLICT (tenant_id, id) DO NOTHING",
    does: Does::Write,
};

/// The row of a new order. The answer is `ORDER_EXISTS` when there is one with its id.
///
/// # Errors
/// If one of its ids is not a UUID.
pub fn new_row(order: &Order, on_board: bool) -> Result<Write, Error> {
    let values = vec![
        Value::Uuid(id(&order.id)?),
        Value::Uuid(id(&order.location_id)?),
        Value::Int(order.number),
        Value::Text(order.business_date.clone().into()),
        Value::Int(order.status),
        Value::Bool(on_board),
        Value::Long(micros(order.placed_at.as_ref())),
        Value::Long(micros(order.updated_at.as_ref())),
        Value::Long(bumped_at(order)),
        Value::Long(order.version),
        Value::Bytes(order.encode_to_vec().into()),
    ];
    Ok(Write {
        many: &INSERT,
        values,
        taken: || OrdersError::OrderExists.into(),
    })
}

/// An order that somebody else has changed since it was read is passed over.
static CHANGE: Many = Many {
    columns: &[
        ("id", Kind::Uuid),
        ("read_at", Kind::Long),
        ("status", Kind::Int),
        ("on_board", Kind::Bool),
        ("updated_at", Kind::Long),
        ("bumped_at", Kind::Long),
        ("version", Kind::Long),
        ("state", Kind::Bytes),
    ],
    text: "UPDATE orders SET status = new.status, on_board = new.on_board, updated_at = new.updated_at, \
           bumped_at = new.bumped_at, version = new.version, state = new.state FROM new \
           WHERE orders.tenant_id = new.tenant_id AND orders.id = new.id AND orders.version = new.read_at",
    does: Does::Write,
};

/// The row of an order, over the version that it was read at. The answer is `CONFLICT` when somebody else was quicker.
///
/// # Errors
/// If its id is not a UUID.
pub fn changed_row(order: &Order, read_at: i64, on_board: bool) -> Result<Write, Error> {
    let values = vec![
        Value::Uuid(id(&order.id)?),
        Value::Long(read_at),
        Value::Int(order.status),
        Value::Bool(on_board),
        Value::Long(micros(order.updated_at.as_ref())),
        Value::Long(bumped_at(order)),
        Value::Long(order.version),
        Value::Bytes(order.encode_to_vec().into()),
    ];
    Ok(Write {
        many: &CHANGE,
        values,
        taken: overtaken,
    })
}

/// The last short number of a location and day of business, or 0.
///
/// # Errors
/// If the database is out of reach.
pub async fn last_number(conn: &mut Conn, tenant: Uuid, location: Uuid, business_date: &str) -> Result<i32, Error> {
    let sql = "SELECT MAX(number) FROM orders WHERE tenant_id = $1 AND location_id = $2 AND business_date = $3";
    let (number,): (Option<i32>,) = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .bind(business_date)
        .fetch_one(c))?;
    Ok(number.unwrap_or(0))
}

/// The orders that a kitchen must know.
///
/// # Errors
/// If the database is out of reach.
pub async fn on_board(conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Vec<Order>, Error> {
    let sql = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $2 AND on_board \
               ORDER BY placed_at DESC LIMIT $3";
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .bind(MOST_ON_BOARD)
        .fetch_all(c))?;
    decode_all(&rows)
}

/// The orders of which a station was done with a line since a moment, the last first.
///
/// # Errors
/// If the database is out of reach.
pub async fn bumped_since(conn: &mut Conn, tenant: Uuid, location: Uuid, since: i64) -> Result<Vec<Order>, Error> {
    let sql = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $2 AND bumped_at >= $3 \
               ORDER BY bumped_at DESC LIMIT $4";
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(location)
        .bind(since)
        .bind(MOST_RECENT)
        .fetch_all(c))?;
    decode_all(&rows)
}

fn bumped_at(order: &Order) -> i64 {
    let preps = order
        .items
        .iter()
        .flat_map(|line| &line.preps)
        .filter_map(|prep| prep.done_at.as_ref());
    let fulfilled = order.items.iter().filter_map(|line| line.fulfilled_at.as_ref());
    preps.chain(fulfilled).map(|at| micros(Some(at))).max().unwrap_or(0)
}
