//! A process of Muster: some roles, started, joined and stopped together.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use muster_gateway::{Gateway, Parts};
use muster_kernel::cache::CacheHub;
use muster_kernel::clock::{SystemChance, SystemClock, World};
use muster_kernel::config::{Config, Mode};
use muster_kernel::db::Db;
use muster_kernel::door::Door;
use muster_kernel::edge::{self, Limits, ReloadingTls, ServiceStack, Shed};
use muster_kernel::identity::{Lock, ServiceKey, Trust, Verifier, follow_trust};
use muster_kernel::log::{Doorbell, LogApi};
use muster_kernel::page::Pages;
use muster_kernel::redis::Redis;
use muster_kernel::seal::MasterKey;
use muster_kernel::service::{Deps, Service, Task};
use muster_kernel::telemetry::Telemetry;
use muster_kernel::transport::{Peers, Transport};
use muster_proto::log::v1::log_service_server::LogServiceServer;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::listeners::Listeners;
use crate::ops::Ops;
use crate::role::Role;
use crate::{housekeeping, memory};

/// After the stop signal, readiness says no for so long before anything ends, so that balancers look elsewhere.
const LAME_DUCK: Duration = Duration::from_secs(2);
const START_LIMIT: Duration = Duration::from_secs(30);

/// A process that serves.
pub struct Process {
    parts: Shared,
    running: TaskTracker,
    stopping: CancellationToken,
    draining: CancellationToken,
}

/// What the roles of one process share.
#[derive(Clone)]
struct Shared {
    config: Arc<Config>,
    world: World,
    redis: Option<Redis>,
    trust: Trust,
    service_key: ServiceKey,
    lock: Arc<Lock>,
    caches: CacheHub,
    peers: Peers,
    local: Arc<HashMap<Role, Arc<OnceLock<ServiceStack>>>>,
}

impl Process {
    /// Starts the roles and waits until they can answer.
    ///
    /// # Errors
    /// If a database or an address is out of reach, or auth does not tell its keys in time.
    pub async fn start(
        config: Config,
        roles: &BTreeSet<Role>,
        mut listeners: Listeners,
        telemetry: Option<Arc<Telemetry>>,
    ) -> anyhow::Result<Self> {
        let (stopping, draining) = (CancellationToken::new(), CancellationToken::new());
        let parts = Shared::new(config, roles)?;
        let running = TaskTracker::new();
        let process = Self {
            parts,
            running,
            stopping,
            draining,
        };
        let mut services = Vec::new();
        for role in roles.iter().filter(|role| **role != Role::Gateway) {
            services.push(process.start_service(*role).await?);
        }
        let auth = process
            .parts
            .peers
            .connect_as("gateway", "auth", &process.parts.service_key)?;
        process.spawn(
            "trust",
            follow_trust(process.parts.trust.clone(), auth, process.draining.clone()),
        );
        process.spawn("memory", memory::give_back(process.draining.clone()));
        if let Some(listener) = listeners.take_ops() {
            let databases = services.iter().map(|(role, _, db)| (*role, db.clone())).collect();
            let ops = Ops::new(
                telemetry,
                databases,
                &process.parts.trust,
                &process.parts.caches,
                &process.stopping,
            );
            let stop = process.draining.clone();
            let limits = Limits {
                drain: Duration::from_secs(1),
                ..Limits::default()
            };
            process.spawn("ops", edge::serve(listener, ops, limits, None, stop));
        }
        // Without keys every caller would look like a stranger, so nobody is let in before.
        process
            .parts
            .trust
            .ready(START_LIMIT)
            .await
            .context("the auth role does not answer")?;
        for (role, stack, _) in services {
            if let Some(listener) = listeners.take(role) {
                let limits = Limits {
                    connections_per_address: usize::MAX,
                    http1: false,
                    ..Limits::default()
                };
                process.spawn(
                    role.name(),
                    edge::serve(listener, stack, limits, None, process.draining.clone()),
                );
            }
        }
        if let Some(listener) = listeners.take(Role::Gateway) {
            process.start_gateway(listener)?;
        }
        Ok(process)
    }

    /// Ends: first readiness, then streams and listeners, then background work.
    pub async fn stop(self) {
        self.stopping.cancel();
        if self.parts.config.mode == Mode::Production {
            tokio::time::sleep(LAME_DUCK).await;
        }
        self.draining.cancel();
        self.running.close();
        if tokio::time::timeout(Duration::from_secs(18), self.running.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work did not end in time");
        }
    }

    /// The other roles, as this process reaches them.
    pub fn peers(&self) -> &Peers {
        &self.parts.peers
    }

