//! The door of a service: what every handler has in common.
//!
//! A handler gets a checked message and a unit of work, and answers or fails. The door checks the fields, finds an
//! earlier answer to the same key, retries where two writers collided, rolls back a dry run, commits, and rings.

mod attempt;
mod outage;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use muster_proto::{Mutation, Validate};
use prost::Message;
use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Response, Status};

use self::attempt::Attempt;
use self::outage::{Asking, IS_THERE, Outage};
use crate::clock::World;
use crate::db::Db;
use crate::error::Error;
use crate::idempotency::{Idempotency, Record};

use crate::identity::{Caller, Trust};
use crate::log::Doorbell;
use crate::seal::MasterKey;
use crate::uow::UnitOfWork;

/// A collision is tried again so often.
const MOST_TRIES: u32 = 6;
/// A lost connection is replaced so often: nothing was committed on it, or the request's key tells.
const MOST_RECONNECTS: u32 = 2;

/// The header with the request's id.
pub const REQUEST_ID: &str = "x-request-id";

/// What handlers of one service share. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    db: Db,
    world: World,
    bell: Doorbell,
    trust: Trust,
    idempotency: Idempotency,
    /// Apart from each other: a standby answers reads and refuses changes.
    reads: Outage,
    changes: Outage,
    draining: tokio_util::sync::CancellationToken,
}

/// Method and id of a request, put there by the service's own lock.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Path of the method.
    pub method: &'static str,
    /// The request's id.
    pub request_id: Arc<str>,
}

impl Door {
    /// The door of a service with this database.
    pub fn new(
        db: Db,
        world: World,
        bell: Doorbell,
        trust: Trust,
        master: Arc<MasterKey>,
        draining: tokio_util::sync::CancellationToken,
    ) -> Self {
        let idempotency = Idempotency::new(master, world.clone());
        let is_server = db.is_postgres();
        Self {
            db,
            world,
            bell,
            trust,
            idempotency,
            reads: Outage::none("reads", is_server),
            changes: Outage::none("changes", is_server),
            draining,
        }
    }

    /// The service's database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Clock and chance.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The bell of the service's log.
    pub fn bell(&self) -> &Doorbell {
        &self.bell
    }

    /// Takes in a request: who calls, and the checked message.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the fields that are wrong.
    pub fn open<M: Validate>(&self, request: Request<M>) -> Result<(Caller, M), Status> {
        let caller = caller_of(&request)?;
        let message = request.into_inner();
        message.validate().map_err(Error::from)?;
        Ok((caller, message))
    }

