//! Redis: the doorbell across processes, the shared cache and the shared rate limits. Nothing durable lives in it.
//!
//! While it is down, every use fails at once and is tried again a second later, so that it costs no time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use futures::StreamExt;
use futures::stream::BoxStream;
use redis::FromRedisValue;

use crate::clock::World;
use crate::error::Error;

const PATIENCE: Duration = Duration::from_millis(100);
const REST: i64 = 1_000;

/// A pool of connections to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
    client: redis::Client,
    resting_until: Arc<AtomicI64>,
    world: World,
}

impl Redis {
    /// Connects to `redis://…` when first used.
    ///
    /// # Errors
    /// If the URL is not one.
    pub fn open(url: &str, world: World) -> Result<Self, Error> {
        let fault = |cause: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed_precondition("BAD_REDIS_URL", "the Redis URL is not usable").caused_by(cause)
        };
        let client = redis::Client::open(url).map_err(|e| fault(e.into()))?;
        let mut config = Config::from_url(url);
        let timeouts = Timeouts {
            wait: Some(PATIENCE),
            create: Some(Duration::from_millis(500)),
            recycle: Some(PATIENCE),
        };
        config.pool = Some(PoolConfig {
            max_size: 16,
            timeouts,
            ..PoolConfig::default()
        });
        let pool = config.create_pool(Some(Runtime::Tokio1)).map_err(|e| fault(e.into()))?;
        Ok(Self {
            pool,
            client,
            resting_until: Arc::default(),
            world,
        })
    }

    /// Runs one command or script.
    ///
    /// # Errors
    /// `UNAVAILABLE` at once while Redis is down.
    pub async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Error> {
        let now = self.world.now().timestamp_millis();
        if now < self.resting_until.load(Ordering::Relaxed) {
            return Err(down("resting after a failure"));
        }
        let work = async {
            let mut conn = self.pool.get().await.map_err(|e| down(e.to_string()))?;
            command
                .query_async::<T>(&mut *conn)
                .await
                .map_err(|e| down(e.to_string()))
        };
        let limit = PATIENCE + Duration::from_millis(500);
        let outcome = tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(down("timed out")));
        if let Err(error) = &outcome {
            tracing::warn!(%error, "redis does not answer; going on without it");
            self.resting_until
                .store(self.world.now().timestamp_millis() + REST, Ordering::Relaxed);
        }
        outcome
    }

    /// Rings a channel. Nobody minds if it is not heard.
    pub async fn publish(&self, channel: &str) {
        let _ = self.run::<i64>(redis::cmd("PUBLISH").arg(channel).arg("1")).await;
    }

    /// Hears a channel until the connection breaks.
    ///
    /// # Errors
    /// `UNAVAILABLE` if Redis is down.
    pub async fn subscribe(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, Error> {
        let connect = self.client.get_async_pubsub();
        let connected = tokio::time::timeout(Duration::from_secs(1), connect)
            .await
            .map_err(|_| down("timed out"))?;
        let mut messages = connected.map_err(|e| down(e.to_string()))?;
        messages.subscribe(channel).await.map_err(|e| down(e.to_string()))?;
        Ok(messages
            .into_on_message()
            .map(|message| message.get_payload_bytes().to_vec())
            .boxed())
    }
}

fn down(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("REDIS_UNAVAILABLE", "the shared cache does not answer").caused_by(cause)
}
