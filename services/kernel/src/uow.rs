//! The unit of work: one request, one transaction.
//!
//! A handler reads and writes through it and appends events to it. State, events and idempotency record are committed
//! together by the [`Door`](crate::door::Door), or not at all; nothing else commits.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::clock::World;
use crate::db::{Conn, Db, Reach};
use crate::error::Error;
use crate::idempotency::{Record, Records};
use crate::identity::Caller;
use crate::log::{self, Cause, NewEvent};

/// One request's transaction. It begins with the first use of [`conn`](Self::conn).
pub struct UnitOfWork {
    db: Db,
    world: World,
    caller: Caller,
    request_id: String,
    reach: Reach,
    tenant: Option<Uuid>,
    writing: bool,
    conn: Option<Conn>,
    now: DateTime<Utc>,
    events: Vec<NewEvent>,
    records: Option<Records>,
    replay: Option<Record>,
}

/// Ends a handler whose request was answered before; it never reaches the caller.
fn replay() -> Error {
    Error::aborted("REPLAY", "this request was answered before")
}

impl UnitOfWork {
    pub(crate) fn new(db: Db, world: World, caller: Caller, request_id: String, writing: bool) -> Self {
        let tenant = caller.tenant_id;
        let reach = tenant.map_or(Reach::System, Reach::Tenant);
        let now = world.now();
        Self {
            db,
            world,
            caller,
            request_id,
            reach,
            tenant,
            writing,
            conn: None,
            now,
            events: Vec::new(),
            records: None,
            replay: None,
        }
    }

    /// A writing unit of work for the system itself: seeds, operator commands, background tasks.
    pub fn system(db: Db, world: World, actor: &'static str) -> Self {
        Self::new(db, world, Caller::service(actor), format!("system-{actor}"), true)
    }

    pub(crate) fn remember_in(&mut self, records: Records) {
        self.records = Some(records);
    }

    /// The moment of the request. It does not move while the request runs.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// A new id.
    pub fn new_id(&self) -> Uuid {
        self.world.new_id()
    }

    /// Clock and chance.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The request's id, as it stands in logs and in the answer.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whose rows this unit works on.
    ///
    /// # Errors
    /// `INTERNAL` before a public method has entered a tenant.
    pub fn tenant(&self) -> Result<Uuid, Error> {
        self.tenant
            .ok_or_else(|| Error::internal("a tenant's rows were asked for before the tenant was known"))
    }

    /// Enters a tenant, for callers who have none: sign-in, pairing, operator commands. A caller who has one stays.
    pub fn enter(&mut self, tenant: Uuid) {
        self.tenant = self.caller.tenant_id.or(Some(tenant));
    }

    /// The transaction's connection.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the database is out of reach.
    pub async fn conn(&mut self) -> Result<&mut Conn, Error> {
        if self.conn.is_none() {
            let conn = match (&self.records, self.writing) {
                (Some(records), _) => {
                    let (conn, found) = records.begin(&self.db, self.reach).await?;
                    if let Some(record) = found {
                        conn.rollback().await;
                        self.replay = Some(record);
                        return Err(replay());
                    }
                    conn
                }
                (None, true) => self.db.write(self.reach).await?,
                (None, false) => self.db.read(self.reach).await?,
            };
            self.conn = Some(conn);
        }
        self.conn.as_mut().ok_or_else(|| Error::internal("no connection"))
    }

    /// Looks for an answer given before to the same key, ahead of the transaction: for handlers that hash or count tries
    /// before they begin it. Others need not ask, since [`conn`](Self::conn) does.
    ///
    /// # Errors
    /// Whatever it answers goes straight up: the door gives the earlier answer, or `IDEMPOTENCY_MISMATCH`.
    pub async fn look_back(&mut self) -> Result<(), Error> {
        let Some(records) = &self.records else { return Ok(()) };
        let mut conn = self.db.read(records.reach()).await?;
        let found = records.find(&mut conn).await;
        conn.rollback().await;
        self.replay = found?;
        match self.replay {
            Some(_) => Err(replay()),
            None => Ok(()),
        }
    }

    /// Adds an event. It is written when the unit commits.
    pub fn append(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Whether anything would be announced by committing.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    pub(crate) fn take_replay(&mut self) -> Option<Record> {
        self.replay.take()
    }

    /// Writes the events and the answer, and commits.
    pub(crate) async fn commit(mut self, answer: Option<&Record>) -> Result<(), Error> {
        if self.conn.is_none() && self.events.is_empty() && answer.is_none() {
            return Ok(());
        }
        if self.conn.is_none() {
            self.conn().await?;
        }
        let written = self.write_out(answer).await;
        let Some(conn) = self.conn.take() else { return Ok(()) };
        match written {
            Ok(()) => Ok(conn.commit().await?),
            Err(error) => {
                conn.rollback().await;
                Err(error)
            }
        }
    }

    async fn write_out(&mut self, answer: Option<&Record>) -> Result<(), Error> {
        let events = std::mem::take(&mut self.events);
        let tenant = if events.is_empty() { Uuid::nil() } else { self.tenant()? };
        let row = match (&self.records, answer) {
            (Some(records), Some(answer)) => Some(records.row(answer)?),
            _ => None,
        };
        let actor = self.caller.actor();
        let cause = Cause {
            tenant,
            actor: &actor,
            request_id: &self.request_id,
            at: self.now,
        };
        let Some(conn) = self.conn.as_mut() else { return Ok(()) };
        Ok(log::write_out(conn, &cause, &events, row.as_ref()).await?)
    }

    /// Commits a unit of the system itself, outside of a door.
    ///
    /// # Errors
    /// If the database is out of reach, or somebody else was quicker (`CONFLICT`).
    pub async fn finish(self) -> Result<(), Error> {
        self.commit(None).await
    }

    pub(crate) async fn rollback(mut self) {
        if let Some(conn) = self.conn.take() {
            conn.rollback().await;
        }
    }
}
