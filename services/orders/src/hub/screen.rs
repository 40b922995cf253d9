//! One screen's stream: a snapshot or what was missed, numbered changes, a heartbeat.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use muster_kernel::Error;
use muster_kernel::time::to_proto;
use muster_proto::orders::v1::watch_kitchen_response::Message as Sent;
use muster_proto::orders::v1::{KitchenHeartbeat, KitchenSnapshot, WatchKitchenResponse};
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use super::token::Watched;
use super::{First, Hub, Joined, Key, Progress, Seat, Told};
use crate::domain::board::watched_by;
use crate::store::location::Location;

/// Heartbeats come this often.
const BEAT: Duration = Duration::from_secs(2);

/// What a screen sees.
pub struct Seen {
    /// Whose.
    pub key: Key,
    /// The location, as it was when the screen was opened.
    pub location: Location,
    /// The stations; none stands for all.
    pub station_ids: HashSet<String>,
}

/// A screen that watches.
pub struct Screen {
    seat: Seat,
    seen: Seen,
    watched: Watched,
    /// None while the board cannot be had: then only heartbeats come, and their `as_of` lags.
    joined: Option<Joined>,
    /// The stream goes on from elsewhere: it has not had a snapshot of this board.
    resumed: bool,
    at: Progress,
    number: i64,
    pending: VecDeque<Sent>,
    beat: Interval,
}

impl Screen {
    /// Opens a screen, after what a token says was seen last.
    ///
    /// # Errors
    /// `TOO_MANY_WATCHERS`, or `KITCHEN_UNAVAILABLE`.
    pub async fn open(hub: &Arc<Hub>, seen: Seen, resume_token: &str) -> Result<Self, Error> {
        let seat = hub.take_seat()?;
        let watched = Watched::new(seen.key.1, &seen.station_ids);
        let joined = hub
            .join(seen.key, &seen.station_ids, watched.read(resume_token))
            .await?;
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        beat.reset();
        let (at, pending) = (joined.at, VecDeque::new());
        let mut screen = Self {
            seat,
            seen,
            watched,
            joined: None,
            resumed: false,
            at,
            number: 0,
            pending,
            beat,
        };
        screen.take(joined);
        Ok(screen)
    }

    /// The stream.
    pub fn stream(self) -> impl Stream<Item = Result<WatchKitchenResponse, Status>> + Send {
        futures::stream::unfold(self, |mut screen| async move {
            let message = screen.next().await;
            Some((Ok(WatchKitchenResponse { message: Some(message) }), screen))
        })
    }

    async fn next(&mut self) -> Sent {
        loop {
            if let Some(message) = self.pending.pop_front() {
                return message;
            }
            let Some(joined) = &mut self.joined else {
                match self.seat.0.join(self.seen.key, &self.seen.station_ids, None).await {
                    Ok(joined) => self.take(joined),
                    Err(_) => {
                        self.beat.tick().await;
                        return self.heartbeat();
                    }
                }
                continue;
            };
            tokio::select! {
                biased;
                told = joined.changes.recv() => match told {
                    Ok(told) if told.known && !self.resumed => self.at.position = self.at.position.max(told.position),
                    Ok(told) => return self.change(&told),
                    // Too far behind, or the board is gone: a fresh snapshot.
                    Err(_) => self.joined = None,
                },
                _ = self.beat.tick() => {
                    let now = *joined.progress.borrow();
                    // Only when nothing told before that is still on its way.
                    if joined.changes.is_empty() {
                        self.at.as_of = self.at.as_of.max(now.as_of);
                        self.at.position = self.at.position.max(now.position);
                    }
                    return self.heartbeat();
                }
            }
        }
    }

    fn take(&mut self, mut joined: Joined) {
        let first = std::mem::replace(&mut joined.first, First::Missed(Vec::new()));
        match first {
            First::Snapshot {
                stations,
                tickets,
                stock,
            } => {
                (self.number, self.resumed) = (0, false);
                self.at = joined.at;
                let snapshot = KitchenSnapshot {
                    location_id: self.seen.key.1.to_string(),
                    location_name: self.seen.location.name.clone(),
                    time_zone: self.seen.location.zone.clone(),
                    stations,
                    tickets,
                    stock,
                    now: Some(self.now()),
                    as_of: Some(to_proto(self.at.as_of)),
                    resume_token: self.watched.token(self.at.position),
                };
                self.pending.push_back(Sent::Snapshot(snapshot));
            }
            First::Missed(missed) => {
                self.resumed = true;
                for told in missed {
                    let change = self.change(&told);
                    self.pending.push_back(change);
                }
                self.at = joined.at;
            }
        }
        self.joined = Some(joined);
    }

    fn change(&mut self, told: &Told) -> Sent {
        self.number += 1;
        self.at.position = self.at.position.max(told.position);
        let mut change = watched_by(&told.change, &self.seen.station_ids);
        change.number = self.number;
        change.resume_token = self.watched.token(told.position);
        Sent::Change(change)
    }

    fn heartbeat(&self) -> Sent {
        Sent::Heartbeat(KitchenHeartbeat {
            now: Some(self.now()),
            as_of: Some(to_proto(self.at.as_of)),
            resume_token: self.watched.token(self.at.position),
        })
    }

    fn now(&self) -> prost_types::Timestamp {
        to_proto(self.seat.0.world.now())
    }
}
