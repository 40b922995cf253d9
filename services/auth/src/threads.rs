//! The threads that hash: a few, of their own, and polite. A hash takes a core for tens of milliseconds; whoever waits for
//! an order's answer must not wait for that (RELIABILITY A-14). Each keeps to itself what it allocates, so that many sign-ins
//! do not leave 19 MiB behind on each of many threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use muster_kernel::Error;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_schedule_policy,
};
use thread_priority::{ThreadPriority, thread_native_id};
use tokio::sync::oneshot;

/// How far they stand back: the system gives them what nobody else wants, and a tenth where somebody does.
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// How far a thread stands back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It gives way, and has its share where both processors are busy.
    Polite,
    /// It has what nobody else wants, and whoever comes gets its processor at once. A polite thread keeps it for a slice of the
    /// system's, up to four milliseconds, several times on an order's way.
    Humble,
}

/// Threads that work for whoever has a slot: for each slot one of either manner, since a humble one may not become polite
/// again. They end when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Threads {
    polite: Sender<Job>,
    humble: Sender<Job>,
}

impl Threads {
    /// Starts them for so many slots.
    ///
    /// # Errors
    /// `INTERNAL` if the system has no more threads.
    pub(crate) fn start(count: usize) -> Result<Self, Error> {
        Ok(Self {
            polite: start(count, Manner::Polite)?,
            humble: start(count, Manner::Humble)?,
        })
    }

    /// Has this done in that manner, and waits for it.
    ///
    /// # Errors
    /// `INTERNAL` if it panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        manner: Manner,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move || _ = tell.send(job()));
        let threads = match manner {
            Manner::Polite => &self.polite,
            Manner::Humble => &self.humble,
        };
        threads
            .send(job)
            .map_err(|_| Error::internal("the threads that hash are gone"))?;
        told.await.map_err(|_| Error::internal("a hash panicked"))
    }
}

fn start(count: usize, manner: Manner) -> Result<Sender<Job>, Error> {
    let (jobs, waiting) = channel();
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..count {
        let waiting = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("muster-hash".to_owned());
        thread.spawn(move || work(manner, &waiting)).map_err(Error::internal)?;
    }
    Ok(jobs)
}

fn work(manner: Manner, waiting: &Mutex<Receiver<Job>>) {
    stand_back(manner);
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Whoever waits for it is told by what is dropped.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

/// Of this thread alone, as Linux has it. Where that is refused, hashing is as loud as everything else.
fn stand_back(manner: Manner) {
    if manner == Manner::Humble {
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let outcome = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
        // It asks for the usual niceness too, which a process that was started politely may not have.
        let is_idle = thread_schedule_policy().is_ok_and(|policy| policy == idle);
        if let (Err(cause), false) = (outcome, is_idle) {
            tracing::warn!(%cause, "passwords of many are hashed as those of few are");
        }
    }
    if let Err(cause) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%cause, "passwords are hashed with full priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The niceness of the thread that asks, as the system has it.
    fn niceness() -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let rest = stat.rsplit(')').next().unwrap();
        rest.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn they_stand_back_and_nobody_else_does() {
        let threads = Threads::start(2).unwrap();
        let before = niceness();
        for (manner, policy) in [
            (Manner::Polite, NormalThreadSchedulePolicy::Other),
            (Manner::Humble, NormalThreadSchedulePolicy::Idle),
        ] {
            let seen = threads.run(manner, || (niceness(), thread_schedule_policy().unwrap()));
            assert_eq!(seen.await.unwrap(), (NICE, ThreadSchedulePolicy::Normal(policy)));
        }
        assert_eq!(niceness(), before);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let threads = Threads::start(1).unwrap();
        let failed = threads.run(Manner::Polite, || -> u8 { panic!("planted") }).await;
        assert_eq!(failed.unwrap_err().reason, "INTERNAL");
        assert_eq!(threads.run(Manner::Polite, || 7).await.unwrap(), 7);
    }
}
