//! What a new order must know of its location, read for several requests in one go. Only PostgreSQL has groups, and only
//! they ask.

use std::collections::HashMap;
use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::db::{Conn, Db, Engine, Reach, bounded};
use muster_kernel::gather::{Answers, Gather};
use uuid::Uuid;

use super::decode;
use super::location::Location;
use super::stock::{Kept, Levels, by_item};

/// A location and its tenant.
pub type Key = (Uuid, Uuid);

/// What is known of locations at this moment.
pub type SeenLocations = Gather<Key, Seen>;

/// A location as it was read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The location.
    pub location: Location,
    /// Which menu it sells.
    pub menu_revision: i64,
    /// What is left.
    pub levels: Arc<Levels>,
}

/// Asks this database.
pub fn locations(db: Db) -> SeenLocations {
    Gather::new(move |keys| {
        let db = db.clone();
        Box::pin(async move { read(&db, &keys).await })
    })
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: Uuid,
    #[sqlx(flatten)]
    location: Location,
    menu_revision: i64,
}

#[derive(sqlx::FromRow)]
struct StockRow {
    tenant_id: Uuid,
    location_id: Uuid,
    id: Uuid,
    state: Vec<u8>,
}

async fn read(db: &Db, keys: &[Key]) -> Answers<Key, Seen> {
    // The database guards the tenant of questions that have one; rows of several are told apart by theirs.
    let (tenant, _) = keys.first().copied().unwrap_or_default();
    let alike = keys.iter().all(|(other, _)| *other == tenant);
    let reach = if alike { Reach::Tenant(tenant) } else { Reach::System };
    let mut conn = db.read(reach).await?;
    let seen = read_in(&mut conn, keys).await;
    conn.rollback().await;
    seen
}

async fn read_in(conn: &mut Conn, keys: &[Key]) -> Answers<Key, Seen> {
    let (tenants, locations): (Vec<Uuid>, Vec<Uuid>) = keys.iter().copied().unzip();
    let places = "SELECT l.tenant_id, l.id, l.version, l.name, l.zone, l.currency, l.open, l.kitchen_revision, \
                  COALESCE(m.revision, 0) AS menu_revision \
                  FROM UNNEST($1::uuid[], $2::uuid[]) AS asked (tenant_id, id) \
                  JOIN locations AS l USING (tenant_id, id) LEFT JOIN menu_revisions AS m USING (tenant_id)";
    let stock = "SELECT s.tenant_id, s.location_id, s.id, s.state \
                 FROM UNNEST($1::uuid[], $2::uuid[]) AS asked (tenant_id, location_id) \
                 JOIN stock AS s USING (tenant_id, location_id)";
    let outcome = match conn.engine()? {
        Engine::Sqlite(_) => return Err(Error::internal("only PostgreSQL reads for groups")),
        Engine::Postgres(connection) => {
            bounded(async {
                let query = sqlx::query_as(places).bind(&tenants).bind(&locations);
                let places: Vec<Row> = query.fetch_all(&mut *connection).await?;
                let query = sqlx::query_as(stock).bind(&tenants).bind(&locations);
                let stock: Vec<StockRow> = query.fetch_all(connection).await?;
                Ok((places, stock))
            })
            .await
        }
    };
    let (places, stock) = conn.settle(outcome)?;
    let mut levels: HashMap<Key, Vec<Kept>> = HashMap::new();
    for row in stock {
        let (id, level) = (row.id, decode(&row.state)?);
        levels
            .entry((row.tenant_id, row.location_id))
            .or_default()
            .push(Kept { id, level });
    }
    let seen = places.into_iter().map(|row| {
        let key = (row.tenant_id, row.location.id);
        let levels = Arc::new(by_item(levels.remove(&key).unwrap_or_default()));
        let (location, menu_revision) = (row.location, row.menu_revision);
        (
            key,
            Seen {
                location,
                menu_revision,
                levels,
            },
        )
    });
    Ok(seen.collect())
}
