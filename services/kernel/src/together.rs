//! Those who come at the same moment are served together.
//!
//! Whoever comes alone is served at once. Those who come while others are served wait, and then go together. Nobody waits
//! in a queue without an end, and when all of a group have gone away, what is done for them is given up.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use tokio::sync::{Mutex, mpsc, oneshot};

/// So many go together at most.
const MOST_TOGETHER: usize = 64;
/// More than this many in the queue are refused.
const MOST_WAITING: usize = 512;
/// So many groups are served at a time: while one waits for the database, another can work.
const AT_ONCE: usize = 2;

/// Hands items to whoever serves them, and answers back. Cheap to clone; its tasks end with the last of the clones.
pub(crate) struct Together<T, A> {
    queue: mpsc::Sender<Waiting<T, A>>,
}

impl<T, A> Clone for Together<T, A> {
    fn clone(&self) -> Self {
        let queue = self.queue.clone();
        Self { queue }
    }
}

struct Waiting<T, A> {
    item: T,
    answer: oneshot::Sender<A>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// Too many wait: nothing was done.
    Full,
    /// Serving the group failed, or ended with the program: nobody knows how far it came.
    Lost,
}

impl<T, A> Together<T, A>
where
    T: Send + Sync + 'static,
    A: Send + 'static,
{
    /// Starts the tasks. `serve` answers each item of a group, in their order.
    pub(crate) fn start(serve: impl Fn(Vec<T>) -> BoxFuture<'static, Vec<A>> + Send + Sync + 'static) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let (serve, waiting) = (Arc::new(serve), Arc::new(Mutex::new(waiting)));
        for _ in 0..AT_ONCE {
            tokio::spawn(work(Arc::clone(&serve), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// Serves this item, alone or with others. A caller who goes away before its turn leaves nothing to do.
    pub(crate) async fn serve(&self, item: T) -> Result<A, Unserved> {
        let (answer, answered) = oneshot::channel();
        let queued = self.queue.try_send(Waiting { item, answer });
        queued.map_err(|_| Unserved::Full)?;
        answered.await.map_err(|_| Unserved::Lost)
    }
}

async fn work<T, A, S>(serve: Arc<S>, waiting: Arc<Mutex<mpsc::Receiver<Waiting<T, A>>>>)
where
    T: Send + Sync + 'static,
    A: Send + 'static,
    S: Fn(Vec<T>) -> BoxFuture<'static, Vec<A>> + Send + Sync + 'static,
{
    loop {
        let mut group = Vec::with_capacity(MOST_TOGETHER);
        if waiting.lock().await.recv_many(&mut group, MOST_TOGETHER).await == 0 {
            return;
        }
        // A panic costs the group, and not the task.
        if let Err(error) = tokio::spawn(settle(Arc::clone(&serve), group)).await {
            tracing::error!(%error, "serving a group failed");
        }
    }
}

async fn settle<T, A, S>(serve: Arc<S>, mut group: Vec<Waiting<T, A>>)
where
    S: Fn(Vec<T>) -> BoxFuture<'static, Vec<A>>,
{
    group.retain(|waiting| !waiting.answer.is_closed());
    if group.is_empty() {
        return;
    }
    let (items, mut callers): (Vec<T>, Vec<_>) =
        group.into_iter().map(|waiting| (waiting.item, waiting.answer)).unzip();
    let answers = tokio::select! {
        answers = serve(items) => answers,
        _ = join_all(callers.iter_mut().map(oneshot::Sender::closed)) => return,
    };
    for (caller, answer) in callers.into_iter().zip(answers) {
        let _ = caller.send(answer);
    }
}
