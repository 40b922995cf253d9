//! Questions that come at the same moment are asked together.
//!
//! Many requests each read the same few rows before they decide. While one question is on its way, those who come
//! meanwhile wait and are asked for together next: one round trip answers all of them, and nobody gets an answer that is
//! older than the question.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::error::Error;
use crate::together::{Together, Unserved};

/// Answers to keys; what is not among them is not there.
pub type Answers<K, V> = Result<HashMap<K, V>, Error>;

/// Asks for many keys at once. Cheap to clone.
pub struct Gather<K, V>(Together<K, Result<Option<V>, Error>>);

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Gather<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Questions that `ask` answers. It is given each key once.
    pub fn new(ask: impl Fn(Vec<K>) -> BoxFuture<'static, Answers<K, V>> + Send + Sync + 'static) -> Self {
        let ask = Arc::new(ask);
        Self(Together::start(move |asked: Vec<K>| {
            let ask = Arc::clone(&ask);
            Box::pin(async move {
                let mut keys = asked.clone();
                let mut known = HashSet::new();
                keys.retain(|key| known.insert(key.clone()));
                let answers = ask(keys).await;
                let answer = |key| match &answers {
                    Ok(answers) => Ok(answers.get(key).cloned()),
                    Err(error) => Err(error.alike()),
                };
                asked.iter().map(answer).collect()
            })
        }))
    }

    /// What belongs to this key, as it is at some moment after the call; none if nothing does.
    ///
    /// # Errors
    /// What `ask` answers; `RESOURCE_EXHAUSTED` if too many wait.
    pub async fn ask(&self, key: K) -> Result<Option<V>, Error> {
        self.0.serve(key).await.unwrap_or_else(|unserved| {
            Err(match unserved {
                Unserved::Full => {
                    Error::exhausted("TOO_BUSY", "too many requests are waiting", Duration::from_millis(250))
                }
                Unserved::Lost => Error::internal("nobody answered a question that was asked with others"),
            })
        })
    }
}
