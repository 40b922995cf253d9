//! What is done to an installation. A new scenario is one file here and one line in [`ALL`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::future::BoxFuture;
use muster::demo::SLUG;

use super::judge::Verdict;
use super::load::Load;
use super::site::{Options, Site, Store};
use super::watch::Watcher;
use crate::client::Caller;

mod attack;
pub mod beside;
mod calm;
mod cold;
mod full;
mod kill;
mod power;
mod rolling;
mod sign_ins;
mod slow;
mod spike;
pub mod storage;

/// Every scenario, in the order in which `SCENARIO=all` runs them.
pub const ALL: &[Scenario] = &[
    attack::SCENARIO,
    calm::SCENARIO,
    cold::SCENARIO,
    full::SCENARIO,
    kill::SCENARIO,
    power::SCENARIO,
    rolling::SCENARIO,
    sign_ins::SCENARIO,
    slow::SCENARIO,
    spike::SCENARIO,
    storage::RESTART,
    storage::FAILOVER,
    storage::DROPPED,
    storage::FROZEN,
    storage::PARTITION,
    storage::REDIS,
    storage::REPLAY,
];

/// Both databases.
pub const BOTH: &[Store] = &[Store::Sqlite, Store::Postgres];

/// A fault, or several, under load.
pub struct Scenario {
    /// Its name on the command line.
    pub name: &'static str,
    /// The items of RELIABILITY that it is about.
    pub items: &'static [&'static str],
    /// On which databases.
    pub stores: &'static [Store],
    /// What happens, in one line.
    pub about: &'static str,
    /// Runs it. At most 90 seconds unless it was asked for more.
    pub run: fn(Run) -> BoxFuture<'static, Verdict>,
}

/// What a scenario is started with.
#[derive(Debug, Clone)]
pub struct Run {
    /// On which database.
    pub store: Store,
    /// Decides everything that is thrown.
    pub seed: u64,
    /// Where it leaves history and logs.
    pub folder: PathBuf,
    /// What else was asked for: `KILLS=200`.
    pub wishes: BTreeMap<String, String>,
}

impl Run {
    /// A number that may be asked for.
    pub fn wish<T: std::str::FromStr>(&self, name: &str, usual: T) -> T {
        self.wishes.get(name).map_or(usual, |text| {
            text.parse()
                .ok()
                .unwrap_or_else(|| panic!("{name}={text} is not a number"))
        })
    }

    /// How long the load lasts.
    pub fn seconds(&self, usual: u64) -> Duration {
        Duration::from_secs(self.wish("SECONDS", usual))
    }

    /// Starts an installation.
    pub async fn site(&self, options: Options) -> Site {
        Site::open(self.store, self.seed, &self.folder, options).await
    }
}

/// A site with clients and screens, as most scenarios begin.
pub struct Stage {
    /// The installation.
    pub site: Site,
    /// Its clients.
    pub load: std::sync::Arc<Load>,
    /// Its screens.
    pub watchers: Vec<Watcher>,
    /// The token of the screens.
    pub token: String,
}

impl Stage {
    /// So many clients and screens.
    pub async fn set(site: Site, clients: usize, screens: usize) -> Self {
        let token = Caller::sign_in(site.plain_channel(), SLUG, "kenji").await.token;
        let load = Load::sign_in(&site, clients).await;
        let watchers = (0..screens).map(|_| Watcher::open(&site, &token)).collect();
        site.town.settle().await;
        Self {
            site,
            load,
            watchers,
            token,
        }
    }

    /// Ends the faults and judges.
    pub async fn judge(&mut self) -> Verdict {
        super::judge::judge(&mut self.site, &self.load, &self.watchers, &self.token).await
    }
}
