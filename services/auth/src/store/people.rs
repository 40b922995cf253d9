//! Finding people.

use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::on;
use muster_proto::auth::v1::Person;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::location::{placeholders, seen};
use super::{Page, decode, person};
use crate::domain::names::{fold, prefix_end};
use crate::domain::policy::Sight;

/// What to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The beginning of a word of the name; empty for all.
    pub prefix: String,
    /// Who works there.
    pub location: Option<Uuid>,
    /// Who holds this role; 0 for any.
    pub role: i32,
    /// Who is in this state; 0 for any.
    pub state: i32,
}

/// People whom the caller sees, by name.
///
/// # Errors
/// If the database is out of reach.
pub async fn list(
    conn: &mut Conn,
    tenant: Uuid,
    sight: &Sight,
    search: &Search,
    page: Page,
) -> Result<Vec<Person>, Error> {
    let start = match page.after {
        Some(after) => person::get(conn, tenant, after)
            .await?
            .map(|found| fold(&found.person.display_name)),
        None => None,
    };
    let (name, after) = (start.unwrap_or_default(), page.after.unwrap_or_default());
    let prefix = fold(&search.prefix);
    // No text is behind the greatest character, so this stands for "no end".
    let end = prefix_end(&prefix).unwrap_or_else(|| char::MAX.to_string());
    let ids = seen(sight)?;
    let sql = text(!prefix.is_empty(), search.location.is_some(), ids.as_deref());
    let place = search.location.unwrap_or_default();
    let rows: Vec<(Vec<u8>,)> = on!(conn, |c| async {
        // The text holds nothing but numbered placeholders.
        let mut query = sqlx::query_as(AssertSqlSafe(sql.as_str()));
        query = query
            .bind(tenant)
            .bind(name.as_str())
            .bind(after)
            .bind(search.state)
            .bind(search.role)
            .bind(page.size);
        if !prefix.is_empty() {
            query = query.bind(prefix.as_str()).bind(end.as_str());
        }
        if search.location.is_some() {
            query = query.bind(place);
        }
        for id in ids.iter().flatten() {
            query = query.bind(*id);
        }
        query.fetch_all(c).await
    })?;
    rows.iter().map(|(data,)| decode(data)).collect()
}

/// The same sight as [`Sight::sees_person`]: at one of the locations, or at none and so at all.
fn text(by_prefix: bool, at_location: bool, seen: Option<&[Uuid]>) -> String {
    let mut sql = String::from(
        "SELECT p.data FROM person p WHERE p.tenant_id = $1 AND (p.sort_name, p.person_id) > ($2, $3) \
         AND ($4 = 0 OR p.state = $4) AND ($5 = 0 OR EXISTS (SELECT 1 FROM person_role r \
         WHERE r.tenant_id = p.tenant_id AND r.person_id = p.person_id AND r.role = $5))",
    );
    let mut next = 7;
    if by_prefix {
        sql.push_str(&format!(
            " AND p.person_id IN (SELECT t.person_id FROM person_term t \
             WHERE t.tenant_id = $1 AND t.term >= ${next} AND t.term < ${})",
            next + 1
        ));
        next += 2;
    }
    let works = "EXISTS (SELECT 1 FROM person_location l WHERE l.tenant_id = p.tenant_id AND l.person_id = p.person_id";
    if at_location {
        sql.push_str(&format!(" AND (NOT {works}) OR {works} AND l.location_id = ${next}))"));
        next += 1;
    }
    if let Some(seen) = seen {
        let list = placeholders(next, seen.len());
        sql.push_str(&format!(
            " AND (NOT {works}) OR {works} AND l.location_id IN ({list})))"
        ));
    }
    sql.push_str(" ORDER BY p.sort_name, p.person_id LIMIT $6");
    sql
}