    /// Answers a request that only reads.
    ///
    /// # Errors
    /// What the handler answers.
    pub async fn read<S, M, R, F>(&self, service: &S, request: Request<M>, handler: F) -> Result<Response<R>, Status>
    where
        M: Validate,
        F: for<'a> Fn(&'a S, &'a mut UnitOfWork, &'a M) -> BoxFuture<'a, Result<R, Error>>,
    {
        let request_id = request_id_of(&request);
        let (caller, message) = self.open(request)?;
        let asking = self.begin(&self.reads)?;
        let mut tries = 0;
        loop {
            let (world, caller) = (self.world.clone(), caller.clone());
            let mut unit = UnitOfWork::new(self.db.clone(), world, caller, request_id.clone(), false);
            let outcome = handler(service, &mut unit, &message).await;
            unit.rollback().await;
            match outcome {
                Err(error) if worth_another_try(&error, tries, true) => {
                    tries += 1;
                    self.pause(&error, tries).await;
                }
                outcome => {
                    asking.ended(&outcome, Instant::now());
                    return Ok(Response::new(outcome?));
                }
            }
        }
    }

    /// Answers a request that changes something, once per idempotency key.
    ///
    /// # Errors
    /// What the handler answers; the same answer to the same key.
    pub async fn mutate<S, M, R, F>(&self, service: &S, request: Request<M>, handler: F) -> Result<Response<R>, Status>
    where
        M: Validate + Mutation + Message,
        R: Message + Default,
        F: for<'a> Fn(&'a S, &'a mut UnitOfWork, &'a M) -> BoxFuture<'a, Result<R, Error>>,
    {
        let request_id = request_id_of(&request);
        let method = request.extensions().get::<Visit>().map_or("", |visit| visit.method);
        let metadata = request.metadata().clone();
        let (caller, message) = self.open(request)?;
        let dry_run = message.validate_only();
        let asking = self.begin(&self.changes)?;
        let mut tries = 0;
        loop {
            let records = self.idempotency.of_request(&metadata, &caller, method, &message)?;
            let records = if dry_run { None } else { records };
            let once = records.is_some() || dry_run;
            let attempt = Attempt {
                door: self,
                caller: &caller,
                request_id: &request_id,
                records,
                dry_run,
                alone: tries > 0,
            };
            match attempt.run(service, &message, &handler).await {
                Err(error) if worth_another_try(&error, tries, once) => {
                    tries += 1;
                    self.pause(&error, tries).await;
                }
                outcome => {
                    asking.ended(&outcome, Instant::now());
                    return answer(outcome?);
                }
            }
        }
    }

    /// A stream that ends when the caller's session does, or when the process is about to stop.
    pub fn stream<T: Send + 'static>(
        &self,
        caller: &Caller,
        items: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> BoxStream<'static, Result<T, Status>> {
        let (trust, caller, draining) = (self.trust.clone(), caller.clone(), self.draining.clone());
        let end = async move {
            let mut changes = trust.changes();
            let revoked = async {
                while !trust.is_revoked(&caller) {
                    if changes.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                () = revoked => Error::unauthenticated("SESSION_ENDED", "your session was ended; sign in again"),
                () = draining.cancelled() => Error::unavailable("DRAINING", "this server is about to stop; open the stream again"),
            }
        };
        let last = futures::stream::once(async move { Err(end.await.to_status()) });
        let items = items.map(Some).chain(futures::stream::once(async { None }));
        // Whichever comes first ends the stream: its own end, or the last word.
        let both = futures::stream::select(items, last.map(Some));
        both.scan(false, |ended, item: Option<Result<T, Status>>| {
            let stop = *ended;
            *ended = item.as_ref().is_none_or(Result::is_err);
            std::future::ready(if stop { None } else { item })
        })
        .boxed()
    }

    /// A call begins. Where many wait and nobody is answered, somebody else asks whether the database is there.
    fn begin(&self, outage: &Outage) -> Result<Asking, Error> {
        let asking = outage.begin(Instant::now())?;
        if asking.in_doubt {
            let (db, outage) = (self.db.clone(), outage.clone());
            tokio::spawn(async move {
                let answer = timeout(IS_THERE, db.is_there()).await;
                outage.asked(answer.is_ok_and(|answer| answer.is_ok()), Instant::now());
            });
        }
        Ok(asking)
    }

    /// Longer where a connection was lost: whoever ends one ends all of them, and is not done at once.
    async fn pause(&self, error: &Error, tries: u32) {
        let [jitter] = self.world.random::<1>();
        let unit = if error.reason == "CONFLICT" { 1 } else { 20 };
        let wait = unit * 2_u64.saturating_pow(tries) + u64::from(jitter) % 8;
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// Whether the same request may go well when it is run again. `once`: it takes effect once, however often it is run.
fn worth_another_try(error: &Error, tries: u32, once: bool) -> bool {
    match error.reason {
        "CONFLICT" => tries < MOST_TRIES,
        "CONNECTION_LOST" => tries < MOST_RECONNECTS,
        "OUTCOME_UNKNOWN" => tries < MOST_RECONNECTS && once,
        _ => false,
    }
}

fn answer<R: Message + Default>(record: Record) -> Result<Response<R>, Status> {
    if record.code == 0 {
        return R::decode(record.body.as_slice())
            .map(Response::new)
            .map_err(|cause| Error::internal(cause).into());
    }
    Err(Status::with_details(
        Code::from(record.code),
        record.message,
        record.body.into(),
    ))
}

fn caller_of<M>(request: &Request<M>) -> Result<Caller, Status> {
    // The service's own lock put it there; without it nothing is answered.
    let missing = || Error::internal("a handler was reached without passing the lock").into();
    request.extensions().get::<Caller>().cloned().ok_or_else(missing)
}

fn request_id_of<M>(request: &Request<M>) -> String {
    request
        .extensions()
        .get::<Visit>()
        .map_or_else(String::new, |visit| visit.request_id.to_string())
}
