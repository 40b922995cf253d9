//! Those who come at the same moment are served together.
//!
//! Whoever comes alone is served at once. Those who come while others are served wait, and then go together. Nobody waits
//! in a queue without an end, nor for a group that is held up, and when all of a group have gone away, what is done for
//! them is given up.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// So many go together at most.
const MOST_TOGETHER: usize = 64;
/// More than this many in the queue are refused.
const MOST_WAITING: usize = 512;
/// A group that is away for longer waits for something: a slow disk, somebody's lock. The next one goes meanwhile.
const PATIENCE: Duration = Duration::from_millis(5);
/// So many groups are away at a time.
const AT_ONCE: usize = 2;

/// Hands items to whoever serves them, and answers back. Cheap to clone; its task ends with the last of the clones.
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
    /// Starts the task. `serve` answers each item of a group, in their order.
    pub(crate) fn start(serve: impl Fn(Vec<T>) -> BoxFuture<'static, Vec<A>> + Send + Sync + 'static) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        tokio::spawn(work(Arc::new(serve), waiting));
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

async fn work<T, A, S>(serve: Arc<S>, mut waiting: mpsc::Receiver<Waiting<T, A>>)
where
    T: Send + Sync + 'static,
    A: Send + 'static,
    S: Fn(Vec<T>) -> BoxFuture<'static, Vec<A>> + Send + Sync + 'static,
{
    let mut groups = JoinSet::new();
    loop {
        let mut group = Vec::with_capacity(MOST_TOGETHER);
        if waiting.recv_many(&mut group, MOST_TOGETHER).await == 0 {
            break;
        }
        groups.spawn(settle(Arc::clone(&serve), group));
        let patience = sleep(PATIENCE);
        tokio::select! {
            ended = groups.join_next() => note(ended),
            () = patience => {}
        }
        if groups.len() == AT_ONCE {
            note(groups.join_next().await);
        }
    }
    while let Some(ended) = groups.join_next().await {
        note(Some(ended));
    }
}

/// A panic costs the group, and not the task.
fn note(ended: Option<Result<(), tokio::task::JoinError>>) {
    if let Some(Err(error)) = ended {
        tracing::error!(%error, "serving a group failed");
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
