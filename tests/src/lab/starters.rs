//! Many processes that start at once on one data folder where nothing is yet.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use muster_kernel::clock::World;
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Endpoint;

use super::power::shim;
use crate::binary::{self, Settings};

/// Nobody takes longer than this.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// Services that keep a file.
const SERVICES: [&str; 2] = ["auth", "orders"];

/// Starts so many at once, waits until each serves, and looks at the data. How long the last one took. With `unlocked` no
/// lock on a file holds, and some of them must fail.
///
/// # Errors
/// Who does not come up, with its log; or what is wrong with the data.
pub async fn round(starters: u8, unlocked: bool) -> Result<Duration, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shim = unlocked.then(|| shim(folder.path()).expect("the shim is built"));
    let [a, b] = World::system().random::<2>();
    let started = Instant::now();
    let mut processes: Vec<Starter> = (1..=starters)
        .map(|number| {
            let host = format!("127.{}.{b}.{number}", a.clamp(1, 254));
            Starter::start(folder.path(), &host, shim.as_deref())
        })
        .collect();
    let up = join_all(processes.iter_mut().map(Starter::up)).await;
    let took = started.elapsed();
    let settings = settings(folder.path(), "127.0.0.1");
    let status = binary::run(&settings, &["migrate", "status"], "").await?;
    let check = binary::run(&settings, &["check"], "").await;
    for mut process in processes {
        process.child.kill().await.map_err(|error| error.to_string())?;
    }
    up.into_iter().collect::<Result<Vec<()>, String>>()?;
    if status.lines().any(|line| line.ends_with("missing")) || status.lines().count() < SERVICES.len() * 2 {
        return Err(format!("steps are missing:\n{status}"));
    }
    check.map(|_| took)
}

struct Starter {
    child: Child,
    gateway: String,
    log: std::path::PathBuf,
}

impl Starter {
    fn start(folder: &Path, host: &str, shim: Option<&Path>) -> Self {
        let log = folder.join(format!("{host}.log"));
        let mut settings = settings(folder, host);
        if let Some(shim) = shim {
            settings.push(("LD_PRELOAD".to_owned(), shim.display().to_string()));
            settings.push(("POWER_FAULT".to_owned(), "flock".to_owned()));
        }
        Self {
            child: binary::start(&settings, &["serve", "--roles", "all"], &log),
            gateway: format!("http://{host}:8080"),
            log,
        }
    }

    async fn up(&mut self) -> Result<(), String> {
        let channel = Endpoint::from_shared(self.gateway.clone()).expect("an address");
        let channel = channel.connect_lazy();
        let serving = timeout(UP_WITHIN, async {
            while !crate::client::serves(channel.clone()).await {
                sleep(Duration::from_millis(25)).await;
            }
        });
        let up = tokio::select! {
            up = serving => up.is_ok(),
            _ = self.child.wait() => false,
        };
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        up.then_some(())
            .ok_or_else(|| format!("{} is not up:\n{}", self.gateway, log()))
    }
}

fn settings(folder: &Path, host: &str) -> Settings {
    vec![
        ("MUSTER_MODE".to_owned(), "development".to_owned()),
        ("MUSTER_DATA_DIR".to_owned(), folder.join("data").display().to_string()),
        ("MUSTER_GATEWAY__LISTEN".to_owned(), format!("{host}:8080")),
        ("MUSTER_OPS__LISTEN".to_owned(), format!("{host}:9090")),
    ]
}
