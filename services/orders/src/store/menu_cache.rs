//! Menus as they stand in the tables, in this process and in Redis: a process that starts, or a hundred that do at once,
//! need not all read the tables. Entries are kept by revision, so none is ever stale; a change drops those before it.

use std::sync::Arc;
use std::time::Duration;

use muster_kernel::Error;
use muster_kernel::cache::{Cache, CacheHub};
use muster_kernel::db::Conn;
use muster_proto::orders::v1::GetMenuResponse;
use uuid::Uuid;

use super::menu;

const MOST: u64 = 500;
const LIFE: Duration = Duration::from_secs(300);

/// Menus by tenant and revision. Cheap to clone.
#[derive(Clone)]
pub struct MenuCache {
    hub: CacheHub,
    menus: Cache<GetMenuResponse>,
}

impl MenuCache {
    /// A cache of this process.
    pub fn new(hub: &CacheHub) -> Self {
        Self {
            hub: hub.clone(),
            menus: hub.cache("menus", MOST, LIFE),
        }
    }

    /// The menu at a revision.
    ///
    /// # Errors
    /// `CONFLICT` if it is changed just now (the unit of work is run again); or the database is out of reach.
    pub async fn get(&self, conn: &mut Conn, tenant: Uuid, revision: i64) -> Result<Arc<GetMenuResponse>, Error> {
        let load = async {
            let menu = menu::load_all(conn, tenant).await?;
            if menu::revision(conn, tenant).await? == revision {
                Ok(menu)
            } else {
                Err(Error::aborted("CONFLICT", "the menu was changed just now; try again"))
            }
        };
        self.menus
            .get_or_load(&format!("{tenant}/{revision}"), &tag(tenant), load)
            .await
    }

    /// Drops what is kept of a tenant, here and in Redis.
    pub async fn forget(&self, tenant: Uuid) {
        self.hub.drop_tag(&tag(tenant)).await;
    }
}

fn tag(tenant: Uuid) -> String {
    format!("menu/{tenant}")
}
