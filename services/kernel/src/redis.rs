//! Redis: the doorbell across processes, the shared cache and the shared rate limits. Nothing durable lives in it.
//!
//! While it does not answer, every use fails at once, so that it costs no time; one task asks beside the way whether it is
//! back. Only who meets the first silence waits, and not for long.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts};
use futures::StreamExt;
use futures::stream::BoxStream;
use redis::FromRedisValue;
use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::World;
use crate::error::Error;

/// A request waits no longer for it.
const PATIENCE: Duration = Duration::from_millis(80);
/// What nobody waits for may take longer.
const LEISURE: Duration = Duration::from_millis(500);
/// While it is away it is asked this often, and a little later by chance: all processes would come at once.
const REST: Duration = Duration::from_millis(250);

/// A pool of connections to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
    client: redis::Client,
    health: Arc<watch::Sender<Health>>,
    world: World,
    /// What this process says when it rings.
    name: Uuid,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Health {
    is_down: bool,
    /// How often it came back.
    returns: u64,
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
            wait: Some(LEISURE),
            create: Some(LEISURE),
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
            health: Arc::new(watch::Sender::new(Health::default())),
            name: world.new_id(),
            world,
        })
    }

    /// Runs one command or script that a request waits for.
    ///
    /// # Errors
    /// `UNAVAILABLE` within 80 milliseconds, and at once while Redis is known to be down.
    pub async fn run<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, Error> {
        self.run_within(PATIENCE, command).await
    }

    /// Rings a channel. Nobody minds if it is not heard.
    pub async fn publish(&self, channel: &str) {
        let _ = self
            .run_within::<i64>(LEISURE, redis::cmd("PUBLISH").arg(channel).arg(self.name.as_bytes()))
            .await;
    }

    /// Whether it was this process that [published](Self::publish) this message.
    pub fn published(&self, message: &[u8]) -> bool {
        message == self.name.as_bytes()
    }

    /// Hears a channel until the connection breaks, or Redis was away: a connection from before may be a dead one.
    ///
    /// # Errors
    /// `UNAVAILABLE` if Redis is down.
    pub async fn subscribe(&self, channel: &str) -> Result<BoxStream<'static, Vec<u8>>, Error> {
        let mut health = self.health.subscribe();
        let returns = health.borrow_and_update().returns;
        let connect = async {
            let mut messages = self.client.get_async_pubsub().await?;
            messages.subscribe(channel).await?;
            Ok::<_, redis::RedisError>(messages)
        };
        let connected = tokio::time::timeout(Duration::from_secs(1), connect)
            .await
            .map_err(|_| down("timed out"))?;
        let messages = connected.map_err(|e| down(e.to_string()))?;
        let was_away = async move {
            let came_back = health.wait_for(|health| health.returns != returns).await.is_ok();
            if !came_back {
                std::future::pending::<()>().await;
            }
        };
        Ok(messages
            .into_on_message()
            .map(|message| message.get_payload_bytes().to_vec())
            .take_until(Box::pin(was_away))
            .boxed())
    }

    async fn run_within<T: FromRedisValue>(&self, limit: Duration, command: &redis::Cmd) -> Result<T, Error> {
        if self.health.borrow().is_down {
            return Err(down("it did not answer a moment ago"));
        }
        match self.ask(limit, command).await {
            Ok(value) => Ok(value),
            Err(Fault::Refused(cause)) => Err(down(cause)),
            Err(Fault::Silent(cause)) => {
                self.went_down(&cause);
                Err(down(cause))
            }
        }
    }

    async fn ask<T: FromRedisValue>(&self, limit: Duration, command: &redis::Cmd) -> Result<T, Fault> {
        let work = async {
            let mut conn = self.pool.get().await.map_err(|e| Fault::Silent(e.to_string()))?;
            command.query_async::<T>(&mut *conn).await.map_err(|e| match e.code() {
                Some(_) => Fault::Refused(e.to_string()),
                None => Fault::Silent(e.to_string()),
            })
        };
        tokio::time::timeout(limit, work)
            .await
            .unwrap_or_else(|_| Err(Fault::Silent("timed out".to_owned())))
    }

    fn went_down(&self, cause: &str) {
        let is_news = self
            .health
            .send_if_modified(|health| !std::mem::replace(&mut health.is_down, true));
        if is_news {
            tracing::warn!(cause, "redis does not answer; going on without it");
            tokio::spawn(self.clone().await_return());
        }
    }

    /// Asks until there is an answer, or nobody is left to use it. Begins at once: the silence may have been our own.
    async fn await_return(self) {
        while self
            .ask::<String>(Duration::from_secs(1), &redis::cmd("PING"))
            .await
            .is_err()
        {
            if Arc::strong_count(&self.health) == 1 {
                return;
            }
            let [chance] = self.world.random::<1>();
            tokio::time::sleep(REST + Duration::from_millis(chance.into())).await;
        }
        tracing::info!("redis answers again");
        self.health.send_modify(|health| {
            health.is_down = false;
            health.returns = health.returns.wrapping_add(1);
        });
    }
}

/// Why a command failed.
enum Fault {
    /// There was no answer.
    Silent(String),
    /// It answered that it will not.
    Refused(String),
}

fn down(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::unavailable("REDIS_UNAVAILABLE", "the shared cache does not answer").caused_by(cause)
}
