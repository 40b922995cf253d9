//! What clients asked and what they were told: the only witness beside the databases.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use muster_kernel::seal::digest;
use tonic::Code;
use uuid::Uuid;

use super::acts::Kind;
use crate::raw::Raw;

/// One thing that a client wanted, however often it had to ask.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its place in the schedule.
    pub number: u32,
    /// What.
    pub kind: Kind,
    /// Which client.
    pub client: usize,
    /// The idempotency key: the same for every try.
    pub key: String,
    /// The encoded message: the same for every try.
    pub body: Vec<u8>,
    /// The order concerned.
    pub order: Option<Uuid>,
    /// The line that it adds.
    pub item: Option<Uuid>,
    /// When the schedule wanted it sent, since the beginning. Latency counts from here.
    pub due: Duration,
    /// How often it was asked, and what came back.
    pub tries: Vec<Try>,
}

/// One request on the wire.
#[derive(Debug, Clone)]
pub struct Try {
    /// Its id, under which the service writes what it did.
    pub request: String,
    /// Since the beginning.
    pub sent: Duration,
    /// Since the beginning.
    pub done: Duration,
    /// What came back. Nothing for an answer that did not come in time.
    pub answer: Option<Told>,
}

/// What a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The status.
    pub code: Code,
    /// The stable reason of a refusal.
    pub reason: String,
    /// The message of a refusal.
    pub message: String,
    /// Whether a refusal says when to come again.
    pub says_when: bool,
    /// A digest of the answer or of the refusal's details.
    pub digest: [u8; 32],
}

impl Told {
    /// What of an answer is kept.
    pub fn of(raw: &Raw) -> Self {
        Self {
            code: raw.code,
            reason: raw.reason(),
            message: raw.message.clone(),
            says_when: super::probe::says_when(raw),
            digest: digest(&[raw.body.as_slice(), raw.details.as_slice()].concat()),
        }
    }

    /// Whether asking again may answer otherwise: after a pause, or after signing in. Everything else is final.
    pub fn is_passing(&self) -> bool {
        !matches!(
            self.code,
            Code::Ok
                | Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
        )
    }
}

impl Call {
    /// The client received status 0. Nothing else counts as saved, and nothing else as not saved.
    pub fn is_acknowledged(&self) -> bool {
        self.answers().any(|told| told.code == Code::Ok)
    }

    /// Nobody knows whether it was done: no final answer came. Who was told each time that there was too much to do does
    /// know: nothing was done.
    pub fn is_unknown(&self) -> bool {
        let is_shed = |each: &Try| matches!(&each.answer, Some(told) if told.code == Code::ResourceExhausted);
        let always_shed = !self.tries.is_empty() && self.tries.iter().all(is_shed);
        !always_shed && self.answers().all(Told::is_passing)
    }

    /// The answers that came.
    pub fn answers(&self) -> impl Iterator<Item = &Told> {
        self.tries.iter().filter_map(|each| each.answer.as_ref())
    }

    /// From when it should have been sent to its first status 0.
    pub fn latency(&self) -> Option<Duration> {
        let good = |each: &&Try| each.answer.as_ref().is_some_and(|told| told.code == Code::Ok);
        self.tries
            .iter()
            .find(good)
            .map(|each| each.done.saturating_sub(self.due))
    }
}

/// All calls of a run, in memory and, line by line, in `history.jsonl`.
pub struct History {
    calls: Mutex<BTreeMap<u32, Call>>,
    file: Mutex<BufWriter<std::fs::File>>,
}

impl History {
    /// A new history in this folder; it goes on where one is.
    pub fn in_folder(folder: &Path) -> Self {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("history.jsonl"))
            .expect("a history can be written");
        Self {
            calls: Mutex::default(),
            file: Mutex::new(BufWriter::new(file)),
        }
    }

    /// A call is about to be made.
    pub fn begin(&self, call: Call) {
        self.write(&serde_json::json!({
            "call": call.number, "kind": call.kind.name(), "key": call.key, "client": call.client,
            "due_us": micros(call.due), "order": call.order, "item": call.item,
        }));
        self.lock().insert(call.number, call);
    }

    /// It was asked, with this outcome.
    pub fn tried(&self, number: u32, tried: Try) {
        let told = tried.answer.as_ref();
        self.write(&serde_json::json!({
            "call": number, "request": tried.request, "sent_us": micros(tried.sent), "done_us": micros(tried.done),
            "code": told.map(|told| told.code as i32), "reason": told.map(|told| told.reason.as_str()),
            "message": told.map(|told| told.message.as_str()), "acknowledged": told.is_some_and(|told| told.code == Code::Ok),
        }));
        if let Some(call) = self.lock().get_mut(&number) {
            call.tries.push(tried);
        }
    }

    /// All calls so far, in the order of the schedule.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().values().cloned().collect()
    }

    /// Puts everything on the disk. The system would write it half a minute later, a hundred mebibytes after a spike, and every
    /// commit that is measured then would wait for it.
    pub fn flush(&self) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.flush().and_then(|()| file.get_ref().sync_data());
    }

    fn write(&self, line: &serde_json::Value) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{line}").expect("the history can be written");
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
