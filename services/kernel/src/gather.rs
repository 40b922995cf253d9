//! Questions that come at the same moment are asked together.
//!
//! Many requests each read the same few rows before they decide. While one question is on its way, those who come
//! meanwhile wait and are asked for together next: one round trip answers all of them, and nobody gets an answer that is
//! older than the question.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::error::Error;

/// So many are asked for together at most.
const MOST_TOGETHER: usize = 64;
/// More than this many in the queue are refused.
const MOST_WAITING: usize = 1024;
/// So many questions are on their way at a time.
const AT_ONCE: usize = 2;

/// Answers to keys; what is not among them is not there.
pub type Answers<K, V> = Result<HashMap<K, V>, Error>;

/// Asks for many keys at once. Cheap to clone; its tasks end with the last of the clones.
pub struct Gather<K, V> {
    queue: mpsc::Sender<Waiting<K, V>>,
}

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        let queue = self.queue.clone();
        Self { queue }
    }
}

struct Waiting<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>, Error>>,
}

impl<K, V> Gather<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Questions that `ask` answers. It is given each key once.
    pub fn new(ask: impl Fn(Vec<K>) -> BoxFuture<'static, Answers<K, V>> + Send + Sync + 'static) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let (ask, waiting) = (Arc::new(ask), Arc::new(Mutex::new(waiting)));
        for _ in 0..AT_ONCE {
            tokio::spawn(serve(Arc::clone(&ask), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// What belongs to this key, as it is at some moment after the call; none if nothing does.
    ///
    /// # Errors
    /// What `ask` answers; `RESOURCE_EXHAUSTED` if too many wait.
    pub async fn ask(&self, key: K) -> Result<Option<V>, Error> {
        let (answer, answered) = oneshot::channel();
        if self.queue.try_send(Waiting { key, answer }).is_err() {
            let wait = std::time::Duration::from_millis(250);
            return Err(Error::exhausted("TOO_BUSY", "too many requests are waiting", wait));
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Error::internal("nobody answered a question that was asked with others")))
    }
}

async fn serve<K, V, A>(ask: Arc<A>, waiting: Arc<Mutex<mpsc::Receiver<Waiting<K, V>>>>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    A: Fn(Vec<K>) -> BoxFuture<'static, Answers<K, V>> + Send + Sync + 'static,
{
    loop {
        let mut group = Vec::with_capacity(MOST_TOGETHER);
        if waiting.lock().await.recv_many(&mut group, MOST_TOGETHER).await == 0 {
            return;
        }
        let ask = Arc::clone(&ask);
        // A panic costs those who asked, and not the task.
        if let Err(error) = tokio::spawn(answer(ask, group)).await {
            tracing::error!(%error, "a question failed");
        }
    }
}

async fn answer<K, V, A>(ask: Arc<A>, mut group: Vec<Waiting<K, V>>)
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    A: Fn(Vec<K>) -> BoxFuture<'static, Answers<K, V>> + Send + Sync + 'static,
{
    group.retain(|asked| !asked.answer.is_closed());
    let mut keys: Vec<K> = Vec::with_capacity(group.len());
    for asked in &group {
        if !keys.contains(&asked.key) {
            keys.push(asked.key.clone());
        }
    }
    if keys.is_empty() {
        return;
    }
    let answers = ask(keys).await;
    for asked in group {
        let answer = match &answers {
            Ok(answers) => Ok(answers.get(&asked.key).cloned()),
            Err(error) => Err(error.alike()),
        };
        let _ = asked.answer.send(answer);
    }
}
