//! Units of work that end at the same moment share a transaction.
//!
//! A commit waits for the disk, and a statement costs a round trip. So that many small units do not each pay for all of
//! it, what they left ([`Closing`]) is written together: one statement per kind of row and one commit, or on PostgreSQL one
//! statement for all of it. If anything is wrong with a group, who was answered before is set aside and the others are
//! written without them: after an outage, half of those who come have come before. If it is something else, each half is
//! written by itself, and so on down to the unit that it lies with, so that a unit can only spoil its own work. Units that wait while others are written form the next group; one that
//! comes alone is written at once.

use std::collections::HashSet;

use uuid::Uuid;

use super::closing::{Closing, overtaken};
use super::many::{Many, Part, Row, Value};
use super::{DbEngine, DbError, Reach};
use crate::error::Error;
use crate::together::{Together, Unserved};
use crate::{idempotency, log, uow};

/// Writes what units of work left. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Group(Together<Closing, Result<(), Error>>);

/// What stands in the way of a group.
enum Fault {
    Database(DbError),
    /// A row of one of its units was passed over by this statement.
    Taken(&'static Many),
}

impl Group {
    /// Starts the task that writes.
    pub(super) fn start(db: DbEngine) -> Self {
        Self(Together::start(move |group: Vec<Closing>| {
            let db = db.clone();
            Box::pin(async move { outcomes(&db, &group.iter().collect::<Vec<_>>()).await })
        }))
    }

    /// Writes what a unit left, and answers when it is lasting. A caller who goes away before its turn leaves nothing
    /// behind; later, all of it or nothing.
    ///
    /// # Errors
    /// As a transaction of its own would: `CONFLICT`, the row's own answer, or that the database is out of reach. And
    /// that the same request was answered before ([`uow::replay`]).
    pub(crate) async fn write(&self, closing: Closing) -> Result<(), Error> {
        self.0.serve(closing).await.unwrap_or_else(|unserved| {
            Err(match unserved {
                Unserved::Full => DbError::Crowded,
                Unserved::Lost => DbError::CommitUnknown,
            }
            .into())
        })
    }
}

/// What each unit is answered.
async fn outcomes(db: &DbEngine, group: &[&Closing]) -> Vec<Result<(), Error>> {
    let fault = match outcome_of_all(db, group).await {
        Ok(outcomes) => return outcomes,
        Err(fault) => fault,
    };
    let answered = answered_before(db, group).await;
    if !answered.contains(&true) {
        return write_apart(db, group, fault).await;
    }
    let others = group.iter().zip(&answered).filter(|(_, answered)| !**answered);
    let others: Vec<&Closing> = others.map(|(unit, _)| *unit).collect();
    // Fewer each time.
    let mut written = Box::pin(outcomes(db, &others)).await.into_iter();
    let answer = |answered| match answered {
        true => Err(uow::replay()),
        false => written.next().unwrap_or_else(|| Err(DbError::CommitUnknown.into())),
    };
    answered.into_iter().map(answer).collect()
}

/// Writes a group, and answers each of it the same; or what is wrong with one of it.
async fn outcome_of_all(db: &DbEngine, group: &[&Closing]) -> Result<Vec<Result<(), Error>>, Fault> {
    let Err(fault) = write_together(db, group).await else {
        return Ok(group.iter().map(|_| Ok(())).collect());
    };
    let each = match fault.of_everybody() {
        Some(each) => each,
        None => return Err(fault),
    };
    Ok(group.iter().map(|_| Err(each().into())).collect())
}

/// Each half of a group by itself, to learn of which unit the fault is; and a unit alone, to learn what it is.
async fn write_apart(db: &DbEngine, group: &[&Closing], fault: Fault) -> Vec<Result<(), Error>> {
    if let [unit] = group {
        return vec![write_alone(db, unit, fault).await];
    }
    let mut outcomes = Vec::with_capacity(group.len());
    let (some, others) = group.split_at(group.len() / 2);
    for half in [some, others] {
        outcomes.extend(match outcome_of_all(db, half).await {
            Ok(outcomes) => outcomes,
            Err(fault) => Box::pin(write_apart(db, half, fault)).await,
        });
    }
    outcomes
}

/// A unit that spoils even a group of one. What is wrong is not to be seen where it was written as one statement.
async fn write_alone(db: &DbEngine, unit: &Closing, fault: Fault) -> Result<(), Error> {
    if !db.is_postgres() {
        return Err(fault.of_one(unit));
    }
    let written = write(db, &[unit]).await;
    written.map_err(|fault| fault.of_one(unit))
}

/// Which units were answered before, or stand behind one with the same key. If that is not to be learnt, none.
async fn answered_before(db: &DbEngine, group: &[&Closing]) -> Vec<bool> {
    let records = || group.iter().filter_map(|unit| unit.record.as_ref());
    let kept = async {
        let mut conn = db.glance(reach_of(group)).await?;
        let kept = idempotency::kept(&mut conn, records()).await;
        conn.rollback().await;
        kept
    };
    let mut known = kept.await.unwrap_or_default();
    let mut is_known = |record: &idempotency::Row| !known.insert((record.tenant, record.key_digest));
    group
        .iter()
        .map(|unit| unit.record.as_ref().is_some_and(&mut is_known))
        .collect()
}

impl Fault {
    /// The answer to each unit of a group, where writing them one by one would go no better.
    fn of_everybody(&self) -> Option<fn() -> DbError> {
        match self {
            Self::Database(DbError::CommitUnknown) => Some(|| DbError::CommitUnknown),
            Self::Database(DbError::TimedOut) => Some(|| DbError::TimedOut),
            Self::Database(DbError::Unavailable(_)) => Some(|| DbError::Unavailable(sqlx::Error::PoolClosed)),
            Self::Database(DbError::Crowded) => Some(|| DbError::Crowded),
            Self::Database(_) | Self::Taken(_) => None,
        }
    }

