//! Orders, and what a change must know of them: read for several requests in one go, and never remembered.

use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::db::Db;
use muster_kernel::db::many::{Does, Kind, Many};
use muster_kernel::gather::{Answers, Gather};
use muster_proto::orders::v1::Order;
use uuid::Uuid;

use super::by_id::{self, Key};
use super::decode;
use super::location::Location;

/// Orders as they are now. Cheap to clone.
#[derive(Clone)]
pub struct SeenOrders(Gather<Key, Arc<SeenOrder>>);

/// An order as it was read.
#[derive(Debug)]
pub struct SeenOrder {
    /// The order.
    pub order: Order,
    /// Its location.
    pub location: Location,
    /// Which menu that sells.
    pub menu_revision: i64,
}

impl SeenOrders {
    /// The orders in this database.
    pub fn new(db: Db) -> Self {
        Self(Gather::new(move |keys| {
            let db = db.clone();
            Box::pin(async move { read(&db, &keys).await })
        }))
    }

    /// An order as it is at some moment after the call, by its tenant and id.
    ///
    /// # Errors
    /// If the database is out of reach, or too many wait.
    pub async fn ask(&self, key: Key) -> Result<Option<Arc<SeenOrder>>, Error> {
        self.0.ask(key).await
    }
}

static SEEN: Many = Many {
    columns: &[("id", Kind::Uuid)],
    text: "SELECT o.tenant_id, o.id AS order_id, o.state, l.id, l.version, l.name, l.zone, l.currency, l.open, \
           l.kitchen_revision, COALESCE((SELECT m.revision FROM menu_revisions AS m \
           WHERE m.tenant_id = new.tenant_id), 0) AS menu_revision FROM new \
           JOIN orders AS o ON o.tenant_id = new.tenant_id AND o.id = new.id \
           JOIN locations AS l ON l.tenant_id = new.tenant_id AND l.id = o.location_id",
    does: Does::Find,
};

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    order_id: Uuid,
    state: Vec<u8>,
    #[sqlx(flatten)]
    location: Location,
    menu_revision: i64,
}

async fn read(db: &Db, keys: &[Key]) -> Answers<Key, Arc<SeenOrder>> {
    let rows = by_id::find::<Row>(db, &SEEN, keys).await?;
    let seen = rows.into_iter().map(|row| {
        let seen = SeenOrder {
            order: decode(&row.state)?,
            location: row.location,
            menu_revision: row.menu_revision,
        };
        Ok(((row.tenant_id, row.order_id), Arc::new(seen)))
    });
    seen.collect()
}
