//! Two-tier cache: in this process, and in Redis where it is there. Entries live for a time and carry tags; a change
//! drops every entry of its tag, in every process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use moka::sync::Cache as Moka;
use prost::Message;

use crate::error::Error;
use crate::redis::Redis;

const CHANNEL: &str = "muster:cache:drop";

/// Makes caches and tells them what to drop. Cheap to clone.
#[derive(Clone)]
pub struct CacheHub {
    redis: Option<Redis>,
    shelves: Arc<Mutex<HashMap<&'static str, Arc<dyn Shelf>>>>,
}

/// How often a cache was of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Found in this process.
    pub local_hits: u64,
    /// Found in Redis.
    pub shared_hits: u64,
    /// Loaded anew.
    pub misses: u64,
    /// Entries in this process.
    pub entries: u64,
}

trait Shelf: Send + Sync {
    fn drop_tag(&self, tag: &str);
    fn stats(&self) -> Stats;
}

/// A cache of one kind of message.
pub struct Cache<M> {
    name: &'static str,
    time_to_live: Duration,
    redis: Option<Redis>,
    inner: Arc<Inner<M>>,
}

impl<M> Clone for Cache<M> {
    fn clone(&self) -> Self {
        let (redis, inner) = (self.redis.clone(), Arc::clone(&self.inner));
        Self {
            name: self.name,
            time_to_live: self.time_to_live,
            redis,
            inner,
        }
    }
}

struct Inner<M> {
    local: Moka<String, Entry<M>>,
    drops: AtomicU64,
    local_hits: AtomicU64,
    shared_hits: AtomicU64,
    misses: AtomicU64,
}

struct Entry<M> {
    tag: Arc<str>,
    value: Arc<M>,
}

impl<M> Clone for Entry<M> {
    fn clone(&self) -> Self {
        Self {
            tag: Arc::clone(&self.tag),
            value: Arc::clone(&self.value),
        }
    }
}

impl CacheHub {
    /// Caches over this Redis, or over none.
    pub fn new(redis: Option<Redis>) -> Self {
        let hub = Self {
            redis,
            shelves: Arc::default(),
        };
        if let Some(redis) = hub.redis.clone() {
            tokio::spawn(hear_drops(redis, Arc::downgrade(&hub.shelves)));
        }
        hub
    }

    /// A cache of at most `capacity` entries that live for `time_to_live`.
    pub fn cache<M: Message + Default + 'static>(
        &self,
        name: &'static str,
        capacity: u64,
        time_to_live: Duration,
    ) -> Cache<M> {
        let local = Moka::builder()
            .max_capacity(capacity)
            .time_to_live(time_to_live)
            .support_invalidation_closures()
            .build();
        let inner = Inner {
            local,
            drops: AtomicU64::new(0),
            local_hits: AtomicU64::new(0),
            shared_hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        };
        let inner = Arc::new(inner);
        if let Ok(mut shelves) = self.shelves.lock() {
            shelves.insert(name, Arc::clone(&inner) as Arc<dyn Shelf>);
        }
        Cache {
            name,
            time_to_live,
            redis: self.redis.clone(),
            inner,
        }
    }

    /// Drops every entry with this tag, here at once and elsewhere as soon as they hear of it.
    pub async fn drop_tag(&self, tag: &str) {
        drop_here(&self.shelves, tag);
        if let Some(redis) = &self.redis {
            let script = "local keys = redis.call('SMEMBERS', KEYS[1]) \
                          for _, key in ipairs(keys) do redis.call('DEL', key) end \
                          redis.call('DEL', KEYS[1]) return redis.call('PUBLISH', ARGV[1], ARGV[2])";
            let mut command = redis::cmd("EVAL");
            command.arg(script).arg(1).arg(tag_key(tag)).arg(CHANNEL).arg(tag);
            let _ = redis.run::<i64>(&command).await;
        }
    }

    /// Statistics by cache, sorted by name.
    pub fn stats(&self) -> Vec<(&'static str, Stats)> {
        let Ok(shelves) = self.shelves.lock() else {
            return Vec::new();
        };
        let mut all: Vec<_> = shelves.iter().map(|(name, shelf)| (*name, shelf.stats())).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}