    async fn start_service(&self, role: Role) -> anyhow::Result<(Role, ServiceStack, Db)> {
        let deps = self.parts.deps(role, &self.draining).await?;
        let db = deps.db.clone();
        db.ping()
            .await
            .with_context(|| format!("the database of {role} does not answer"))?;
        let log = LogServiceServer::new(LogApi::new(deps.door.clone()));
        let (reporter, health) = tonic_health::server::health_reporter();
        let service: Service = match role {
            Role::Auth => muster_auth::create(deps.clone()).await?,
            Role::Orders => muster_orders::create(deps.clone()),
            Role::Gateway => anyhow::bail!("the gateway is not a service"),
        };
        let routes = service.routes.add_service(log).add_service(health);
        let stack = ServiceStack::new(
            role.name(),
            routes,
            Arc::clone(&self.parts.lock),
            self.parts.world.clone(),
            Shed::here(role.name(), &self.parts.config.shed),
        );
        for Task { name, run } in service.tasks {
            self.spawn(name, run);
        }
        self.spawn("housekeeping", housekeeping::run(deps, reporter));
        if let Some(cell) = self.parts.local.get(&role) {
            let _ = cell.set(stack.clone());
        }
        Ok((role, stack, db))
    }

    fn start_gateway(&self, listener: tokio::net::TcpListener) -> anyhow::Result<()> {
        let config = &self.parts.config;
        let parts = Parts {
            lock: Arc::clone(&self.parts.lock),
            peers: self.parts.peers.clone(),
            world: self.parts.world.clone(),
            redis: self.parts.redis.clone(),
            stop: self.stopping.clone(),
        };
        let gateway = Gateway::new(config, parts);
        let (certificate, key) = (config.gateway.tls_certificate.clone(), config.gateway.tls_key.clone());
        let tls = match certificate.is_empty() {
            true => None,
            false => Some(ReloadingTls::from_files(certificate.into(), key.into())?),
        };
        let limits = Gateway::listener_limits(config);
        self.spawn(
            "gateway",
            edge::serve(listener, gateway, limits, tls, self.draining.clone()),
        );
        Ok(())
    }

    fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let draining = self.draining.clone();
        self.running.spawn(async move {
            work.await;
            if !draining.is_cancelled() {
                tracing::error!(task = name, "a task ended before its time");
            }
        });
    }
}

/// What a service is given, for an operator command that works on its data without serving it.
///
/// # Errors
/// If its database cannot be opened.
pub async fn service_deps(config: &Config, role: Role) -> anyhow::Result<Deps> {
    let only = BTreeSet::from([role]);
    Shared::new(config.clone(), &only)?
        .deps(role, &CancellationToken::new())
        .await
}

impl Shared {
    fn new(config: Config, roles: &BTreeSet<Role>) -> anyhow::Result<Self> {
        let clock = Arc::new(SystemClock::shifted(config.clock_offset_ms));
        let world = World::new(clock, Arc::new(SystemChance));
        let redis_url = config.redis.url.expose_secret();
        let redis = (!redis_url.is_empty())
            .then(|| Redis::open(redis_url, world.clone()))
            .transpose()?;
        let trust = Trust::default();
        let cluster = MasterKey::from_secret(config.secrets.cluster.expose_secret());
        let service_key = ServiceKey::new(&cluster, world.clone());
        let verifier = Verifier::new(&config.issuer, trust.clone(), world.clone());
        let lock = Arc::new(Lock::new(verifier, service_key.clone(), world.clone()));
        let local: HashMap<Role, Arc<OnceLock<ServiceStack>>> = roles
            .iter()
            .filter(|role| **role != Role::Gateway)
            .map(|role| (*role, Arc::default()))
            .collect();
        let mut peers = Vec::new();
        for role in Role::SERVICES {
            let transport = match (local.get(&role), config.roles.get(role.name())) {
                (Some(cell), _) => Transport::Local(Arc::clone(cell)),
                (None, Some(elsewhere)) => Transport::remote(&elsewhere.address)?,
                (None, None) => continue,
            };
            peers.push((role.name(), transport));
        }
        let caches = CacheHub::new(redis.clone());
        let (peers, local) = (Peers::new(peers), Arc::new(local));
        Ok(Self {
            config: Arc::new(config),
            world,
            redis,
            trust,
            service_key,
            lock,
            caches,
            peers,
            local,
        })
    }

    async fn deps(&self, role: Role, draining: &CancellationToken) -> anyhow::Result<Deps> {
        let name = role.name();
        let place = self.config.place(name);
        let db = Db::open(name, &place)
            .await
            .with_context(|| format!("the database of {role} cannot be opened"))?;
        let master = Arc::new(MasterKey::from_secret(self.config.secrets.master.expose_secret()));
        let bell = Doorbell::new(name, self.redis.clone());
        let door = Door::new(
            db.clone(),
            self.world.clone(),
            bell.clone(),
            self.trust.clone(),
            Arc::clone(&master),
            draining.clone(),
        );
        Ok(Deps {
            name,
            issuer: self.config.issuer.as_str().into(),
            db,
            world: self.world.clone(),
            bell,
            door,
            pages: Pages::new(&master),
            master,
            caches: self.caches.clone(),
            peers: self.peers.clone(),
            service_key: self.service_key.clone(),
            trust: self.trust.clone(),
            stop: draining.clone(),
        })
    }
}
