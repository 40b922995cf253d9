//! Stock levels.

use std::collections::BTreeMap;

use muster_kernel::Error;
use muster_kernel::db::Conn;
use muster_kernel::db::closing::Check;
use muster_kernel::db::many::{Does, Kind, Many, Value};
use muster_kernel::{exec, on};
use muster_proto::orders::v1::StockLevel;
use prost::Message;
use uuid::Uuid;

use super::{decode, id, overtaken};

/// A level, and the aggregate of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The aggregate.
    pub id: Uuid,
    /// The level.
    pub level: StockLevel,
}

/// What of each item is left at a location.
pub type Levels = BTreeMap<String, Kept>;

/// Levels by item.
pub fn by_item(levels: impl IntoIterator<Item = Kept>) -> Levels {
    let levels = levels.into_iter();
    levels.map(|kept| (kept.level.menu_item_id.clone(), kept)).collect()
}

/// All levels of a location, those that are back in stock included.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(conn: &mut Conn, tenant: Uuid, location: Uuid) -> Result<Vec<Kept>, Error> {
    let sql = "SELECT id, state FROM stock WHERE tenant_id = $1 AND location_id = $2 ORDER BY menu_item_id";
    let rows: Vec<(Uuid, Vec<u8>)> = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(location).fetch_all(c))?;
    rows.into_iter()
        .map(|(id, state)| {
            Ok(Kept {
                id,
                level: decode(&state)?,
            })
        })
        .collect()
}

static UNCHANGED: Many = Many {
    columns: &[
        ("location_id", Kind::Uuid),
        ("menu_item_id", Kind::Uuid),
        ("version", Kind::Long),
    ],
    text: "SELECT new.menu_item_id FROM new LEFT JOIN stock AS found USING (tenant_id, location_id, menu_item_id) \
           WHERE COALESCE(found.version, 0) = new.version",
    does: Does::Find,
};

/// What is left of an item must be what was read; none was. For grouped units.
///
/// # Errors
/// If the item's id is not a UUID.
pub fn unchanged(location: Uuid, item: &str, seen: Option<&Kept>) -> Result<Check, Error> {
    let values = vec![
        Value::Uuid(location),
        Value::Uuid(id(item)?),
        Value::Long(seen.map_or(0, |kept| kept.level.version)),
    ];
    Ok(Check {
        many: &UNCHANGED,
        values,
    })
}

/// Writes a level over the version before it.
///
/// # Errors
/// `CONFLICT` when somebody else was quicker, or if the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, kept: &Kept) -> Result<(), Error> {
    let level = &kept.level;
    let (location, item, state) = (id(&level.location_id)?, id(&level.menu_item_id)?, level.encode_to_vec());
    let sql = "INSERT INTO stock (tenant_id, location_id, menu_item_id, id, version, state) \
               VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (tenant_id, location_id, menu_item_id) \
               DO UPDATE SET version = excluded.version, state = excluded.state \
               WHERE stock.version = excluded.version - 1 AND stock.id = excluded.id";
    let written = exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(location)
            .bind(item)
            .bind(kept.id)
            .bind(level.version)
            .bind(state.as_slice())
    )?;
    if written == 1 { Ok(()) } else { Err(overtaken()) }
}
