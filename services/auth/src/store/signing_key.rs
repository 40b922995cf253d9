//! Signing keys.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};

use crate::domain::signing::Term;

/// A key with its sealed private part.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyRow {
    /// Its number; keys with greater ones replace it.
    pub number: i64,
    /// Its name in token headers.
    pub kid: String,
    /// The 32 bytes of the public key.
    pub public_key: Vec<u8>,
    /// The private key, sealed for this `kid`.
    pub sealed_key: Vec<u8>,
    /// It signs from then on.
    pub sign_from: DateTime<Utc>,
}

impl KeyRow {
    /// When it signs.
    pub fn term(&self) -> Term {
        Term {
            number: self.number,
            sign_from: self.sign_from,
        }
    }
}

/// All keys, the oldest first.
///
/// # Errors
/// If the database is out of reach.
pub async fn all(conn: &mut Conn) -> Result<Vec<KeyRow>, Error> {
    let sql = "SELECT number, kid, public_key, sealed_key, sign_from FROM platform_signing_key ORDER BY number";
    Ok(on!(conn, |c| sqlx::query_as(sql).fetch_all(c))?)
}

/// Adds a key, unless another process has made the one with this number.
///
/// # Errors
/// If the database is out of reach.
pub async fn insert(conn: &mut Conn, row: &KeyRow) -> Result<(), Error> {
    let sql = "INSERT INTO platform_signing_key (number, kid, public_key, sealed_key, sign_from) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (number) DO NOTHING";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(row.number)
            .bind(row.kid.as_str())
            .bind(row.public_key.as_slice())
            .bind(row.sealed_key.as_slice())
            .bind(row.sign_from)
    )?;
    Ok(())
}

/// Destroys a key that is worth nothing any more.
///
/// # Errors
/// If the database is out of reach.
pub async fn delete(conn: &mut Conn, number: i64) -> Result<(), Error> {
    exec!(
        conn,
        sqlx::query("DELETE FROM platform_signing_key WHERE number = $1").bind(number)
    )?;
    Ok(())
}
