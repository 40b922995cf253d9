//! What a new order must know of its location: read for several requests in one go, and remembered.
//!
//! What is remembered may be old, since another process may have changed it. So it decides nothing alone: whoever goes by
//! it leaves checks that it is still so, which the statement that writes makes; and nobody is refused by it. Where it does
//! not hold any more it is forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use muster_kernel::Error;
use muster_kernel::db::Db;
use muster_kernel::db::many::{Does, Kind, Many};
use muster_kernel::gather::{Answers, Gather};
use uuid::Uuid;

use super::by_id::{self, Key};
use super::decode;
use super::location::Location;
use super::stock::{Kept, Levels, by_item};

/// So many locations are remembered.
const MOST: u64 = 10_000;
/// A location that nobody orders at is forgotten after this time.
const LIFE: Duration = Duration::from_secs(300);

/// What is known of locations. Cheap to clone.
#[derive(Clone)]
pub struct SeenLocations {
    asked: Gather<Key, Arc<Seen>>,
    remembered: Cache<Key, Arc<Seen>>,
}

/// A location as it was read.
#[derive(Debug)]
pub struct Seen {
    /// The location.
    pub location: Location,
    /// Which menu it sells.
    pub menu_revision: i64,
    /// What is left.
    pub levels: Arc<Levels>,
}

impl SeenLocations {
    /// Nothing is remembered yet of the locations in this database.
    pub fn new(db: Db) -> Self {
        Self {
            asked: Gather::new(move |keys| {
                let db = db.clone();
                Box::pin(async move { read(&db, &keys).await })
            }),
            remembered: Cache::builder().max_capacity(MOST).time_to_idle(LIFE).build(),
        }
    }

    /// A location as it was at some time.
    pub fn known(&self, key: &Key) -> Option<Arc<Seen>> {
        self.remembered.get(key)
    }

    /// A location as it is at some moment after the call.
    ///
    /// # Errors
    /// If the database is out of reach, or too many wait.
    pub async fn ask(&self, key: Key) -> Result<Option<Arc<Seen>>, Error> {
        let seen = self.asked.ask(key).await?;
        if let Some(seen) = &seen {
            self.remembered.insert(key, Arc::clone(seen));
        }
        Ok(seen)
    }

    /// What is remembered does not hold any more.
    pub fn forget(&self, key: &Key) {
        self.remembered.invalidate(key);
    }
}

/// One for each level of a location; one without a level where nothing is counted.
static SEEN: Many = Many {
    columns: &[("id", Kind::Uuid)],
    text: "SELECT l.tenant_id, l.id, l.version, l.name, l.zone, l.currency, l.open, l.kitchen_revision, \
           COALESCE(m.revision, 0) AS menu_revision, s.id AS level_id, s.state \
           FROM new JOIN locations AS l USING (tenant_id, id) LEFT JOIN menu_revisions AS m USING (tenant_id) \
           LEFT JOIN stock AS s ON s.tenant_id = l.tenant_id AND s.location_id = l.id",
    does: Does::Find,
};

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    #[sqlx(flatten)]
    location: Location,
    menu_revision: i64,
    level_id: Option<Uuid>,
    state: Option<Vec<u8>>,
}

async fn read(db: &Db, keys: &[Key]) -> Answers<Key, Arc<Seen>> {
    let mut levels: HashMap<Key, Vec<Kept>> = HashMap::new();
    let mut places: HashMap<Key, (Location, i64)> = HashMap::new();
    for row in by_id::find::<Row>(db, &SEEN, keys).await? {
        let key = (row.tenant_id, row.location.id);
        if let (Some(id), Some(state)) = (row.level_id, row.state) {
            let level = decode(&state)?;
            levels.entry(key).or_default().push(Kept { id, level });
        }
        places.insert(key, (row.location, row.menu_revision));
    }
    let seen = places.into_iter().map(|(key, (location, menu_revision))| {
        let seen = Seen {
            location,
            menu_revision,
            levels: Arc::new(by_item(levels.remove(&key).unwrap_or_default())),
        };
        (key, Arc::new(seen))
    });
    Ok(seen.collect())
}
