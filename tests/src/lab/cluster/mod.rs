//! A PostgreSQL and a Redis of a town's own, to be broken: on loopback ports of their own, their files in a temporary folder,
//! ended when they are dropped.

mod postgres;
mod redis;

use muster_kernel::clock::World;
pub use postgres::Postgres;
pub use redis::Redis;

use super::wire::Wire;
use crate::town::Backends;

/// Both servers, and the wire that leads to whichever PostgreSQL is the primary now.
pub struct Cluster {
    /// The PostgreSQL that the town begins with.
    pub postgres: Postgres,
    /// Redis.
    pub redis: Redis,
    /// Everybody's way to PostgreSQL, the judge's too.
    pub door: Wire,
}

impl Cluster {
    /// Starts both. Takes about four seconds.
    pub async fn start() -> Self {
        let (postgres, redis) = tokio::join!(Postgres::start(), Redis::start());
        let door = Wire::to(&postgres.address(), 0).await;
        Self { postgres, redis, door }
    }

    /// What a town is told of them.
    pub async fn backends(&self) -> Backends {
        Backends {
            database: self.postgres.database(&self.door.address()).await,
            redis_url: self.redis.url(),
        }
    }
}

/// A secret that only this run knows.
fn secret() -> String {
    let bytes = World::system().random::<16>();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A port of the loopback address that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Sends a signal to these processes. Those that have ended meanwhile do not matter.
fn signal(option: &str, pids: &[u32]) {
    let pids = pids.iter().map(ToString::to_string);
    let mut kill = std::process::Command::new("kill");
    let kill = kill.arg(option).args(pids).stderr(std::process::Stdio::null());
    let _ = kill.status();
}
