//! Counts of tries. The connection is one of its own: a reservation is committed before a password is looked at.

use chrono::{DateTime, Utc};
use muster_kernel::db::Conn;
use muster_kernel::error::Error;
use muster_kernel::{exec, on};

use crate::domain::guess::{Account, Counter};

/// The tries of an account, held until the end of the transaction, so that no two reservations pass each other.
///
/// # Errors
/// If the database is out of reach.
pub async fn account(conn: &mut Conn, subject: &[u8; 32], now: DateTime<Utc>) -> Result<Account, Error> {
    // Writing takes the row's lock on PostgreSQL; on SQLite there is one writer anyway.
    let sql = "INSERT INTO platform_guess (subject, tries, at) VALUES ($1, $2, $3) \
               ON CONFLICT (subject) DO UPDATE SET at = excluded.at RETURNING tries";
    let (tries,): (Vec<u8>,) = on!(conn, |c| sqlx::query_as(sql)
        .bind(subject.as_slice())
        .bind(&[] as &[u8])
        .bind(now)
        .fetch_one(c))?;
    Ok(Account::read(&tries))
}

/// Writes the tries of an account.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_account(conn: &mut Conn, subject: &[u8; 32], account: &Account) -> Result<(), Error> {
    let sql = "UPDATE platform_guess SET tries = $2 WHERE subject = $1";
    exec!(conn, sqlx::query(sql).bind(subject.as_slice()).bind(account.write()))?;
    Ok(())
}

/// A count, held until the end of the transaction.
///
/// # Errors
/// If the database is out of reach.
pub async fn counter(conn: &mut Conn, subject: &[u8; 32], now: DateTime<Utc>) -> Result<Counter, Error> {
    let sql = "INSERT INTO platform_guess_count (subject, slot, counted, previous, at) VALUES ($1, 0, 0, 0, $2) \
               ON CONFLICT (subject) DO UPDATE SET at = excluded.at RETURNING slot, counted, previous";
    let (slot, count, previous): (i64, i64, i64) = on!(conn, |c| sqlx::query_as(sql)
        .bind(subject.as_slice())
        .bind(now)
        .fetch_one(c))?;
    Ok(Counter { slot, count, previous })
}

/// Writes a count.
///
/// # Errors
/// If the database is out of reach.
pub async fn put_counter(conn: &mut Conn, subject: &[u8; 32], counter: Counter) -> Result<(), Error> {
    let sql = "UPDATE platform_guess_count SET slot = $2, counted = $3, previous = $4 WHERE subject = $1";
    exec!(
        conn,
        sqlx::query(sql)
            .bind(subject.as_slice())
            .bind(counter.slot)
            .bind(counter.count)
            .bind(counter.previous)
    )?;
    Ok(())
}

/// Forgets what was not touched since this moment.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget(conn: &mut Conn, before: DateTime<Utc>) -> Result<u64, Error> {
    let accounts = exec!(
        conn,
        sqlx::query("DELETE FROM platform_guess WHERE at < $1").bind(before)
    )?;
    let counters = exec!(
        conn,
        sqlx::query("DELETE FROM platform_guess_count WHERE at < $1").bind(before)
    )?;
    Ok(accounts + counters)
}
