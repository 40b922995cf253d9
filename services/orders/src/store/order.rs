//! Orders: the fold of their events, kept beside the log.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::db::closing::Insert;
use muster_kernel::db::many::{Does, Kind, Many, Value};
use muster_kernel::{exec, on};
use muster_proto::orders::v1::{Order, OrderStatus};
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
pub fn new_row(order: &Order, on_board: bool) -> Result<Insert, Error> {
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
    Ok(Insert {
        many: &INSERT,
        values,
        taken: || OrdersError::OrderExists.into(),
    })
}

/// Writes an order over the version that it was read at.
///
/// # Errors
/// `CONFLICT` when somebody else was quicker, or if the database is out of reach.
pub async fn update(conn: &mut Conn, tenant: Uuid, order: &Order, read_at: i64, on_board: bool) -> Result<(), Error> {
    let sql = "UPDATE orders SET status = $4, on_board = $5, updated_at = $6, bumped_at = $7, version = $8, state = $9 \
               WHERE tenant_id = $1 AND id = $2 AND version = $3";
    let (key, state) = (id(&order.id)?, order.encode_to_vec());
    let written = exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(key)
            .bind(read_at)
            .bind(order.status)
            .bind(on_board)
            .bind(micros(order.updated_at.as_ref()))
            .bind(bumped_at(order))
            .bind(order.version)
            .bind(state.as_slice())
    )?;
    if written == 1 { Ok(()) } else { Err(overtaken()) }
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

/// Which orders to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Of this location; of all, when there is none.
    pub location: Option<Uuid>,
    /// With one of these statuses. At most five; none stands for all.
    pub statuses: Vec<OrderStatus>,
    /// Of this day of business; of all, when it is empty.
    pub business_date: String,
    /// Placed before this moment and id: where the page before ended.
    pub before: (i64, Uuid),
}

impl Default for Filter {
    fn default() -> Self {
        let (statuses, business_date) = (Vec::new(), String::new());
        Self {
            location: None,
            statuses,
            business_date,
            before: (i64::MAX, Uuid::max()),
        }
    }
}

/// Orders, the newest first.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(conn: &mut Conn, tenant: Uuid, filter: &Filter, limit: i64) -> Result<Vec<Order>, Error> {
    if filter.statuses.is_empty() && filter.business_date.is_empty() {
        return list_any(conn, tenant, filter, limit).await;
    }
    // A fixed number of places, so that the text is the same for every filter.
    let any = [1, 2, 3, 4, 5];
    let named: Vec<i32> = filter.statuses.iter().map(|status| i32::from(*status)).collect();
    let wanted: [i32; 5] = std::array::from_fn(|index| {
        let place = if named.is_empty() {
            any.get(index)
        } else {
            named.get(index).or(named.first())
        };
        place.copied().unwrap_or_default()
    });
    let [s1, s2, s3, s4, s5] = wanted;
    // An open order is on the board, too: without saying so, few open ones are looked for among all that there ever were.
    let is_open = |status: &OrderStatus| !matches!(status, OrderStatus::Fulfilled | OrderStatus::Voided);
    let open = !filter.statuses.is_empty() && filter.statuses.iter().all(is_open);
    let sql = match (filter.location.is_some(), open) {
        (false, false) => {
            "SELECT state FROM orders WHERE tenant_id = $1 AND (placed_at, id) < ($2, $3) \
             AND ($4 = '' OR business_date = $4) AND status IN ($5, $6, $7, $8, $9) AND $10 = $10 \
             ORDER BY placed_at DESC, id DESC LIMIT $11"
        }
        (false, true) => {
            "SELECT state FROM orders WHERE tenant_id = $1 AND on_board AND (placed_at, id) < ($2, $3) \
             AND ($4 = '' OR business_date = $4) AND status IN ($5, $6, $7, $8, $9) AND $10 = $10 \
             ORDER BY placed_at DESC, id DESC LIMIT $11"
        }
        (true, false) => {
            "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $10 AND (placed_at, id) < ($2, $3) \
             AND ($4 = '' OR business_date = $4) AND status IN ($5, $6, $7, $8, $9) \
             ORDER BY placed_at DESC, id DESC LIMIT $11"
        }
        (true, true) => {
            "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $10 AND on_board \
             AND (placed_at, id) < ($2, $3) AND ($4 = '' OR business_date = $4) \
             AND status IN ($5, $6, $7, $8, $9) ORDER BY placed_at DESC, id DESC LIMIT $11"
        }
    };
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(filter.before.0)
        .bind(filter.before.1)
        .bind(filter.business_date.as_str())
        .bind(s1)
        .bind(s2)
        .bind(s3)
        .bind(s4)
        .bind(s5)
        .bind(filter.location.unwrap_or_default())
        .bind(limit)
        .fetch_all(c))?;
    decode_all(&rows)
}

/// Orders of any status and day. Texts of their own: where a condition stands that might hold, PostgreSQL, as long as it
/// knows little of the table, believes that few rows are left, and sorts all of them.
async fn list_any(conn: &mut Conn, tenant: Uuid, filter: &Filter, limit: i64) -> Result<Vec<Order>, Error> {
    let (moment, id) = filter.before;
    let rows: Vec<(Vec<u8>,)> = match filter.location {
        Some(location) => {
            let sql = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $2 \
                       AND (placed_at, id) < ($3, $4) ORDER BY placed_at DESC, id DESC LIMIT $5";
            on!(conn, |c| sqlx::query_as(sql)
                .bind(tenant)
                .bind(location)
                .bind(moment)
                .bind(id)
                .bind(limit)
                .fetch_all(c))?
        }
        None => {
            let sql = "SELECT state FROM orders WHERE tenant_id = $1 AND (placed_at, id) < ($2, $3) \
                       ORDER BY placed_at DESC, id DESC LIMIT $4";
            on!(conn, |c| sqlx::query_as(sql)
                .bind(tenant)
                .bind(moment)
                .bind(id)
                .bind(limit)
                .fetch_all(c))?
        }
    };
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
