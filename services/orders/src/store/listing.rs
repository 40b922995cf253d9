//! Lists of orders, the newest first. Each kind of question has a text of its own, which is read from the index that leads
//! it: where a condition stands that might hold or not, a database guesses how many rows are left, and guesses wrong.

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::on;
use muster_proto::orders::v1::{Order, OrderStatus};
use uuid::Uuid;

use super::decode_all;

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

impl Filter {
    /// Whether an order that it lets through is on the board.
    fn is_open(&self) -> bool {
        let goes_on = |status: &OrderStatus| !matches!(status, OrderStatus::Fulfilled | OrderStatus::Voided);
        !self.statuses.is_empty() && self.statuses.iter().all(goes_on)
    }

    /// Five statuses, however many are named.
    fn five(&self) -> [i32; 5] {
        let any = [1, 2, 3, 4, 5];
        let named: Vec<i32> = self.statuses.iter().map(|status| i32::from(*status)).collect();
        std::array::from_fn(|index| {
            let place = match named.first() {
                Some(first) => named.get(index).or(Some(first)),
                None => any.get(index),
            };
            place.copied().unwrap_or_default()
        })
    }

    /// The places are the same in all texts: $2 and $3 where the page before ended, $4 the location, $5 the day, $6 to $10
    /// the statuses.
    fn text(&self) -> &'static str {
        let any_status = self.statuses.is_empty();
        match (self.location.is_some(), self.business_date.is_empty()) {
            (false, true) if any_status => OF_TENANT,
            (true, true) if any_status => OF_LOCATION,
            (false, _) if self.is_open() => OPEN_OF_TENANT,
            (true, true) if self.is_open() => OPEN_OF_LOCATION,
            (false, _) => SOME_OF_TENANT,
            (true, true) => SOME_OF_LOCATION,
            (true, false) => DAY_OF_LOCATION,
        }
    }
}

const OF_TENANT: &str = "SELECT state FROM orders WHERE tenant_id = $1 AND (placed_at, id) < ($2, $3) \
                         ORDER BY placed_at DESC, id DESC LIMIT $11";
const OF_LOCATION: &str = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $4 \
                           AND (placed_at, id) < ($2, $3) ORDER BY placed_at DESC, id DESC LIMIT $11";
const SOME_OF_TENANT: &str = "SELECT state FROM orders WHERE tenant_id = $1 AND (placed_at, id) < ($2, $3) \
                              AND ($5 = '' OR business_date = $5) AND status IN ($6, $7, $8, $9, $10) \
                              ORDER BY placed_at DESC, id DESC LIMIT $11";
const SOME_OF_LOCATION: &str = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $4 \
                                AND (placed_at, id) < ($2, $3) AND status IN ($6, $7, $8, $9, $10) \
                                ORDER BY placed_at DESC, id DESC LIMIT $11";
/// An open order is on the board, too: without saying so, few are looked for among all that there ever were.
const OPEN_OF_LOCATION: &str = "SELECT state FROM orders WHERE tenant_id = $1 AND location_id = $4 AND on_board \
                                AND (placed_at, id) < ($2, $3) AND status IN ($6, $7, $8, $9, $10) \
                                ORDER BY placed_at DESC, id DESC LIMIT $11";
/// The boards of all locations are read, and sorted.
const OPEN_OF_TENANT: &str = "WITH boards AS MATERIALIZED ( \
                                  SELECT id, placed_at, business_date, status, state FROM orders \
                                  WHERE tenant_id = $1 AND on_board) \
                              SELECT state FROM boards WHERE (placed_at, id) < ($2, $3) \
                              AND ($5 = '' OR business_date = $5) AND status IN ($6, $7, $8, $9, $10) \
                              ORDER BY placed_at DESC, id DESC LIMIT $11";
/// All of the day are looked through, and those of the page read: backwards from the newest, a day of last year passes over
/// all since. Where the page before ended is asked outside, or PostgreSQL would go by that.
const DAY_OF_LOCATION: &str = "WITH of_day AS MATERIALIZED ( \
                                   SELECT id, placed_at, status FROM orders \
                                   WHERE tenant_id = $1 AND location_id = $4 AND business_date = $5), \
                               page AS MATERIALIZED ( \
                                   SELECT id, placed_at FROM of_day \
                                   WHERE (placed_at, id) < ($2, $3) AND status IN ($6, $7, $8, $9, $10) \
                                   ORDER BY placed_at DESC, id DESC LIMIT $11) \
                               SELECT orders.state FROM page JOIN orders ON orders.tenant_id = $1 AND orders.id = page.id \
                               ORDER BY page.placed_at DESC, page.id DESC";

/// Orders, the newest first.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(conn: &mut Conn, tenant: Uuid, filter: &Filter, limit: i64) -> Result<Vec<Order>, Error> {
    let [s1, s2, s3, s4, s5] = filter.five();
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| sqlx::query_as(filter.text())
        .bind(tenant)
        .bind(filter.before.0)
        .bind(filter.before.1)
        .bind(filter.location.unwrap_or_default())
        .bind(filter.business_date.as_str())
        .bind(s1)
        .bind(s2)
        .bind(s3)
        .bind(s4)
        .bind(s5)
        .bind(limit)
        .fetch_all(c))?;
    decode_all(&rows)
}
