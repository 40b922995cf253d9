//! The short numbers of new orders: they rise from 1 with each day of business of a location.
//!
//! That no two orders have the same number is a constraint of the table. Which number is next is known in this process,
//! so that the orders of a busy location do not wait for each other; where another process was quicker, the order is
//! refused its number, runs again by itself, reads what the last one is, and waits in line. An order that fails gives
//! its number back, unless the next was given meanwhile: then there is a gap.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_kernel::uow::UnitOfWork;
use uuid::Uuid;

use super::order::last_number;

/// So many locations are remembered.
const MOST: u64 = 10_000;
/// A day of business is over some time.
const LIFE: Duration = Duration::from_secs(3600);

/// Tenant, location, day of business.
type Key = (Uuid, Uuid, String);

/// The last number that each location gave. Cheap to clone.
#[derive(Clone)]
pub struct Numbers {
    last: Cache<Key, Arc<AtomicI32>>,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            last: Cache::builder().max_capacity(MOST).time_to_idle(LIFE).build(),
        }
    }
}

impl Numbers {
    /// The next number of a location and day of business.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn next(&self, unit: &mut UnitOfWork, location: Uuid, business_date: &str) -> Result<i32, Error> {
        let tenant = unit.tenant()?;
        let key = (tenant, location, business_date.to_owned());
        if unit.is_dry_run() {
            return Ok(last_number(unit.conn().await?, tenant, location, business_date).await? + 1);
        }
        let remembered = self.last.get(&key).filter(|_| unit.is_grouped());
        let last = match remembered {
            Some(last) => last,
            None => {
                let read = read_last(unit, location, business_date).await?;
                // Whoever reads at the same moment counts on with the same, and those who are on their way have theirs.
                let last = self.last.get_with(key, || Arc::new(AtomicI32::new(read)));
                last.fetch_max(read, Ordering::Relaxed);
                last
            }
        };
        let number = last.fetch_add(1, Ordering::Relaxed) + 1;
        unit.when_undone(move || {
            let _ = last.compare_exchange(number, number - 1, Ordering::Relaxed, Ordering::Relaxed);
        });
        Ok(number)
    }
}

/// The last number that is in the database. A unit that runs again waits in line for it until it ends.
async fn read_last(unit: &mut UnitOfWork, location: Uuid, business_date: &str) -> Result<i32, Error> {
    let tenant = unit.tenant()?;
    if !unit.is_grouped() {
        let conn = unit.conn().await?;
        let line = format!("numbers/{location}/{business_date}");
        conn.hold_name(tenant, &line).await?;
        return last_number(conn, tenant, location, business_date).await;
    }
    let mut conn = unit.db().read(Reach::Tenant(tenant)).await?;
    let read = last_number(&mut conn, tenant, location, business_date).await;
    conn.rollback().await;
    read
}
