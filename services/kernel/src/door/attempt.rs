//! One run of a mutating handler: look back, run, commit, remember.

use futures::future::BoxFuture;
use prost::Message;
use tonic::Code;

use super::Door;
use crate::db::closing::overtaken;
use crate::error::Error;
use crate::idempotency::{Record, Records};
use crate::identity::Caller;
use crate::log::Left;
use crate::uow::UnitOfWork;

/// A request on its way through a handler, with the record that its key would have.
pub(super) struct Attempt<'d> {
    pub(super) door: &'d Door,
    pub(super) caller: &'d Caller,
    pub(super) request_id: &'d str,
    pub(super) records: Option<Records>,
    pub(super) dry_run: bool,
    /// It collided with another before: it gets a transaction of its own, and can hold on to what it reads.
    pub(super) alone: bool,
}

impl Attempt<'_> {
    /// Runs the handler and makes what it did lasting; or answers what was answered before.
    pub(super) async fn run<S, M, R, F>(self, service: &S, message: &M, handler: &F) -> Result<Record, Error>
    where
        R: Message,
        F: for<'a> Fn(&'a S, &'a mut UnitOfWork, &'a M) -> BoxFuture<'a, Result<R, Error>>,
    {
        let door = self.door;
        let mut unit = UnitOfWork::new(
            door.db.clone(),
            door.world.clone(),
            self.caller.clone(),
            self.request_id.to_owned(),
            true,
        );
        if let Some(records) = &self.records {
            unit.remember_in(records.clone());
        }
        if self.dry_run {
            unit.rehearse();
        } else if !self.alone {
            unit.share();
        }
        let outcome = handler(service, &mut unit, message).await;
        if let Some(record) = unit.take_replay() {
            return Ok(record);
        }
        match outcome {
            Ok(response) => {
                let record = Record {
                    code: 0,
                    body: response.encode_to_vec(),
                    message: String::new(),
                };
                if self.dry_run {
                    unit.rollback().await;
                    return Ok(record);
                }
                let rings = unit.has_events();
                match unit.commit(self.records.is_some().then_some(&record)).await {
                    Ok(()) if rings => door.bell.ring(),
                    Ok(()) => {}
                    Err(error) if error.reason == "OUTCOME_UNKNOWN" => return self.outcome_of(error).await,
                    Err(error) if error.reason == "REPLAY" => return self.answered_meanwhile(overtaken().into()).await,
                    Err(error) => return self.refused(error).await,
                }
                Ok(record)
            }
            Err(error) => {
                unit.rollback().await;
                self.refused(error).await
            }
        }
    }

    /// What is refused by the handler, or by the database at its end.
    async fn refused(&self, error: Error) -> Result<Record, Error> {
        match &self.records {
            Some(records) if error.is_verdict() => self.remember_refusal(records, error).await,
            Some(_) if is_refusal(&error) => self.answered_meanwhile(error).await,
            _ => Err(error),
        }
    }

    /// Where the connection broke while committing, the record tells whether it happened.
    async fn outcome_of(&self, error: Error) -> Result<Record, Error> {
        let answered = self.answered_meanwhile(error).await;
        self.door.bell.ring();
        answered
    }

    /// What is refused now may have been done by the same request a moment ago, and that is why.
    async fn answered_meanwhile(&self, error: Error) -> Result<Record, Error> {
        let Some(records) = &self.records else {
            return Err(error);
        };
        let mut conn = self.door.db.read(records.reach()).await?;
        let found = records.find(&mut conn).await;
        conn.rollback().await;
        found?.ok_or(error)
    }

    /// A refusal is kept like an answer, in a transaction of its own since its work was undone. An answer that was given
    /// before stands: the handler may have refused ahead of its transaction, where nobody looked for one.
    async fn remember_refusal(&self, records: &Records, error: Error) -> Result<Record, Error> {
        if error.reason == "IDEMPOTENCY_MISMATCH" {
            return Err(error);
        }
        let status = error.to_status();
        let record = Record {
            code: i32::from(status.code()),
            body: status.details().to_vec(),
            message: status.message().to_owned(),
        };
        let row = records.row(&record)?;
        let (mut conn, found) = records.begin(&self.door.db, records.reach()).await?;
        if let Some(found) = found {
            conn.rollback().await;
            return Ok(found);
        }
        match Left::alone(&row, self.door.world.now()).write(&mut conn).await {
            Ok(()) => conn.commit().await?,
            Err(fault) => {
                conn.rollback().await;
                return Err(fault.into());
            }
        }
        Ok(record)
    }
}

/// An answer about who asks or about this moment. It is not kept: the same request may go well later.
fn is_refusal(error: &Error) -> bool {
    let about_the_moment = matches!(error.code, Code::Internal | Code::Unavailable | Code::DeadlineExceeded);
    !about_the_moment && error.reason != "CONFLICT"
}