    /// The answer to a unit that was written alone.
    fn of_one(self, closing: &Closing) -> Error {
        match self {
            Self::Database(error) => error.into(),
            Self::Taken(many) => {
                let mut writes = closing.writes.iter();
                let taken = writes.find(|write| std::ptr::eq(write.many, many));
                taken.map_or_else(|| overtaken().into(), |write| (write.taken)())
            }
        }
    }
}

/// The database guards the tenant of a group that has one; rows of several name theirs themselves.
fn reach_of(group: &[&Closing]) -> Reach {
    match group {
        [first, rest @ ..] if rest.iter().all(|unit| unit.tenant == first.tenant) => Reach::Tenant(first.tenant),
        _ => Reach::System,
    }
}

/// Writes a group as one, all of it or nothing.
async fn write_together(db: &DbEngine, group: &[&Closing]) -> Result<(), Fault> {
    if group.is_empty() {
        return Ok(());
    }
    if db.is_postgres() {
        return write_as_one(db, group).await.map_err(Fault::Database);
    }
    write(db, group).await
}

/// Writes a group as one statement of PostgreSQL, which is a transaction by itself. What an error means for which unit
/// is not to be seen; where the connection breaks, nobody knows whether it happened.
async fn write_as_one(db: &DbEngine, group: &[&Closing]) -> Result<(), DbError> {
    let left = log::Left::of(group);
    let mut parts = checks(group);
    parts.extend(writes(group));
    parts.extend(left.parts());
    let mut conn = db.glance(reach_of(group)).await?;
    let written = conn.run_as_one(&parts).await;
    conn.rollback().await;
    written.map_err(|error| match error {
        error if error.breaks_connection() => DbError::CommitUnknown,
        error => error,
    })
}

/// Writes a group in a transaction.
async fn write(db: &DbEngine, group: &[&Closing]) -> Result<(), Fault> {
    let left = log::Left::of(group);
    let mut conn = db.write(reach_of(group)).await?;
    let written = async {
        for Part { many, rows } in checks(group) {
            if many.run(&mut conn, &rows).await? < rows.len() {
                return Err(Fault::Database(overtaken()));
            }
        }
        for Part { many, rows } in writes(group) {
            if many.run(&mut conn, &rows).await? < rows.len() {
                return Err(Fault::Taken(many));
            }
        }
        Ok(left.write(&mut conn).await?)
    };
    match written.await {
        Ok(()) => Ok(conn.commit().await?),
        Err(fault) => {
            conn.rollback().await;
            Err(fault)
        }
    }
}

/// What several units want to be so is looked at once.
fn checks<'g>(group: &[&'g Closing]) -> Vec<Part<'g>> {
    let all = group.iter().flat_map(|unit| {
        let checks = unit.checks.iter();
        checks.map(|check| (check.many, (unit.tenant, check.values.as_slice())))
    });
    let mut known = HashSet::new();
    by_statement(all.filter(|(many, row)| known.insert((std::ptr::from_ref(*many), *row))))
}

/// In the order of their ids, so that two groups that change the same rows do not wait for each other.
fn writes<'g>(group: &[&'g Closing]) -> Vec<Part<'g>> {
    let mut parts = by_statement(group.iter().flat_map(|unit| {
        let writes = unit.writes.iter();
        writes.map(|write| (write.many, (unit.tenant, write.values.as_slice())))
    }));
    for part in &mut parts {
        part.rows.sort_by_key(|(tenant, values)| (*tenant, id_of(values)));
    }
    parts
}

/// The id of a row, where it comes first.
fn id_of(values: &[Value<'_>]) -> Option<Uuid> {
    match values.first() {
        Some(Value::Uuid(id)) => Some(*id),
        _ => None,
    }
}

/// Rows of the same statement together, in the order in which the statements come first.
fn by_statement<'g>(all: impl Iterator<Item = (&'static Many, Row<'g>)>) -> Vec<Part<'g>> {
    let mut parts: Vec<Part<'g>> = Vec::new();
    for (many, row) in all {
        match parts.iter_mut().find(|part| std::ptr::eq(part.many, many)) {
            Some(part) => part.rows.push(row),
            None => parts.push(Part { many, rows: vec![row] }),
        }
    }
    parts
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}
