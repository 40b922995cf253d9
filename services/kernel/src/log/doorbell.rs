//! The doorbell: tells readers of a log that there is something new. Losing a ring costs time, never data.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;

use crate::redis::Redis;

/// Two rings that others are told of are so far apart at least: a thousand commits in a second are no reason for a thousand messages.
const BETWEEN: Duration = Duration::from_millis(4);

/// The bell of one service's log, rung in this process and, where Redis is there, in every other.
#[derive(Clone)]
pub struct Doorbell {
    rings: Arc<watch::Sender<u64>>,
    /// Rung here, and to be told to others.
    abroad: Option<watch::Sender<u64>>,
}

impl Doorbell {
    /// A bell for the log of `service`. With Redis, rings from other processes are heard too.
    pub fn new(service: &'static str, redis: Option<Redis>) -> Self {
        let rings = Arc::new(watch::Sender::new(0));
        let abroad = redis.map(|redis| {
            let abroad = watch::Sender::new(0);
            tokio::spawn(tell(redis.clone(), channel(service), abroad.subscribe()));
            tokio::spawn(hear(redis, channel(service), Arc::downgrade(&rings)));
            abroad
        });
        Self { rings, abroad }
    }

    /// Something was committed.
    pub fn ring(&self) {
        once_more(&self.rings);
        if let Some(abroad) = &self.abroad {
            once_more(abroad);
        }
    }

    /// Listens from now on.
    pub fn listen(&self) -> watch::Receiver<u64> {
        self.rings.subscribe()
    }
}

fn channel(service: &str) -> String {
    format!("muster:log:{service}")
}

fn once_more(rings: &watch::Sender<u64>) {
    rings.send_modify(|count| *count = count.wrapping_add(1));
}

/// Tells other processes. Who rings while they are told rings once more for all of them.
async fn tell(redis: Redis, channel: String, mut rings: watch::Receiver<u64>) {
    while rings.changed().await.is_ok() {
        redis.publish(&channel).await;
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Hears other processes. What this one told it knows already.
async fn hear(redis: Redis, channel: String, rings: Weak<watch::Sender<u64>>) {
    while rings.strong_count() > 0 {
        if let Ok(mut messages) = redis.subscribe(&channel).await {
            while let Some(message) = messages.next().await {
                let Some(rings) = rings.upgrade() else { return };
                if !redis.published(&message) {
                    once_more(&rings);
                }
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
