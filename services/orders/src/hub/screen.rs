//! One screen's stream: a snapshot or what was missed, numbered changes, a heartbeat.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use muster_kernel::Error;
use muster_kernel::time::to_proto;
use muster_proto::orders::v1::{KitchenHeartbeat, KitchenSnapshot};
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use super::token::Watched;
use super::view::Told;
use super::wire::Part;
use super::{First, Hub, Joined, Key, Progress, Seat};
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
    snapshot: Option<Part>,
    missed: VecDeque<Arc<Told>>,
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
        let (at, missed) = (joined.at, VecDeque::new());
        let mut screen = Self {
            seat,
            seen,
            watched,
            joined: None,
            resumed: false,
            at,
            number: 0,
            snapshot: None,
            missed,
            beat,
        };
        screen.take(joined);
        Ok(screen)
    }

    /// The stream.
    pub fn stream(self) -> impl Stream<Item = Result<Part, Status>> + Send {
        // In a box, or it would take its room twice: between two messages, and while the next one is waited for.
        futures::stream::unfold(Box::new(self), |mut screen| async move {
            let part = screen.next().await;
            Some((Ok(part), screen))
        })
    }

    async fn next(&mut self) -> Part {
        loop {
            if let Some(snapshot) = self.snapshot.take() {
                return snapshot;
            }
            if let Some(told) = self.missed.pop_front() {
                return self.change(&told);
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
        match std::mem::replace(&mut joined.first, First::Missed(VecDeque::new())) {
            First::Snapshot(shared) => {
                (self.number, self.resumed) = (0, false);
                self.at = joined.at;
                let own = KitchenSnapshot {
                    location_id: self.seen.key.1.to_string(),
                    location_name: self.seen.location.name.clone(),
                    time_zone: self.seen.location.zone.clone(),
                    now: Some(self.now()),
                    as_of: Some(to_proto(self.at.as_of)),
                    resume_token: self.watched.token(self.at.position),
                    ..KitchenSnapshot::default()
                };
                self.snapshot = Some(Part::snapshot(&own, shared));
            }
            First::Missed(missed) => {
                self.resumed = true;
                self.missed = missed;
                self.at = joined.at;
            }
        }
        self.joined = Some(joined);
    }

    fn change(&mut self, told: &Told) -> Part {
        self.number += 1;
        self.at.position = self.at.position.max(told.position);
        Part::change(self.number, &told.token, told.shared.clone())
    }

    fn heartbeat(&self) -> Part {
        Part::heartbeat(&KitchenHeartbeat {
            now: Some(self.now()),
            as_of: Some(to_proto(self.at.as_of)),
            resume_token: self.watched.token(self.at.position),
        })
    }

    fn now(&self) -> prost_types::Timestamp {
        to_proto(self.seat.0.world.now())
    }
}
