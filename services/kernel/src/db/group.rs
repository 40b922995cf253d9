//! PostgreSQL: units of work that end at the same moment share a transaction.
//!
//! A commit waits for the disk, and a statement costs a round trip. So that many small units do not each pay for all of
//! it, what they left ([`Closing`]) is written together: one statement per kind of row, one commit. If anything is wrong
//! with a group, each of its units is written alone, so that a unit can only spoil its own work. Units that wait while
//! others are written form the next group; one that comes alone is written at once.

use std::sync::Arc;

use futures::future::join_all;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::closing::{Closing, Text, Value, overtaken, run_many};
use super::postgres::Postgres;
use super::{Conn, DbError, Held, Reach};
use crate::error::Error;
use crate::log;

/// So many units share one commit at most.
const MOST_IN_GROUP: usize = 64;
/// More than this many in the queue are refused.
const MOST_WAITING: usize = 512;
/// So many groups are written at a time: while one waits for the disk, another can work.
const AT_ONCE: usize = 2;

/// Writes what units of work left. Cheap to clone; its tasks end with the last of the clones.
#[derive(Clone)]
pub(crate) struct Group {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    closing: Closing,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// What stands in the way of a group.
enum Fault {
    Database(DbError),
    /// A row of one of its units exists, to which this statement belongs.
    Taken(&'static Text),
}

impl Group {
    /// Starts the tasks that write.
    pub(super) fn start(postgres: &Postgres) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..AT_ONCE {
            tokio::spawn(serve(postgres.clone(), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Writes what a unit left, and answers when it is lasting. A caller who goes away before its turn leaves nothing
    /// behind; later, all of it.
    ///
    /// # Errors
    /// As a transaction of its own would: `CONFLICT`, the insert's own answer, or that the database is out of reach.
    pub(crate) async fn write(&self, closing: Closing) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let queued = self.queue.try_send(Waiting { closing, answer });
        queued.map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => DbError::Crowded,
            mpsc::error::TrySendError::Closed(_) => DbError::Unavailable(sqlx::Error::PoolClosed),
        })?;
        answered.await.unwrap_or(Err(DbError::CommitUnknown.into()))
    }
}

async fn serve(postgres: Postgres, waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    loop {
        let mut group = Vec::with_capacity(MOST_IN_GROUP);
        if waiting.lock().await.recv_many(&mut group, MOST_IN_GROUP).await == 0 {
            return;
        }
        // A panic costs the group, which is told that its outcome is unknown, and not the task.
        if let Err(error) = tokio::spawn(settle(postgres.clone(), group)).await {
            tracing::error!(%error, "writing a group failed");
        }
    }
}

/// Writes a group and answers its units. When all of them have gone away, what is not yet written is given up.
async fn settle(postgres: Postgres, mut group: Vec<Waiting>) {
    group.retain(|unit| !unit.answer.is_closed());
    let (closings, mut answers): (Vec<Closing>, Vec<_>) =
        group.into_iter().map(|unit| (unit.closing, unit.answer)).unzip();
    let outcomes = tokio::select! {
        outcomes = outcomes(&postgres, &closings) => outcomes,
        _ = join_all(answers.iter_mut().map(oneshot::Sender::closed)) => return,
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        let _ = answer.send(outcome);
    }
}

/// What each unit is answered.
async fn outcomes(postgres: &Postgres, group: &[Closing]) -> Vec<Result<(), Error>> {
    let Err(fault) = write(postgres, group).await else {
        return group.iter().map(|_| Ok(())).collect();
    };
    match (group, fault.of_everybody()) {
        ([unit], _) => vec![Err(fault.of_one(unit))],
        (_, Some(each)) => group.iter().map(|_| Err(each().into())).collect(),
        (_, None) => {
            let mut outcomes = Vec::with_capacity(group.len());
            for unit in group {
                let written = write(postgres, std::slice::from_ref(unit)).await;
                outcomes.push(written.map_err(|fault| fault.of_one(unit)));
            }
            outcomes
        }
    }
}

impl Fault {
    /// The answer to each unit of a group, where writing them one by one would go no better.
    fn of_everybody(&self) -> Option<fn() -> DbError> {
        match self {
            Self::Database(DbError::CommitUnknown) => Some(|| DbError::CommitUnknown),
            Self::Database(DbError::TimedOut) => Some(|| DbError::TimedOut),
            Self::Database(DbError::Unavailable(_)) => Some(|| DbError::Unavailable(sqlx::Error::PoolClosed)),
            Self::Database(_) | Self::Taken(_) => None,
        }
    }

    /// The answer to a unit that was written alone.
    fn of_one(self, closing: &Closing) -> Error {
        match self {
            Self::Database(error) => error.into(),
            Self::Taken(text) => {
                let mut inserts = closing.inserts.iter();
                let taken = inserts.find(|insert| std::ptr::eq(insert.text, text));
                taken.map_or_else(|| overtaken().into(), |insert| (insert.taken)())
            }
        }
    }
}

async fn write(postgres: &Postgres, group: &[Closing]) -> Result<(), Fault> {
    let Some(first) = group.first() else { return Ok(()) };
    // The database guards the tenant of a group that has one; rows of several name theirs themselves.
    let alike = group.iter().all(|unit| unit.tenant == first.tenant);
    let reach = if alike {
        Reach::Tenant(first.tenant)
    } else {
        Reach::System
    };
    let (transaction, _) = postgres.begin(reach, false, "").await?;
    let mut conn = Conn(Held::Postgres(transaction));
    match write_in(&mut conn, group).await {
        Ok(()) => Ok(conn.commit().await?),
        Err(fault) => {
            conn.rollback().await;
            Err(fault)
        }
    }
}

async fn write_in(conn: &mut Conn, group: &[Closing]) -> Result<(), Fault> {
    let checks = group.iter().flat_map(|unit| {
        let check = unit.checks.iter().map(|check| (check.text, check.values.as_slice()));
        check.map(|(text, values)| (text, unit.tenant, values))
    });
    for (text, rows) in by_text(checks) {
        if run_many(conn, text, &rows).await? < rows.len() {
            return Err(overtaken().into());
        }
    }
    let inserts = group.iter().flat_map(|unit| {
        let insert = unit
            .inserts
            .iter()
            .map(|insert| (insert.text, insert.values.as_slice()));
        insert.map(|(text, values)| (text, unit.tenant, values))
    });
    for (text, rows) in by_text(inserts) {
        if run_many(conn, text, &rows).await? < rows.len() {
            return Err(Fault::Taken(text));
        }
    }
    Ok(log::write_many(conn, group).await?)
}

type Rows<'g> = Vec<(uuid::Uuid, &'g [Value])>;

/// Rows of the same text together, in the order in which the texts come first.
fn by_text<'g>(rows: impl Iterator<Item = (&'static Text, uuid::Uuid, &'g [Value])>) -> Vec<(&'static Text, Rows<'g>)> {
    let mut texts: Vec<(&'static Text, Rows<'g>)> = Vec::new();
    for (text, tenant, values) in rows {
        match texts.iter_mut().find(|(known, _)| std::ptr::eq(*known, text)) {
            Some((_, rows)) => rows.push((tenant, values)),
            None => texts.push((text, vec![(tenant, values)])),
        }
    }
    texts
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self::Database(error)
    }
}
