//! A town for faults: every wire between its parts leads through the lab, and its processes are looked after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster::demo;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use super::crew::Crew;
use super::wire::Wire;
use crate::town::{Backends, SERVICES, Shape, Town};

/// Which database an installation works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// SQLite, all roles in one process.
    Sqlite,
    /// PostgreSQL and Redis, one process for each role.
    Postgres,
}

impl Store {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "pg",
        }
    }
}

/// What is special about an installation.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Settings over the usual ones.
    pub settings: Vec<(&'static str, String)>,
    /// PostgreSQL and Redis of its own.
    pub backends: Option<Backends>,
}

/// An installation in the lab.
pub struct Site {
    /// The installation. Its processes are with the crew.
    pub town: Town,
    /// Its processes.
    pub crew: Crew,
    /// The seed of everything that is thrown.
    pub seed: u64,
    /// Which database it works on.
    pub store: Store,
    wires: BTreeMap<(&'static str, &'static str), Wire>,
    folder: PathBuf,
}

impl Site {
    /// Starts an installation with the demo restaurant. What the run leaves (history, logs) goes to `folder`.
    pub async fn open(store: Store, seed: u64, folder: &Path, options: Options) -> Self {
        std::fs::create_dir_all(folder).expect("a folder for the run");
        let shape = match store {
            Store::Sqlite => Shape::AllInOne,
            Store::Postgres => Shape::Split,
        };
        let mut town = Town::prepared(shape, options.backends).await;
        let own = options
            .settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        town.settings.extend(own);
        let wires = wire(&mut town, seed).await;
        let settings: BTreeMap<_, _> = town
            .processes()
            .iter()
            .map(|roles| (*roles, town.settings_of(roles)))
            .collect();
        let logs: BTreeMap<_, _> = town
            .processes()
            .iter()
            .map(|roles| (*roles, town.log_path(roles)))
            .collect();
        let crew = Crew::start(town.processes(), move |roles| {
            let (settings, log) = (settings.get(roles).expect("settings"), logs.get(roles).expect("a log"));
            crate::binary::start(settings, &["serve", "--roles", roles], log)
        });
        town.ready().await;
        town.demo = demo::fill(&town.channel().await).await.expect("the demo is filled");
        let folder = folder.to_owned();
        Self {
            town,
            crew,
            seed,
            store,
            wires,
            folder,
        }
    }

    /// The wire from one part to another: `client`, `gateway`, `auth`, `orders`, `postgres`, `redis`. In one process there
    /// is only the one from `client` to `gateway`.
    pub fn wire(&self, from: &str, to: &str) -> &Wire {
        self.wires
            .iter()
            .find(|((has_from, has_to), _)| (*has_from, *has_to) == (from, to))
            .map(|(_, wire)| wire)
            .expect("a wire of this installation")
    }

    /// All wires that lead to a part.
    pub fn wires_to(&self, to: &str) -> Vec<&Wire> {
        self.wires
            .iter()
            .filter(|((_, leads_to), _)| *leads_to == to)
            .map(|(_, wire)| wire)
            .collect()
    }

    /// All wires.
    pub fn all_wires(&self) -> Vec<&Wire> {
        self.wires.values().collect()
    }

    /// Makes every wire well.
    pub fn heal(&self) {
        self.wires.values().for_each(Wire::heal);
    }

    /// A connection to the gateway, by its wire. It connects when it is used, and again when it is torn.
    pub fn channel(&self) -> Channel {
        lazy(&self.wire("client", "gateway").address())
    }

    /// A connection to the gateway that no fault touches.
    pub fn plain_channel(&self) -> Channel {
        lazy(&self.town.gateway)
    }

    /// What the run leaves goes here.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the gateway says that every role serves; how long that took.
    ///
    /// # Errors
    /// If it does not within `limit`.
    pub async fn serves(&self, limit: Duration) -> Result<Duration, String> {
        let started = Instant::now();
        let serving = timeout(limit, async {
            let channel = self.plain_channel();
            while !crate::client::serves(channel.clone()).await {
                sleep(Duration::from_millis(25)).await;
            }
        });
        serving
            .await
            .map_err(|_| format!("not every role serves after {limit:?}"))?;
        Ok(started.elapsed())
    }

    /// Keeps the logs of the processes beside the history.
    pub fn keep_logs(&self) {
        for roles in self.town.processes() {
            let _ = std::fs::copy(self.town.log_path(roles), self.folder.join(format!("{roles}.log")));
        }
    }
}

fn lazy(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(3))
        .connect_lazy()
}

/// Puts a wire on every edge and tells each process of its own.
async fn wire(town: &mut Town, seed: u64) -> BTreeMap<(&'static str, &'static str), Wire> {
    let mut wires = BTreeMap::new();
    wires.insert(("client", "gateway"), Wire::to(&town.gateway, seed).await);
    if town.shape == Shape::AllInOne {
        return wires;
    }
    for (from, to) in [("gateway", "auth"), ("gateway", "orders"), ("orders", "auth")] {
        let address = town.services.get(to).expect("a service's address");
        let wire = Wire::to(address, seed).await;
        let setting = (
            format!("MUSTER_ROLES__{}__ADDRESS", to.to_uppercase()),
            format!("http://{}", wire.address()),
        );
        town.particular.entry(from.to_owned()).or_default().push(setting);
        wires.insert((from, to), wire);
    }
    let to_database = SERVICES
        .into_iter()
        .map(|role| (role, "postgres", "MUSTER_DATABASE__URL"));
    let to_redis = SERVICES
        .into_iter()
        .chain(["gateway"])
        .map(|role| (role, "redis", "MUSTER_REDIS__URL"));
    for (from, to, name) in to_database.chain(to_redis) {
        let url = town.setting(name).expect("a URL").to_owned();
        let (before, host, after) = split_url(&url);
        let wire = Wire::to(host, seed).await;
        let led = format!("{before}{}{after}", wire.address());
        town.particular
            .entry(from.to_owned())
            .or_default()
            .push((name.to_owned(), led));
        wires.insert((from, to), wire);
    }
    wires
}

/// What stands before the host and port of a URL, those two, and what stands after them.
fn split_url(url: &str) -> (&str, &str, &str) {
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let end = url
        .get(scheme..)
        .and_then(|rest| rest.find('/'))
        .map_or(url.len(), |at| scheme + at);
    let (authority, after) = url.split_at(end);
    let host = authority.rfind('@').map_or(scheme, |at| at + 1);
    let (before, host) = authority.split_at(host);
    (before, host, after)
}
