//! The doorbell: tells readers of a log that there is something new. Losing a ring costs time, never data.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::watch;

use crate::redis::Redis;

/// The bell of one service's log, rung in this process and, where Redis is there, in every other.
#[derive(Clone)]
pub struct Doorbell {
    service: &'static str,
    rings: Arc<watch::Sender<u64>>,
    redis: Option<Redis>,
}

impl Doorbell {
    /// A bell for the log of `service`. With Redis, rings from other processes are heard too.
    pub fn new(service: &'static str, redis: Option<Redis>) -> Self {
        let bell = Self {
            service,
            rings: Arc::new(watch::Sender::new(0)),
            redis,
        };
        if let Some(redis) = bell.redis.clone() {
            tokio::spawn(hear(redis, channel(service), Arc::downgrade(&bell.rings)));
        }
        bell
    }

    /// Something was committed.
    pub fn ring(&self) {
        self.rings.send_modify(|count| *count = count.wrapping_add(1));
        if let Some(redis) = self.redis.clone() {
            let channel = channel(self.service);
            tokio::spawn(async move { redis.publish(&channel).await });
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

async fn hear(redis: Redis, channel: String, rings: std::sync::Weak<watch::Sender<u64>>) {
    while rings.strong_count() > 0 {
        if let Ok(mut messages) = redis.subscribe(&channel).await {
            while messages.next().await.is_some() {
                let Some(rings) = rings.upgrade() else { return };
                rings.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
