//! An installation of Muster of a test's own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use muster::demo::{self, Demo, NEIGHBOUR, PASSWORD, SLUG};
use muster_kernel::clock::World;
use muster_kernel::db::Place;
use muster_kernel::db::migrate::Target;
use muster_kernel::testing::postgres_database;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;
use tokio::process::Child;
use tonic::transport::{Channel, Endpoint};

use crate::binary::{self, Settings};

/// How an installation is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Every role in one process, on SQLite.
    AllInOne,
    /// One process per role, on PostgreSQL and Redis.
    Split,
    /// Every role in one process, on PostgreSQL and Redis: for measurements.
    Together,
}

/// One story in both shapes: `both_shapes!(name, async |town: Town| { … });`
#[macro_export]
macro_rules! both_shapes {
    ($name:ident, $body:expr) => {
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn all_in_one() {
                ($body)($crate::town::Town::with_demo($crate::town::Shape::AllInOne).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn split() {
                ($body)($crate::town::Town::with_demo($crate::town::Shape::Split).await).await;
            }
        }
    };
}

/// A running installation. Its processes end, and its files go, when it is dropped.
pub struct Town {
    /// How it is laid out.
    pub shape: Shape,
    /// The demo restaurant.
    pub demo: Demo,
    /// Host and port of the gateway.
    pub gateway: String,
    /// Host and port of each service role (split only).
    pub services: BTreeMap<&'static str, String>,
    /// Every process's settings.
    pub settings: Settings,
    /// Where each service keeps its data.
    pub places: BTreeMap<&'static str, Place>,
    /// Settings of one process over those of all, by its roles.
    pub particular: BTreeMap<String, Settings>,
    processes: BTreeMap<String, Child>,
    folder: TempDir,
}

/// The roles that keep data.
pub const SERVICES: [&str; 2] = ["auth", "orders"];

/// Servers of a town's own, in place of those that all tests share.
#[derive(Debug, Clone)]
pub struct Backends {
    /// An empty PostgreSQL database, as its owner and as the working role.
    pub database: (Target, Place),
    /// Redis.
    pub redis_url: String,
}

impl Town {
    /// Starts an installation with the demo restaurant and the shop next door.
    pub async fn with_demo(shape: Shape) -> Self {
        Self::with_settings(shape, &[]).await
    }

    /// As [`with_demo`](Self::with_demo), with these settings over the usual ones.
    pub async fn with_settings(shape: Shape, settings: &[(&str, &str)]) -> Self {
        let mut town = Self::prepared(shape, None).await;
        town.settings.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        town.start_all().await;
        town.demo = demo::fill(&town.channel().await).await.expect("the demo is filled");
        town
    }

    /// As [`with_demo`](Self::with_demo), one process per role on servers of its own.
    pub async fn on(backends: Backends) -> Self {
        let mut town = Self::prepared(Shape::Split, Some(backends)).await;
        town.start_all().await;
        town.demo = demo::fill(&town.channel().await).await.expect("the demo is filled");
        town
    }

    /// Migrated, with the two tenants, and not started.
    pub async fn prepared(shape: Shape, backends: Option<Backends>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let host = host();
        let mut settings: Settings = vec![
            ("MUSTER_MODE".into(), "production".into()),
            (
                "MUSTER_DATA_DIR".into(),
                folder.path().join("data").display().to_string(),
            ),
            ("MUSTER_GATEWAY__LISTEN".into(), format!("{host}:8080")),
            ("MUSTER_GATEWAY__PUBLIC_PER_SECOND".into(), "1000".into()),
            ("MUSTER_GATEWAY__PUBLIC_BURST".into(), "1000".into()),
            ("MUSTER_GATEWAY__ADDRESS_PER_SECOND".into(), "20000".into()),
            ("MUSTER_GATEWAY__ADDRESS_BURST".into(), "20000".into()),
            ("MUSTER_GATEWAY__PRINCIPAL_PER_SECOND".into(), "20000".into()),
            ("MUSTER_GATEWAY__PRINCIPAL_BURST".into(), "20000".into()),
            ("MUSTER_GATEWAY__TENANT_PER_SECOND".into(), "20000".into()),
            ("MUSTER_GATEWAY__TENANT_BURST".into(), "20000".into()),
            ("MUSTER_GATEWAY__CONNECTIONS_PER_ADDRESS".into(), "2000".into()),
            ("MUSTER_LOG__FILTER".into(), "info,muster::access=warn,sqlx=warn".into()),
        ];
        for name in ["cluster", "master"] {
            let path = folder.path().join(name);
            let secret = World::system()
                .random::<32>()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>();
            std::fs::write(&path, secret).expect("a secret is written");
            settings.push((
                format!("MUSTER_SECRETS__{}_FILE", name.to_uppercase()),
                path.display().to_string(),
            ));
        }
        let mut places = BTreeMap::new();
        let mut services = BTreeMap::new();
        match shape {
            Shape::AllInOne => {
                for service in SERVICES {
                    places.insert(
                        service,
                        Place::Sqlite(folder.path().join("data").join(format!("{service}.db"))),
                    );
                }
            }
            Shape::Split | Shape::Together => {
                let ((target, place), redis) = match backends {
                    Some(own) => (own.database, own.redis_url),
                    None => (
                        postgres_database().await,
                        std::env::var("MUSTER_TEST_REDIS_URL").expect("MUSTER_TEST_REDIS_URL; `make test` starts one"),
                    ),
                };
                let (Target::Postgres { owner_url, .. }, Place::Postgres { url, .. }) = (target, place.clone()) else {
                    panic!("a PostgreSQL database was asked for");
                };
                settings.push(("MUSTER_DATABASE__ENGINE".into(), "postgres".into()));
                settings.push(("MUSTER_DATABASE__URL".into(), url));
                settings.push(("MUSTER_DATABASE__OWNER_URL".into(), owner_url));
                settings.push(("MUSTER_REDIS__URL".into(), redis));
                for (service, port) in SERVICES.into_iter().zip(7001..) {
                    let address = format!("{host}:{port}");
                    let name = service.to_uppercase();
                    settings.push((format!("MUSTER_ROLES__{name}__LISTEN"), address.clone()));
                    settings.push((format!("MUSTER_ROLES__{name}__ADDRESS"), format!("http://{address}")));
                    services.insert(service, address);
                    places.insert(service, place.clone());
                }
            }
        }
        binary::run(&settings, &["migrate", "up"], "")
            .await
            .expect("migrations apply");
        for (slug, name, owner) in [
            (SLUG, "Juniper & Rye", "Olive Okafor"),
            (NEIGHBOUR, "Next Door", "Ned Neumann"),
        ] {
            let arguments = [
                "tenant",
                "create",
                "--slug",
                slug,
                "--name",
                name,
                "--owner-name",
                owner,
                "--owner-login",
                "olive",
            ];
            binary::run(&settings, &arguments, PASSWORD)
                .await
                .expect("a tenant is made");
        }
        let gateway = format!("{host}:8080");
        let (demo, processes) = (
            Demo {
                location_id: String::new(),
            },
            BTreeMap::new(),
        );
        Self {
            shape,
            demo,
            gateway,
            services,
            settings,
            places,
            particular: BTreeMap::new(),
            processes,
            folder,
        }
    }

    /// The roles of each of its processes.
    pub fn processes(&self) -> &'static [&'static str] {
        match self.shape {
            Shape::AllInOne | Shape::Together => &["all"],
            Shape::Split => &["auth", "orders", "gateway"],
        }
    }

    async fn start_all(&mut self) {
        for roles in self.processes() {
            self.start(roles);
        }
        self.ready().await;
    }

    /// Starts a process with these roles.
    pub fn start(&mut self, roles: &str) {
        let child = self.spawn(roles);
        self.processes.insert(roles.to_owned(), child);
    }

    /// Starts a process with these roles for somebody else to look after. Its settings: see [`settings_of`](Self::settings_of).
    pub fn spawn(&self, roles: &str) -> Child {
        binary::start(
            &self.settings_of(roles),
            &["serve", "--roles", roles],
            &self.log_path(roles),
        )
    }

    /// The settings of the process with these roles. Each has an operator port of its own, which it keeps.
    pub fn settings_of(&self, roles: &str) -> Settings {
        let mut settings = self.settings.clone();
        settings.push(("MUSTER_OPS__LISTEN".into(), self.ops(roles)));
        settings.extend(self.particular.get(roles).into_iter().flatten().cloned());
        settings
    }

    /// Where the process with these roles tells of itself: metrics, health.
    pub fn ops(&self, roles: &str) -> String {
        let host = self.gateway.split(':').next().unwrap_or_default();
        let place = self.processes().iter().position(|known| *known == roles);
        format!("{host}:{}", 9090 + place.unwrap_or(self.processes().len()))
    }

    /// The id of the process with these roles.
    pub fn pid(&self, roles: &str) -> u32 {
        let child = self.processes.get(roles).expect("a running process");
        child.id().expect("it runs")
    }

    /// Kills a process at once, as a crash does.
    pub async fn kill(&mut self, roles: &str) {
        let mut child = self.processes.remove(roles).expect("a running process");
        child.kill().await.expect("it is killed");
    }

    /// Tells a process to stop, as an operator does, and waits until it has: how it ended, and after how long.
    pub async fn terminate(&mut self, roles: &str) -> (std::process::ExitStatus, Duration) {
        let mut child = self.processes.remove(roles).expect("a running process");
        let id = child.id().expect("it runs").to_string();
        let started = tokio::time::Instant::now();
        let told = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(told.expect("kill is there").success());
        let ended = child.wait().await.expect("it ends");
        (ended, started.elapsed())
    }

    /// Kills every process at once and starts all of them again, on the same data.
    pub async fn restart(&mut self) {
        let running: Vec<String> = self.processes.keys().cloned().collect();
        for roles in running {
            self.kill(&roles).await;
        }
        self.start_all().await;
    }

    /// Has the disk be done with what laying all this out has left. It would be written half a minute later, in the middle of
    /// what is measured, and every commit would wait for it.
    ///
    /// # Panics
    /// Where the owner of the database may not ask for a checkpoint (`pg_checkpoint`).
    pub async fn settle(&self) {
        if let Some(url) = self.setting("MUSTER_DATABASE__OWNER_URL") {
            let options: PgConnectOptions = url.parse().expect("a URL");
            let mut conn = options.connect().await.expect("the database answers");
            conn.execute("CHECKPOINT").await.expect("the owner may ask for it");
            conn.close().await.expect("closed");
        }
        let _ = tokio::process::Command::new("sync").status().await;
    }

    /// One of the settings.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The folder of its files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Waits until the gateway says that every role serves.
    pub async fn ready(&self) {
        let asked = tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                if let Ok(channel) = endpoint(&self.gateway).connect().await
                    && crate::client::serves(channel).await
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        });
        assert!(
            asked.await.is_ok(),
            "the installation does not get ready:\n{}",
            self.logs()
        );
    }

    /// A new connection to the gateway.
    pub async fn channel(&self) -> Channel {
        endpoint(&self.gateway).connect().await.expect("the gateway answers")
    }

    /// A new connection to a service, round the gateway (split only).
    pub async fn channel_to(&self, service: &str) -> Channel {
        endpoint(self.services.get(service).expect("a split installation"))
            .connect()
            .await
            .expect("the service answers")
    }

    /// Runs `muster check` on the data.
    pub async fn check(&self) -> Result<String, String> {
        binary::run(&self.settings, &["check"], "").await
    }

    /// Everything that its processes logged.
    pub fn logs(&self) -> String {
        let read = |roles: &&str| std::fs::read_to_string(self.log_path(roles)).unwrap_or_default();
        self.processes().iter().map(read).collect()
    }

    /// Where the process with these roles writes its log.
    pub fn log_path(&self, roles: &str) -> PathBuf {
        self.folder.path().join(format!("{roles}.log"))
    }
}

/// A loopback address of its own, so that ports need not be looked for.
fn host() -> String {
    let [a, b, c] = World::system().random::<3>();
    format!("127.{}.{}.{}", a.clamp(1, 254), b, c.clamp(1, 254))
}

fn endpoint(address: &str) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect_timeout(Duration::from_secs(2))
}
