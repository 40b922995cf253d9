//! PostgreSQL: connections on which every statement is a transaction of its own.
//!
//! They serve those who come together ([`Together`](crate::together::Together)) and readers of the log, who need no more than
//! one statement. Whose rows it may see is set for the connection, not for the transaction, and again whenever it is another's
//! turn; so these connections are never those of the pool, on which a transaction says it itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::suspicion::Suspicion;
use super::{DbError, Reach, bounded};

/// Whose rows may be seen. The few statements that run here have arrays for values: a plan for one is one for all, and to
/// plan one anew takes longer than to run it.
const SEE: &str =
    "SELECT set_config('app.tenant', $1, false), set_config('plan_cache_mode', 'force_generic_plan', false)";
/// So many connections at most: two who write, two who ask and two who read the log at a time.
const MOST: u32 = 6;
/// Nobody waits longer for one.
const WAIT: Duration = Duration::from_secs(2);
/// One that sat idle for longer is asked whether it is alive before it is used.
const ASK_AFTER: Duration = Duration::from_secs(1);
/// It must say so within.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// None is used for longer: the server's memory of it grows.
const LIFE: Duration = Duration::from_secs(30 * 60);

/// The connections of one service. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    suspicion: Arc<Suspicion>,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Line>>,
}

/// A connection, and what is known of it.
struct Line {
    conn: PgConnection,
    reach: Option<Reach>,
    made: Instant,
    used: Instant,
}

/// A connection in the hands of one task. Where it is not given back, it is closed: a statement may still run on it.
pub(super) struct Lane {
    line: Option<Line>,
    lanes: Lanes,
    _place: OwnedSemaphorePermit,
}

impl Lanes {
    pub(super) fn new(options: PgConnectOptions, suspicion: Arc<Suspicion>) -> Self {
        Self(Arc::new(Inner {
            options,
            suspicion,
            places: Arc::new(Semaphore::new(MOST as usize)),
            idle: Mutex::default(),
        }))
    }

    /// A connection that sees the rows of `reach`.
    pub(super) async fn take(&self, reach: Reach) -> Result<Lane, DbError> {
        let place = timeout(WAIT, Arc::clone(&self.0.places).acquire_owned()).await;
        let place = place.map_err(|_| DbError::Unavailable(sqlx::Error::PoolTimedOut))?;
        let place = place.map_err(|_| DbError::Unavailable(sqlx::Error::PoolClosed))?;
        let mut lane = Lane {
            line: None,
            lanes: self.clone(),
            _place: place,
        };
        let mut line = match self.living(reach).await {
            Some(line) => line,
            None => self.dial().await?,
        };
        if line.reach != Some(reach) {
            let set = sqlx::query(SEE).bind(reach.name());
            bounded(set.execute(&mut line.conn))
                .await
                .inspect_err(|error| self.note(error))?;
            line.reach = Some(reach);
        }
        lane.line = Some(line);
        Ok(lane)
    }

    async fn living(&self, reach: Reach) -> Option<Line> {
        loop {
            let mut line = self.idle(reach)?;
            if line.made.elapsed() > LIFE {
                continue;
            }
            let idle = line.used.elapsed();
            if idle < ASK_AFTER && self.0.suspicion.spares(Instant::now(), idle) {
                return Some(line);
            }
            if timeout(ANSWER_WITHIN, line.conn.ping())
                .await
                .is_ok_and(|answer| answer.is_ok())
            {
                return Some(line);
            }
        }
    }

    /// One that sees these rows already, or else the one that was used longest ago.
    fn idle(&self, reach: Reach) -> Option<Line> {
        let mut idle = self.0.idle.lock().ok()?;
        let sees = idle.iter().rposition(|line| line.reach == Some(reach));
        let place = sees.or_else(|| (!idle.is_empty()).then_some(0))?;
        Some(idle.remove(place))
    }

    async fn dial(&self) -> Result<Line, DbError> {
        let conn = timeout(WAIT, self.0.options.connect()).await;
        let conn = conn.map_err(|_| DbError::Unavailable(sqlx::Error::PoolTimedOut))??;
        let (made, used) = (Instant::now(), Instant::now());
        Ok(Line {
            conn,
            reach: None,
            made,
            used,
        })
    }

    fn note(&self, error: &DbError) {
        if error.breaks_connection() {
            self.0.suspicion.arise(Instant::now());
        }
    }

    /// Lets whoever holds a connection end, and closes the others.
    pub(super) async fn close(&self) {
        let _ = timeout(WAIT, self.0.places.acquire_many(MOST)).await;
        self.0.places.close();
        let idle = self
            .0
            .idle
            .lock()
            .map(|mut idle| std::mem::take(&mut *idle))
            .unwrap_or_default();
        for line in idle {
            let _ = line.conn.close().await;
        }
    }
}

impl Lane {
    pub(super) fn conn(&mut self) -> Result<&mut PgConnection, DbError> {
        let line = self.line.as_mut().map(|line| &mut line.conn);
        line.ok_or(DbError::Unavailable(sqlx::Error::PoolClosed))
    }

    /// Takes note of a statement's error: a connection that broke is not used again, and its siblings are asked first.
    pub(super) fn note(&mut self, error: &DbError) {
        self.lanes.note(error);
        if error.breaks_connection() {
            self.line = None;
        }
    }

    /// Gives the connection back for others.
    pub(super) fn give_back(mut self) {
        let Some(mut line) = self.line.take() else { return };
        line.used = Instant::now();
        if let Ok(mut idle) = self.lanes.0.idle.lock() {
            idle.push(line);
        }
    }
}
