//! For tests of services: a database of their own on either engine, a door, and a clock that obeys.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "tests fail by panicking, and say what they found"
)]

pub mod model;

use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tonic::Request;
use uuid::Uuid;

use crate::cache::CacheHub;
use crate::clock::{ManualClock, SystemChance, World};
use crate::db::migrate::{self, Step, Target};
use crate::db::{Db, Place};
use crate::door::{Door, Visit};
use crate::identity::{Caller, Principal, ServiceKey, Trust};
use crate::log::Doorbell;
use crate::page::Pages;
use crate::seal::MasterKey;
use crate::service::Deps;
use crate::transport::Peers;
use crate::uow::UnitOfWork;

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file in a folder of the test's own.
    Sqlite,
    /// A database of the test's own on the server of `MUSTER_TEST_POSTGRES_URL`.
    Postgres,
}

/// A service's surroundings in a test. Everything is gone when it is dropped (PostgreSQL: with the throw-away server).
pub struct Lab {
    /// What the service is given.
    pub deps: Deps,
    /// The clock that everything goes by; it starts at 2026-03-02T17:00:00Z, a Monday noon in New York.
    pub clock: Arc<ManualClock>,
    /// How the schema was made, to migrate it down again.
    pub target: Target,
    /// How the database was opened, to open it again as after a restart.
    pub place: Place,
    _folder: TempDir,
}

/// One test on both engines: `both_engines!(name, "orders", STEPS, async |lab: Lab| { … });`
#[macro_export]
macro_rules! both_engines {
    ($name:ident, $service:expr, $steps:expr, $body:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let lab = $crate::testing::Lab::new($crate::testing::Engine::Sqlite, $service, $steps).await;
                ($body)(lab).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let lab = $crate::testing::Lab::new($crate::testing::Engine::Postgres, $service, $steps).await;
                ($body)(lab).await;
            }
        }
    };
}

impl Lab {
    /// A fresh, migrated database and everything around it.
    pub async fn new(engine: Engine, service: &'static str, steps: &[Step]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (target, place) = match engine {
            Engine::Sqlite => {
                let path = folder.path().join(format!("{service}.db"));
                (Target::Sqlite(path.clone()), Place::Sqlite(path))
            }
            Engine::Postgres => postgres_database().await,
        };
        migrate::up(service, steps, &target).await.expect("migrations apply");
        let db = Db::open(service, &place).await.expect("the database opens");
        let start = DateTime::parse_from_rfc3339("2026-03-02T17:00:00Z")
            .expect("a moment")
            .to_utc();
        let clock = ManualClock::at(start);
        let world = World::new(Arc::clone(&clock) as _, Arc::new(SystemChance));
        let deps = deps(service, db, world);
        Self {
            deps,
            clock,
            target,
            place,
            _folder: folder,
        }
    }

    /// A writing unit of work of this caller, outside of any door. End it with `finish`.
    pub fn unit(&self, caller: Caller) -> UnitOfWork {
        UnitOfWork::new(
            self.deps.db.clone(),
            self.deps.world.clone(),
            caller,
            "test".to_owned(),
            true,
        )
    }

    /// A writing unit of work of a person of this tenant who may do everything everywhere.
    pub fn unit_of(&self, tenant: Uuid) -> UnitOfWork {
        self.unit(owner(tenant))
    }

    /// The same, as the door gives it to a handler: where the database has groups, it shares its transaction.
    pub fn shared_unit_of(&self, tenant: Uuid) -> UnitOfWork {
        let mut unit = self.unit_of(tenant);
        unit.share();
        unit
    }
}

/// A request of the tenant's owner under this key, as the lock hands it to a handler.
///
/// # Panics
/// If the key is not ASCII.
pub fn keyed<M>(message: M, tenant: Uuid, key: &str) -> Request<M> {
    let mut request = Request::new(message);
    let (method, request_id) = ("/test/act", "test".into());
    request.extensions_mut().insert(owner(tenant));
    request.extensions_mut().insert(Visit { method, request_id });
    let key = key.parse().expect("a key is ASCII");
    request.metadata_mut().insert("idempotency-key", key);
    request
}

/// Somebody who may do everything in the tenant.
pub fn owner(tenant: Uuid) -> Caller {
    use muster_proto::authz::v1::Permission;
    let permissions = (1..90).filter(|number| Permission::try_from(*number).is_ok()).collect();
    Caller {
        tenant_id: Some(tenant),
        principal: Principal::Person(Uuid::from_u128(1)),
        session_id: Some(Uuid::from_u128(2)),
        permissions,
        ..Caller::anonymous()
    }
}

fn deps(service: &'static str, db: Db, world: World) -> Deps {
    let master = Arc::new(MasterKey::from_secret(
        "a secret that only tests know, 32 bytes or more",
    ));
    let bell = Doorbell::new(service, None);
    let trust = Trust::default();
    let stop = CancellationToken::new();
    let door = Door::new(
        db.clone(),
        world.clone(),
        bell.clone(),
        trust.clone(),
        Arc::clone(&master),
        stop.clone(),
    );
    Deps {
        name: service,
        issuer: "https://muster.test".into(),
        db,
        bell,
        door,
        pages: Pages::new(&master),
        caches: CacheHub::new(None),
        peers: Peers::default(),
        service_key: ServiceKey::new(&master, world.clone()),
        trust,
        stop,
        world,
        master,
    }
}

/// Makes a database and a working role that is neither owner nor superuser.
pub async fn postgres_database() -> (Target, Place) {
    let admin_url = std::env::var("MUSTER_TEST_POSTGRES_URL")
        .expect("MUSTER_TEST_POSTGRES_URL names a PostgreSQL server for tests; `make test` starts one");
    let name = format!("muster_{}", World::system().new_id().simple());
    let options: sqlx::postgres::PgConnectOptions = admin_url.parse().expect("a PostgreSQL URL");
    let mut admin = options
        .connect()
        .await
        .expect("the PostgreSQL server for tests answers");
    let role = "DO $$ BEGIN CREATE ROLE muster_app LOGIN PASSWORD 'muster_app' NOSUPERUSER NOBYPASSRLS; \
                EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";
    admin.execute(role).await.expect("the working role exists");
    admin
        .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
        .await
        .expect("a database of the test's own");
    let owner_url = with_database(&admin_url, &name, None);
    let url = with_database(&admin_url, &name, Some("muster_app:muster_app"));
    (
        Target::Postgres {
            owner_url,
            app_role: Some("muster_app".to_owned()),
        },
        Place::Postgres { url, connections: 8 },
    )
}

/// The URL with another database, and another user where one is given.
fn with_database(url: &str, database: &str, user: Option<&str>) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, String::new()), |(rest, query)| (rest, format!("?{query}")));
    let authority = rest.split('/').next().expect("an authority");
    let host = authority.rsplit('@').next().expect("a host");
    let user = user.or_else(|| authority.rsplit_once('@').map(|(user, _)| user));
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    format!("{scheme}://{user}{host}/{database}{query}")
}

/// Waits until it is so.
///
/// # Panics
/// If it is not within five seconds.
pub async fn eventually(is_so: impl Fn() -> bool) {
    let waits = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(5), waits).await;
    outcome.expect("it becomes so within five seconds");
}
