//! Kitchen screens that watch through every fault, come back with their token, and write down what they saw (I-17).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use muster_kernel::clock::World;
use muster_kernel::log::Position;
use muster_proto::orders::v1::WatchKitchenRequest;
use muster_proto::orders::v1::watch_kitchen_response::Message;
use prost_types::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::Code;

use super::board::Board;
use super::books::Happened;
use super::site::Site;
use crate::client::Caller;
use crate::stories;

/// A screen that has heard nothing for three heartbeats opens its stream anew, as ours do.
const SILENCE: Duration = Duration::from_secs(6);
const AGAIN: Duration = Duration::from_millis(200);

/// What a screen saw.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// A stream was opened, from this place or from none.
    Opened(Option<Position>),
    /// Everything, as of this place; the server's time of it.
    Snapshot(Position, DateTime<Utc>),
    /// A numbered change.
    Change(Change),
    /// Nothing happened up to here.
    Beat(Position),
    /// The stream ended, or nothing came for too long.
    Broke(Option<Code>),
}

/// A change as it was shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Counts the changes of the stream.
    pub number: i64,
    /// Its place in the log.
    pub position: Position,
    /// The order concerned; empty where it is none.
    pub order: String,
    /// The version of the order that its tickets show. None where no ticket of it is open.
    pub version: Option<i64>,
}

/// What a screen wrote down.
#[derive(Debug, Clone, Default)]
pub struct Diary {
    /// In order.
    pub seen: Vec<Seen>,
    /// What it shows now.
    pub board: Board,
    /// From each break to the first message afterwards.
    pub breaks: Vec<Duration>,
    /// From each event to this screen.
    pub lags: Vec<Duration>,
    token: String,
}

impl Diary {
    /// The diary of a stream that was opened from no place.
    pub fn opened() -> Self {
        Self {
            seen: vec![Seen::Opened(None)],
            ..Self::default()
        }
    }

    /// The place up to which it has seen everything.
    pub fn position(&self) -> Position {
        read_token(&self.token)
    }
}

/// A screen.
pub struct Watcher {
    diary: Arc<Mutex<Diary>>,
    task: JoinHandle<()>,
}

impl Watcher {
    /// A screen of the demo's kitchen, by the wires of the site.
    pub fn open(site: &Site, token: &str) -> Self {
        let diary = Arc::new(Mutex::new(Diary::default()));
        let caller = Caller {
            channel: site.channel(),
            token: token.to_owned(),
        };
        let task = tokio::spawn(watch(caller, site.town.demo.location_id.clone(), Arc::clone(&diary)));
        Self { diary, task }
    }

    /// Forgets how long events took so far.
    pub fn forget_lags(&self) {
        self.diary.lock().unwrap_or_else(PoisonError::into_inner).lags.clear();
    }

