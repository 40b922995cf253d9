//! The trust stream: a snapshot, then each change of keys and each revocation as it is committed, and a heartbeat.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_kernel::identity::{Revocation as Void, Trust};
use muster_kernel::log::Follower;
use muster_proto::auth::v1::revocation::Subject;
use muster_proto::auth::v1::trust_change::Change;
use muster_proto::auth::v1::watch_trust_response::Message;
use muster_proto::auth::v1::{
    AccessRevoked, Revocation, SigningKey, TrustChange, TrustHeartbeat, TrustSnapshot, WatchTrustResponse,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::api::Auth;
use crate::domain::time::{moment, stamp};
use crate::events::Event;
use crate::store::revocation;
use crate::work::revoking::REMEMBERED;

/// The stream is never silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(2);

struct Feed {
    auth: Arc<Auth>,
    follower: Follower,
    keys: watch::Receiver<Vec<SigningKey>>,
    known: Vec<SigningKey>,
    waiting: VecDeque<Message>,
    sequence: i64,
    beat: Instant,
}

/// The stream for one reader. It ends with its first error; the reader connects again and gets a new snapshot.
///
/// # Errors
/// If the database is out of reach.
pub async fn watch_trust(auth: Arc<Auth>) -> Result<BoxStream<'static, Result<WatchTrustResponse, Error>>, Error> {
    let deps = &auth.deps;
    let keys = auth.keys.published();
    // First the place in the log, then the snapshot: what is committed in between comes twice, which does no harm.
    let follower = Follower::from_end(deps.db.clone(), deps.world.clone(), &deps.bell).await?;
    let now = deps.world.now();
    let mut conn = deps.db.read(Reach::System).await?;
    let revocations = revocation::since(&mut conn, now - REMEMBERED).await;
    conn.rollback().await;
    let known = keys.borrow().clone();
    let snapshot = TrustSnapshot {
        keys: known.clone(),
        revocations: revocations?,
        now: Some(stamp(now)),
    };
    let waiting = VecDeque::from([Message::Snapshot(snapshot)]);
    let feed = Feed {
        auth,
        follower,
        keys,
        known,
        waiting,
        sequence: 0,
        beat: Instant::now() + HEARTBEAT,
    };
    let stream = futures::stream::unfold(Some(feed), |feed| async move {
        let mut feed = feed?;
        match feed.next().await {
            Ok(message) => Some((Ok(message), Some(feed))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(stream.boxed())
}

impl Feed {
    async fn next(&mut self) -> Result<WatchTrustResponse, Error> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                self.sequence += 1;
                self.beat = Instant::now() + HEARTBEAT;
                return Ok(WatchTrustResponse {
                    sequence: self.sequence,
                    message: Some(message),
                });
            }
            tokio::select! {
                batch = self.follower.next() => {
                    for event in batch?.events.iter().filter(|event| event.kind == AccessRevoked::KIND) {
                        let revoked: AccessRevoked = event.decode()?;
                        self.waiting.extend(revoked.revocation.map(|revocation| change(Change::Revocation(revocation))));
                    }
                }
                changed = self.keys.changed() => {
                    changed.map_err(Error::internal)?;
                    self.compare_keys();
                }
                () = sleep_until(self.beat) => {
                    let now = self.auth.deps.world.now();
                    self.waiting.push_back(Message::Heartbeat(TrustHeartbeat { now: Some(stamp(now)) }));
                }
            }
        }
    }

    fn compare_keys(&mut self) {
        let now = self.keys.borrow_and_update().clone();
        let added = now.iter().filter(|key| !self.known.contains(key)).cloned();
        self.waiting.extend(added.map(|key| change(Change::KeyAdded(key))));
        let gone = self
            .known
            .iter()
            .filter(|old| !now.iter().any(|key| key.kid == old.kid));
        self.waiting
            .extend(gone.map(|key| change(Change::KeyRetired(key.kid.clone()))));
        self.known = now;
    }
}

fn change(change: Change) -> Message {
    Message::Change(TrustChange { change: Some(change) })
}

/// Keeps what this process itself trusts up to date, from the same stream as everybody else.
pub async fn follow(auth: Arc<Auth>) {
    let stop = auth.deps.stop.clone();
    while !stop.is_cancelled() {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = apply_all(&auth) => outcome,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "revocations are not followed; trying again");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn apply_all(auth: &Arc<Auth>) -> Result<(), Error> {
    let mut feed = watch_trust(Arc::clone(auth)).await?;
    while let Some(message) = feed.next().await {
        match message?.message {
            Some(Message::Snapshot(snapshot)) => {
                snapshot
                    .revocations
                    .iter()
                    .for_each(|revocation| apply(&auth.deps.trust, revocation));
            }
            Some(Message::Change(TrustChange {
                change: Some(Change::Revocation(revocation)),
            })) => {
                apply(&auth.deps.trust, &revocation);
            }
            // The key ring tells this process of keys.
            _ => {}
        }
    }
    Ok(())
}

/// Applies all revocations that count now to what this process trusts, without waiting for the stream.
///
/// # Errors
/// If the database is out of reach.
pub async fn apply_now(auth: &Auth) -> Result<(), Error> {
    let mut conn = auth.deps.db.read(Reach::System).await?;
    let revocations = revocation::since(&mut conn, auth.deps.world.now() - REMEMBERED).await;
    conn.rollback().await;
    revocations?
        .iter()
        .for_each(|revocation| apply(&auth.deps.trust, revocation));
    Ok(())
}

fn apply(trust: &Trust, revocation: &Revocation) {
    let (Some(Subject::SessionId(id)) | Some(Subject::PrincipalId(id))) = &revocation.subject else {
        return;
    };
    if let Ok(id) = Uuid::parse_str(id) {
        trust.revoke(Void {
            id,
            not_before: moment(revocation.not_before.as_ref()),
        });
    }
}
