//! The unit of work: one request, one transaction.
//!
//! A handler reads and writes through it and appends events to it. State, events and idempotency record are committed
//! together by the [`Door`](crate::door::Door), or not at all; nothing else commits.

use std::any::Any;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::clock::World;
use crate::db::closing::{Check, Closing, Write};
use crate::db::{Conn, Db, Reach};
use crate::error::Error;
use crate::idempotency::{self, Record, Records};
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
    dry_run: bool,
    grouped: bool,
    conn: Option<Conn>,
    now: DateTime<Utc>,
    checks: Vec<Check>,
    writes: Vec<Write>,
    events: Vec<NewEvent>,
    records: Option<Records>,
    replay: Option<Record>,
    undone: Vec<Box<dyn FnOnce() + Send + Sync>>,
    kept: Vec<Box<dyn Any + Send + Sync>>,
}

/// Ends a handler or a unit whose request was answered before; it never reaches the caller.
pub(crate) fn replay() -> Error {
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
            dry_run: false,
            grouped: false,
            conn: None,
            now,
            checks: Vec::new(),
            writes: Vec::new(),
            events: Vec::new(),
            records: None,
            replay: None,
            undone: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// A writing unit of work for the system itself: seeds, operator commands, background tasks.
    pub fn system(db: Db, world: World, actor: &'static str) -> Self {
        Self::new(db, world, Caller::service(actor), format!("system-{actor}"), true)
    }

    pub(crate) fn remember_in(&mut self, records: Records) {
        self.records = Some(records);
    }

    /// Says that what this unit does will be rolled back: the caller only wants to know what would happen.
    pub(crate) fn rehearse(&mut self) {
        self.dry_run = true;
    }

    /// Whether what this unit does will be rolled back, so that it should take nothing that is not in the database.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Lets the unit share a transaction with others.
    pub(crate) fn share(&mut self) {
        self.grouped = true;
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

    /// Whether what this unit leaves will be written in one transaction with others. Such a unit has none of its own yet,
    /// and gets one as soon as it asks for [`conn`](Self::conn). A handler that can do without reads what it must know
    /// beforehand, and says with [`require`](Self::require) what must still be so at the end.
    pub fn is_grouped(&self) -> bool {
        self.grouped && self.conn.is_none()
    }

    /// Leaves a check for the end of a grouped unit. Another unit must hold the rows itself.
    pub fn require(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// Writes a row; in a grouped unit at its end.
    ///
    /// # Errors
    /// The row's own answer if it is passed over, or if the database is out of reach.
    pub async fn write(&mut self, row: Write) -> Result<(), Error> {
        if self.is_grouped() {
            self.writes.push(row);
            return Ok(());
        }
        let tenant = self.tenant()?;
        row.run(self.conn().await?, tenant).await
    }

    /// The database itself, for what is read ahead of the transaction.
    pub fn db(&self) -> &Db {
        &self.db
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

    /// What to take back in memory if this unit fails or is rolled back. Not run where nobody knows how it ended.
    pub fn when_undone(&mut self, undo: impl FnOnce() + Send + Sync + 'static) {
        self.undone.push(Box::new(undo));
    }

    /// Keeps something until all that this unit does is written, or none of it: its [turn](crate::one_by_one::Turn).
    pub fn keep(&mut self, what: impl Any + Send + Sync) {
        self.kept.push(Box::new(what));
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
        let (undone, kept) = (std::mem::take(&mut self.undone), std::mem::take(&mut self.kept));
        let committed = self.write_and_commit(answer).await;
        drop(kept);
        if committed.as_ref().is_err_and(|error| error.reason != "OUTCOME_UNKNOWN") {
            undone.into_iter().for_each(|undo| undo());
        }
        committed
    }

    async fn write_and_commit(mut self, answer: Option<&Record>) -> Result<(), Error> {
        let nothing = self.writes.is_empty() && self.events.is_empty() && answer.is_none();
        if self.conn.is_none() && nothing {
            return Ok(());
        }
        if self.is_grouped() {
            let group = self.db.group().clone();
            return group.write(self.close(answer)?).await;
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

    /// Everything that is to be written, for the group.
    fn close(self, answer: Option<&Record>) -> Result<Closing, Error> {
        let nobodys = self.writes.is_empty() && self.events.is_empty();
        Ok(Closing {
            tenant: if nobodys { Uuid::nil() } else { self.tenant()? },
            record: self.record_of(answer)?,
            actor: self.caller.actor(),
            request_id: self.request_id,
            at: self.now,
            checks: self.checks,
            writes: self.writes,
            events: self.events,
        })
    }

    fn record_of(&self, answer: Option<&Record>) -> Result<Option<idempotency::Row>, Error> {
        match (&self.records, answer) {
            (Some(records), Some(answer)) => Ok(Some(records.row(answer)?)),
            _ => Ok(None),
        }
    }

    async fn write_out(&mut self, answer: Option<&Record>) -> Result<(), Error> {
        let events = std::mem::take(&mut self.events);
        let (checks, writes) = (std::mem::take(&mut self.checks), std::mem::take(&mut self.writes));
        let nobodys = events.is_empty() && writes.is_empty();
        let tenant = if nobodys { Uuid::nil() } else { self.tenant()? };
        let row = self.record_of(answer)?;
        let actor = self.caller.actor();
        let cause = Cause {
            tenant,
            actor: &actor,
            request_id: &self.request_id,
            at: self.now,
        };
        let Some(conn) = self.conn.as_mut() else { return Ok(()) };
        for check in checks {
            check.run(conn, tenant).await?;
        }
        for write in writes {
            write.run(conn, tenant).await?;
        }
        let mut left = log::Left::default();
        left.add(&cause, &events, row.as_ref());
        Ok(left.write(conn).await?)
    }

    /// Commits a unit of the system itself, outside of a door.
    ///
    /// # Errors
    /// If the database is out of reach, or somebody else was quicker (`CONFLICT`).
    pub async fn finish(self) -> Result<(), Error> {
        self.commit(None).await
    }

    pub(crate) async fn rollback(mut self) {
        self.undone.drain(..).for_each(|undo| undo());
        if let Some(conn) = self.conn.take() {
            conn.rollback().await;
        }
        self.kept.clear();
    }
}
