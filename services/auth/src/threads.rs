//! The threads that hash: a few, of their own, and polite. A hash takes a core for tens of milliseconds; whoever waits for
//! an order's answer must not wait for that (RELIABILITY A-14). Each keeps to itself what it allocates, so that many sign-ins
//! do not leave 19 MiB behind on each of many threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use muster_kernel::Error;
use tokio::sync::oneshot;

/// How far they stand back: the system gives them what nobody else wants, and a tenth where somebody does.
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that work for whoever has a slot. They end when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Threads {
    jobs: Sender<Job>,
}

impl Threads {
    /// Starts so many.
    ///
    /// # Errors
    /// `INTERNAL` if the system has no more threads.
    pub(crate) fn start(count: usize) -> Result<Self, Error> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("muster-hash".to_owned());
            thread.spawn(move || work(&waiting)).map_err(Error::internal)?;
        }
        Ok(Self { jobs })
    }

    /// Has this done, and waits for it.
    ///
    /// # Errors
    /// `INTERNAL` if it panics.
    pub(crate) async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move || _ = tell.send(job()));
        self.jobs
            .send(job)
            .map_err(|_| Error::internal("the threads that hash are gone"))?;
        told.await.map_err(|_| Error::internal("a hash panicked"))
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    // Of this thread alone, as Linux has it. Where that is refused, hashing is as loud as everything else.
    if let Err(cause) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!(%cause, "passwords are hashed with full priority");
    }
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Whoever waits for it is told by what is dropped.
        let _ = catch_unwind(AssertUnwindSafe(job));
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
        assert_eq!(threads.run(niceness).await.unwrap(), NICE);
        assert_eq!(niceness(), before);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let threads = Threads::start(1).unwrap();
        let failed = threads.run(|| -> u8 { panic!("planted") }).await;
        assert_eq!(failed.unwrap_err().reason, "INTERNAL");
        assert_eq!(threads.run(|| 7).await.unwrap(), 7);
    }
}
