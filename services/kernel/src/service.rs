//! What a service is made of, and what it is given.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::cache::CacheHub;
use crate::clock::World;
use crate::db::Db;
use crate::door::Door;
use crate::identity::{ServiceKey, Trust};
use crate::log::Doorbell;
use crate::page::Pages;
use crate::seal::MasterKey;
use crate::transport::Peers;

/// What a service is given.
#[derive(Clone)]
pub struct Deps {
    /// The service's own name: `orders`.
    pub name: &'static str,
    /// The issuer of access tokens.
    pub issuer: Arc<str>,
    /// Its database.
    pub db: Db,
    /// Clock and chance.
    pub world: World,
    /// The bell of its log.
    pub bell: Doorbell,
    /// Its door.
    pub door: Door,
    /// The installation's secret.
    pub master: Arc<MasterKey>,
    /// Page tokens.
    pub pages: Pages,
    /// Two-tier caches.
    pub caches: CacheHub,
    /// The other roles.
    pub peers: Peers,
    /// How it names itself to them.
    pub service_key: ServiceKey,
    /// Keys and revocations.
    pub trust: Trust,
    /// Cancelled when the process stops.
    pub stop: CancellationToken,
}

/// A task that runs beside the service until it stops.
pub struct Task {
    /// Its name, in logs.
    pub name: &'static str,
    /// What it does. It ends by itself when `stop` is cancelled.
    pub run: BoxFuture<'static, ()>,
}

/// A service, ready to be served.
pub struct Service {
    /// Its gRPC routes.
    pub routes: Routes,
    /// Its background tasks.
    pub tasks: Vec<Task>,
}

impl Task {
    /// A task of this name.
    pub fn new(name: &'static str, run: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            name,
            run: Box::pin(run),
        }
    }
}
