//! A town for faults: every wire between its parts leads through the lab, and its processes are looked after.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster::demo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use super::crew::{Crew, Start};
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
    /// Its parts reach each other without wires. No fault can be made on the way, and the lab spends nothing on carrying: with
    /// wires, a tenth of the processors in a flood of requests.
    pub unwired: bool,
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
        let wires = match options.unwired {
            true => BTreeMap::new(),
            false => wire(&mut town, seed).await,
        };
        let crew = Crew::start(town.processes(), start(&town));
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

    /// A connection to the gateway, by its wire where there is one. It connects when it is used, and again when it is torn.
    pub fn channel(&self) -> Channel {
        let wire = self.wires.get(&("client", "gateway"));
        wire.map_or_else(|| self.plain_channel(), |wire| lazy(&wire.address()))
    }

    /// A connection to the gateway that no fault touches.
    pub fn plain_channel(&self) -> Channel {
        lazy(&self.town.gateway)
    }

    /// Starts a second process with these roles beside the first, waits until it is ready, and leads every wire to it. Answers
    /// its name. Connections that live stay with the first.
    pub async fn relieve(&mut self, roles: &'static str) -> &'static str {
        let second = stand_in(roles);
        if self.crew.roles().contains(&second) {
            self.crew.wake(second);
        } else {
            self.crew.add(second);
        }
        self.lead(roles, true).await;
        second
    }

    /// Starts the first process with these roles again, waits until it is ready, and leads every wire back to it.
    pub async fn give_back(&mut self, roles: &'static str) {
        self.crew.wake(roles);
        self.lead(roles, false).await;
    }

    async fn lead(&self, roles: &'static str, away: bool) {
        let settings: BTreeMap<_, _> = moved(&self.town, roles).into_iter().collect();
        let there = |name: &str| settings.get(name).cloned().unwrap_or_default();
        let (ops, address) = match (away, self.town.services.get(roles)) {
            (false, Some(address)) => (self.town.ops(roles), address.clone()),
            (false, None) => (self.town.ops(roles), self.town.gateway.clone()),
            (true, Some(_)) => (
                there("MUSTER_OPS__LISTEN"),
                there(&format!("MUSTER_ROLES__{}__LISTEN", roles.to_uppercase())),
            ),
            (true, None) => (there("MUSTER_OPS__LISTEN"), there("MUSTER_GATEWAY__LISTEN")),
        };
        ready(&ops).await;
        self.wires_to(roles).into_iter().for_each(|wire| wire.lead_to(&address));
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

/// Waits until the process with this operator port says that it is ready.
async fn ready(ops: &str) {
    let asked = timeout(Duration::from_secs(30), async {
        while !says_ready(ops).await.unwrap_or(false) {
            sleep(Duration::from_millis(25)).await;
        }
    });
    assert!(asked.await.is_ok(), "the process at {ops} does not get ready");
}

async fn says_ready(ops: &str) -> std::io::Result<bool> {
    let mut socket = TcpStream::connect(ops).await?;
    socket
        .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// How the processes of a town are started, and their stand-ins.
fn start(town: &Town) -> Start {
    let mut known = BTreeMap::new();
    for roles in town.processes() {
        let settings = town.settings_of(roles);
        let second = stand_in(roles);
        let moved = settings.iter().cloned().chain(moved(town, roles)).collect();
        known.insert(*roles, (*roles, settings, town.log_path(roles)));
        known.insert(second, (*roles, moved, town.log_path(roles)));
    }
    Arc::new(move |name| {
        let (roles, settings, log) = known.get(name).expect("a process of this town");
        crate::binary::start(settings, &["serve", "--roles", roles], log)
    })
}

/// The name of the process that takes the place of another.
pub fn stand_in(roles: &str) -> &'static str {
    match roles {
        "auth" => "auth, second",
        "orders" => "orders, second",
        "gateway" => "gateway, second",
        _ => "all, second",
    }
}

/// Where a stand-in listens: beside the one whose place it takes.
fn moved(town: &Town, roles: &str) -> Vec<(String, String)> {
    let beside = |address: &str| {
        let (host, port) = address.split_once(':').expect("host and port");
        format!("{host}:{}", port.parse::<u16>().expect("a port") + 100)
    };
    let own = match town.services.get(roles) {
        Some(address) => (
            format!("MUSTER_ROLES__{}__LISTEN", roles.to_uppercase()),
            beside(address),
        ),
        None => ("MUSTER_GATEWAY__LISTEN".to_owned(), beside(&town.gateway)),
    };
    vec![own, ("MUSTER_OPS__LISTEN".to_owned(), beside(&town.ops(roles)))]
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
