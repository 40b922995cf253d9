//! What a location sells and where it makes it, read once per change and process.
//!
//! Each unit of work asks for the revisions, which is one row, and finds what belongs to them in memory: a cache that can
//! be cold but not stale. Units that change a menu or kitchen read past it, since what they wrote may yet be undone.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use muster_kernel::Error;
use muster_kernel::cache::CacheHub;
use muster_kernel::db::Conn;
use muster_kernel::on;
use uuid::Uuid;

use super::location::{self, Location};
use super::menu_cache::MenuCache;
use super::station;
use crate::domain::menu::Menu;
use crate::domain::order::line::Shop;
use crate::domain::routing::Kitchen;

const MOST_MENUS: u64 = 1_000;
const MOST_KITCHENS: u64 = 5_000;
/// Bounds what a commit that failed for a whole group could leave behind.
const LIFE: Duration = Duration::from_secs(300);

/// Menus and kitchens by their revision. Cheap to clone.
#[derive(Clone)]
pub struct Shelf {
    menus: Cache<(Uuid, i64), Arc<Menu>>,
    rows: MenuCache,
    kitchens: Cache<(Uuid, Uuid, i64), Arc<Kitchen>>,
}

/// A location with its menu and kitchen.
#[derive(Debug, Clone)]
pub struct Open {
    /// The location.
    pub location: Location,
    /// What it sells.
    pub menu: Arc<Menu>,
    /// Where it is made.
    pub kitchen: Arc<Kitchen>,
}

impl Open {
    /// As the rules want it.
    pub fn shop(&self) -> Shop<'_> {
        Shop {
            menu: &self.menu,
            kitchen: &self.kitchen,
            currency: &self.location.currency,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    location: Location,
    menu_revision: Option<i64>,
}

const READ: &str = "SELECT id, version, name, zone, currency, open, kitchen_revision, \
     (SELECT revision FROM menu_revisions WHERE tenant_id = $1) AS menu_revision \
     FROM locations WHERE tenant_id = $1 AND id = $2";
// Whoever routes holds off whoever would close a station at the same moment: nothing is sent to a screen that is gone.
const READ_AND_HOLD: &str = "SELECT id, version, name, zone, currency, open, kitchen_revision, \
     (SELECT revision FROM menu_revisions WHERE tenant_id = $1) AS menu_revision \
     FROM locations WHERE tenant_id = $1 AND id = $2 FOR SHARE";

impl Shelf {
    /// A shelf of this process.
    pub fn new(caches: &CacheHub) -> Self {
        Self {
            menus: Cache::builder().max_capacity(MOST_MENUS).time_to_live(LIFE).build(),
            rows: MenuCache::new(caches),
            kitchens: Cache::builder().max_capacity(MOST_KITCHENS).time_to_live(LIFE).build(),
        }
    }

    /// The menus as their rows stand, for whoever hears of changes.
    pub fn rows(&self) -> &MenuCache {
        &self.rows
    }

    /// A location with its menu and kitchen. None when it is not known.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn open(&self, conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Option<Open>, Error> {
        self.read(conn, tenant, location, READ).await
    }

    /// The same, and the kitchen stays as it is until the unit of work ends. On SQLite it does anyway.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn hold(&self, conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Option<Open>, Error> {
        let sql = if conn.is_postgres() { READ_AND_HOLD } else { READ };
        self.read(conn, tenant, location, sql).await
    }

    /// A location of which the row was read already, with its menu and kitchen, if this process has them.
    pub fn at_hand(&self, tenant: Uuid, location: &Location, menu_revision: i64) -> Option<Open> {
        let menu = self.menus.get(&(tenant, menu_revision))?;
        let kitchen = self.kitchens.get(&(tenant, location.id, location.kitchen_revision))?;
        let location = location.clone();
        Some(Open {
            location,
            menu,
            kitchen,
        })
    }

    async fn read(
        &self,
        conn: &mut Conn,
        tenant: Uuid,
        location: Uuid,
        sql: &'static str,
    ) -> Result<Option<Open>, Error> {
        let row: Option<Row> = on!(conn, |c| sqlx::query_as(sql)
            .bind(tenant)
            .bind(location)
            .fetch_optional(c))?;
        let Some(Row {
            location: found,
            menu_revision,
        }) = row
        else {
            return Ok(None);
        };
        let menu = self.menu(conn, tenant, menu_revision.unwrap_or(0)).await?;
        let key = (tenant, found.id, found.kitchen_revision);
        let kitchen = match self.kitchens.get(&key) {
            Some(kitchen) => kitchen,
            None => {
                let loaded = Arc::new(station::load(conn, tenant, found.id).await?);
                // A reader that does not hold the row may have loaded a later kitchen than the revision says.
                if location::revision_is(conn, tenant, key.1, key.2).await? {
                    self.kitchens.insert(key, Arc::clone(&loaded));
                }
                loaded
            }
        };
        Ok(Some(Open {
            location: found,
            menu,
            kitchen,
        }))
    }

    /// The menu at a revision.
    ///
    /// # Errors
    /// If the database is out of reach.
    pub async fn menu(&self, conn: &mut Conn, tenant: Uuid, revision: i64) -> Result<Arc<Menu>, Error> {
        if let Some(menu) = self.menus.get(&(tenant, revision)) {
            return Ok(menu);
        }
        let rows = self.rows.get(conn, tenant, revision).await?.as_ref().clone();
        let menu = Arc::new(Menu::new(rows.categories, rows.items, rows.modifier_groups));
        self.menus.insert((tenant, revision), Arc::clone(&menu));
        Ok(menu)
    }
}