    /// What it wrote so far.
    pub fn diary(&self) -> Diary {
        self.diary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(caller: Caller, location_id: String, diary: Arc<Mutex<Diary>>) {
    let write = |work: &mut dyn FnMut(&mut Diary)| work(&mut diary.lock().unwrap_or_else(PoisonError::into_inner));
    let mut broken: Option<Instant> = None;
    loop {
        let mut token = String::new();
        write(&mut |diary| token.clone_from(&diary.token));
        let from = (!token.is_empty()).then(|| read_token(&token));
        let request = WatchKitchenRequest {
            location_id: location_id.clone(),
            resume_token: token,
            ..WatchKitchenRequest::default()
        };
        let code = match timeout(SILENCE, stories::watch(&caller, request)).await {
            Err(_) => None,
            Ok(Err(status)) => Some(status.code()),
            Ok(Ok(mut stream)) => {
                write(&mut |diary| diary.seen.push(Seen::Opened(from)));
                loop {
                    match timeout(SILENCE, stream.next()).await {
                        Ok(Some(Ok(response))) => {
                            let Some(message) = response.message else { continue };
                            let after = broken.take().map(|since| since.elapsed());
                            let mut message = Some(message);
                            write(&mut |diary| {
                                diary.breaks.extend(after);
                                message.take().into_iter().for_each(|message| note(diary, message));
                            });
                        }
                        Ok(Some(Err(status))) => break Some(status.code()),
                        Ok(None) => break Some(Code::Ok),
                        Err(_) => break None,
                    }
                }
            }
        };
        broken.get_or_insert_with(Instant::now);
        write(&mut |diary| diary.seen.push(Seen::Broke(code)));
        sleep(AGAIN).await;
    }
}

/// Takes a message in.
pub fn note(diary: &mut Diary, message: Message) {
    let (seen, token) = match message {
        Message::Snapshot(snapshot) => {
            let token = snapshot.resume_token.clone();
            let seen = Seen::Snapshot(read_token(&token), moment(snapshot.now));
            diary.board = Board::from_snapshot(snapshot);
            (seen, token)
        }
        Message::Change(change) => {
            let token = change.resume_token.clone();
            let seen = Seen::Change(Change {
                number: change.number,
                position: read_token(&token),
                order: change.order_id.clone(),
                version: change.tickets.iter().map(|ticket| ticket.order_version).max(),
            });
            diary
                .lags
                .extend((World::system().now() - moment(change.at)).to_std().ok());
            diary.board.apply(change);
            (seen, token)
        }
        Message::Heartbeat(beat) => (Seen::Beat(read_token(&beat.resume_token)), beat.resume_token),
    };
    diary.seen.push(seen);
    diary.token = token;
}

fn read_token(token: &str) -> Position {
    let (position, _) = token.split_once('-').unwrap_or((token, ""));
    position.parse().expect("a token begins with a place in the log")
}

fn moment(time: Option<Timestamp>) -> DateTime<Utc> {
    let time = time.unwrap_or_default();
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap_or_default()).unwrap_or_default()
}

/// I-17 over one diary: numbers without a gap, places that only grow, and every event shown once: as a change, or inside a
/// snapshot. What is wrong, in words.
pub fn faults(seen: &[Seen], happened: &[Happened]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut number, mut last) = (0, Position::default());
    let mut shown: BTreeMap<Position, &Change> = BTreeMap::new();
    for each in seen {
        match each {
            Seen::Opened(_) => number = 0,
            Seen::Snapshot(position, _) => {
                if *position < last {
                    wrong.push(format!("a snapshot of {position} after {last} had been seen"));
                }
                (number, last) = (0, last.max(*position));
            }
            Seen::Change(change) => {
                let Change {
                    number: next, position, ..
                } = change;
                if *next != number + 1 {
                    wrong.push(format!("change {next} after change {number}"));
                }
                if *position <= last {
                    wrong.push(format!("the change at {position} came when {last} had been seen"));
                }
                shown.insert(*position, change);
                (number, last) = (*next, last.max(*position));
            }
            Seen::Beat(position) => last = last.max(*position),
            Seen::Broke(_) => {}
        }
    }
    wrong.extend(missing(seen, happened, &shown, last));
    wrong
}

fn missing(seen: &[Seen], happened: &[Happened], shown: &BTreeMap<Position, &Change>, last: Position) -> Vec<String> {
    let snapshots: Vec<_> = seen
        .iter()
        .filter_map(|each| match each {
            Seen::Snapshot(position, at) => Some((*position, *at)),
            _ => None,
        })
        .collect();
    // A snapshot holds everything up to its place, and may hold what was committed while it was made.
    let held = |event: &Happened| {
        snapshots
            .iter()
            .any(|(position, at)| event.position <= *position || event.at <= *at)
    };
    let mut of_order: BTreeMap<&str, Vec<&Change>> = BTreeMap::new();
    shown
        .values()
        .for_each(|change| of_order.entry(&change.order).or_default().push(change));
    // An order that comes back to the board is read as it is by then, with what comes next in the log.
    let ahead = |event: &Happened| {
        let changes = of_order.get(event.order.as_str()).into_iter().flatten();
        changes
            .filter(|change| change.position < event.position)
            .any(|change| change.version.is_none_or(|version| version >= event.version))
    };
    happened
        .iter()
        .filter(|event| event.position <= last && !shown.contains_key(&event.position) && !held(event) && !ahead(event))
        .map(|event| {
            format!(
                "version {} of order {} at {} was never shown",
                event.version, event.order, event.position
            )
        })
        .collect()
}

/// The kitchen as a screen sees it that is opened now, by no wire of the lab.
pub async fn fresh(site: &Site, token: &str) -> Option<Board> {
    let caller = Caller {
        channel: site.plain_channel(),
        token: token.to_owned(),
    };
    let request = WatchKitchenRequest {
        location_id: site.town.demo.location_id.clone(),
        ..WatchKitchenRequest::default()
    };
    let mut stream = timeout(SILENCE, stories::watch(&caller, request)).await.ok()?.ok()?;
    loop {
        let message = timeout(SILENCE, stream.next()).await.ok()??.ok()?.message;
        if let Some(Message::Snapshot(snapshot)) = message {
            return Some(Board::from_snapshot(snapshot));
        }
    }
}
