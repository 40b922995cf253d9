//! People, one at a time.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};
use muster_proto::auth::v1::Person;
use prost::Message;
use uuid::Uuid;

use super::{decode, id};
use crate::domain::names::{fold, search_terms};

/// A person, and the moment up to which issued access tokens are void.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The person.
    pub person: Person,
    /// Access tokens issued up to then are void.
    pub not_before: DateTime<Utc>,
}

type Row = (Vec<u8>, DateTime<Utc>);

fn stored(row: Option<Row>) -> Result<Option<Stored>, Error> {
    row.map(|(data, not_before)| {
        Ok(Stored {
            person: decode(&data)?,
            not_before,
        })
    })
    .transpose()
}

/// The person.
///
/// # Errors
/// If the database is out of reach.
pub async fn get(conn: &mut Conn, tenant: Uuid, person: Uuid) -> Result<Option<Stored>, Error> {
    let sql = "SELECT data, not_before FROM person WHERE tenant_id = $1 AND person_id = $2";
    stored(on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(person)
        .fetch_optional(c))?)
}

/// The person who signs in with this login name or e-mail address.
///
/// # Errors
/// If the database is out of reach.
pub async fn by_login(conn: &mut Conn, tenant: Uuid, login: &str) -> Result<Option<Stored>, Error> {
    // An e-mail address holds an @, a login name does not: at most one of the two matches.
    let sql = "SELECT data, not_before FROM person WHERE tenant_id = $1 AND (login_name = $2 OR email = $2)";
    stored(on!(conn, |c| sqlx::query_as(sql)
        .bind(tenant)
        .bind(login)
        .fetch_optional(c))?)
}

/// Whether somebody other than this person signs in with the name or address.
///
/// # Errors
/// If the database is out of reach.
pub async fn login_taken(conn: &mut Conn, tenant: Uuid, login: &str, except: Uuid) -> Result<bool, Error> {
    let found = by_login(conn, tenant, login).await?;
    Ok(found.is_some_and(|found| found.person.person_id != except.to_string()))
}

/// Acting owners other than this person.
///
/// # Errors
/// If the database is out of reach.
pub async fn other_owners(conn: &mut Conn, tenant: Uuid, except: Uuid) -> Result<i64, Error> {
    let sql = "SELECT COUNT(*) FROM person p \
               JOIN person_role r ON r.tenant_id = p.tenant_id AND r.person_id = p.person_id AND r.role = 1 \
               WHERE p.tenant_id = $1 AND p.state = 1 AND p.person_id <> $2";
    let (count,): (i64,) = on!(conn, |c| sqlx::query_as(sql).bind(tenant).bind(except).fetch_one(c))?;
    Ok(count)
}

/// Keeps two changes of owners from passing each other, so that one of them sees the other. Until the end of the
/// transaction; on SQLite there is one writer anyway.
///
/// # Errors
/// If the database is out of reach.
pub async fn hold_owners(conn: &mut Conn, tenant: Uuid) -> Result<(), Error> {
    if conn.is_postgres() {
        exec!(
            conn,
            sqlx::query("SELECT tenant_id FROM tenant WHERE tenant_id = $1 FOR UPDATE").bind(tenant)
        )?;
    }
    Ok(())
}

/// Adds a person, or writes the record again after a change, with everything that it is found by.
///
/// # Errors
/// `CONFLICT` if the login name or the e-mail address is taken, or if the database is out of reach.
pub async fn put(conn: &mut Conn, tenant: Uuid, stored: &Stored) -> Result<(), Error> {
    let person = &stored.person;
    let person_id = id(&person.person_id)?;
    let sql = "INSERT INTO person \
               (tenant_id, person_id, login_name, email, sort_name, state, not_before, version, data) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
               ON CONFLICT (tenant_id, person_id) DO UPDATE SET email = excluded.email, \
               sort_name = excluded.sort_name, state = excluded.state, not_before = excluded.not_before, \
               version = excluded.version, data = excluded.data";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(tenant)
            .bind(person_id)
            .bind(person.login_name.as_str())
            .bind(Some(person.email.as_str()).filter(|email| !email.is_empty()))
            .bind(fold(&person.display_name))
            .bind(person.state)
            .bind(stored.not_before)
            .bind(person.version)
            .bind(person.encode_to_vec())
    )?;
    find_by(conn, tenant, person_id, person).await
}

async fn find_by(conn: &mut Conn, tenant: Uuid, person_id: Uuid, person: &Person) -> Result<(), Error> {
    for sql in [
        "DELETE FROM person_term WHERE tenant_id = $1 AND person_id = $2",
        "DELETE FROM person_location WHERE tenant_id = $1 AND person_id = $2",
        "DELETE FROM person_role WHERE tenant_id = $1 AND person_id = $2",
    ] {
        exec!(conn, sqlx::query(sql).bind(tenant).bind(person_id))?;
    }
    let sql = "INSERT INTO person_term (tenant_id, person_id, term) VALUES ($1, $2, $3)";
    for term in search_terms(&person.display_name, &person.login_name) {
        exec!(conn, sqlx::query(sql).bind(tenant).bind(person_id).bind(term.as_str()))?;
    }
    let sql = "INSERT INTO person_location (tenant_id, person_id, location_id) VALUES ($1, $2, $3)";
    for location in &person.location_ids {
        let location_id = id(location)?;
        exec!(conn, sqlx::query(sql).bind(tenant).bind(person_id).bind(location_id))?;
    }
    let sql = "INSERT INTO person_role (tenant_id, person_id, role) VALUES ($1, $2, $3)";
    for role in &person.roles {
        exec!(conn, sqlx::query(sql).bind(tenant).bind(person_id).bind(*role))?;
    }
    Ok(())
}