type Shelves = Mutex<HashMap<&'static str, Arc<dyn Shelf>>>;

fn drop_here(shelves: &Shelves, tag: &str) {
    if let Ok(shelves) = shelves.lock() {
        shelves.values().for_each(|shelf| shelf.drop_tag(tag));
    }
}

async fn hear_drops(redis: Redis, shelves: std::sync::Weak<Shelves>) {
    while shelves.strong_count() > 0 {
        if let Ok(mut tags) = redis.subscribe(CHANNEL).await {
            while let Some(tag) = tags.next().await {
                let (Some(shelves), Ok(tag)) = (shelves.upgrade(), String::from_utf8(tag)) else {
                    continue;
                };
                drop_here(&shelves, &tag);
            }
        }
        // What was dropped while nobody listened is bounded by the entries' time to live.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl<M: Message + Default + 'static> Cache<M> {
    /// The entry of `key`, loaded if it is in neither tier. A load that a drop overtook is answered but not kept.
    ///
    /// # Errors
    /// What `load` answers.
    pub async fn get_or_load<F>(&self, key: &str, tag: &str, load: F) -> Result<Arc<M>, Error>
    where
        F: Future<Output = Result<M, Error>>,
    {
        if let Some(entry) = self.inner.local.get(key) {
            count(&self.inner.local_hits, self.name, "local");
            return Ok(entry.value);
        }
        let before = self.inner.drops.load(Ordering::SeqCst);
        if let Some(value) = self.shared(key).await {
            count(&self.inner.shared_hits, self.name, "shared");
            let value = Arc::new(value);
            self.keep(key, tag, &value, before);
            return Ok(value);
        }
        count(&self.inner.misses, self.name, "miss");
        let value = Arc::new(load.await?);
        if self.keep(key, tag, &value, before) {
            self.share(key, tag, &value).await;
        }
        Ok(value)
    }

    fn keep(&self, key: &str, tag: &str, value: &Arc<M>, before: u64) -> bool {
        let current = self.inner.drops.load(Ordering::SeqCst) == before;
        if current {
            self.inner.local.insert(
                key.to_owned(),
                Entry {
                    tag: tag.into(),
                    value: Arc::clone(value),
                },
            );
        }
        current
    }

    async fn shared(&self, key: &str) -> Option<M> {
        let redis = self.redis.as_ref()?;
        let bytes: Option<Vec<u8>> = redis.run(redis::cmd("GET").arg(self.shared_key(key))).await.ok()?;
        M::decode(bytes?.as_slice()).ok()
    }

    async fn share(&self, key: &str, tag: &str, value: &M) {
        let Some(redis) = &self.redis else { return };
        let script = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) redis.call('SADD', KEYS[2], KEYS[1]) \
                      return redis.call('PEXPIRE', KEYS[2], ARGV[2] * 2)";
        let mut command = redis::cmd("EVAL");
        let millis = u64::try_from(self.time_to_live.as_millis()).unwrap_or(u64::MAX);
        command
            .arg(script)
            .arg(2)
            .arg(self.shared_key(key))
            .arg(tag_key(tag))
            .arg(value.encode_to_vec())
            .arg(millis);
        let _ = redis.run::<i64>(&command).await;
    }

    fn shared_key(&self, key: &str) -> String {
        format!("muster:cache:{}:{key}", self.name)
    }

    /// How often it was of use.
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }
}

impl<M: Send + Sync + 'static> Shelf for Inner<M> {
    fn drop_tag(&self, tag: &str) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        let tag: Arc<str> = tag.into();
        let _ = self.local.invalidate_entries_if(move |_, entry| entry.tag == tag);
    }

    fn stats(&self) -> Stats {
        Stats {
            local_hits: self.local_hits.load(Ordering::Relaxed),
            shared_hits: self.shared_hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            entries: self.local.entry_count(),
        }
    }
}

fn tag_key(tag: &str) -> String {
    format!("muster:cache:tag:{tag}")
}

fn count(counter: &AtomicU64, cache: &'static str, tier: &'static str) {
    counter.fetch_add(1, Ordering::Relaxed);
    metrics::counter!("muster_cache_total", "cache" => cache, "found" => tier).increment(1);
}
