//! The installation that the gateway is measured in: auth and the gateway as they are, the echo where orders would be.

use std::path::{Path, PathBuf};

use anyhow::Context;
use muster::demo::{PASSWORD, SLUG};
use muster_kernel::clock::World;
use muster_proto::rule;
use tempfile::TempDir;
use tonic::transport::Endpoint;

use super::echo::METHOD;
use super::process::Running;
use super::rivals::listens;
use crate::binary::{self, Settings};
use crate::client::sign_in;

const ISSUER: &str = "http://bench.localhost";

/// Files, addresses and settings of the measurement, and the processes that every way needs.
pub struct Ground {
    folder: TempDir,
    host: String,
    settings: Settings,
    auth: Option<Running>,
}

impl Ground {
    /// Makes the settings and a tenant, and starts auth.
    ///
    /// # Errors
    /// If auth does not start.
    pub async fn prepare() -> anyhow::Result<Self> {
        let [a, b, c] = World::system().random::<3>();
        let host = format!("127.{}.{b}.{}", a.clamp(1, 254), c.clamp(1, 254));
        let mut ground = Self {
            folder: tempfile::tempdir()?,
            host,
            settings: Settings::new(),
            auth: None,
        };
        ground.settings = ground.usual()?;
        ground.muster(&["migrate", "up"], "").await?;
        let tenant = ["tenant", "create", "--slug", SLUG, "--name", "Juniper & Rye"];
        let owner = ["--owner-name", "Olive Okafor", "--owner-login", "olive"];
        ground.muster(&[tenant.as_slice(), &owner].concat(), PASSWORD).await?;
        let auth = ground.start("auth", &["serve", "--roles", "auth"], 9091);
        listens(&auth, &ground.address(7001)).await?;
        ground.auth = Some(auth);
        Ok(ground)
    }

    /// Everything is checked and counted, with limits that the load does not reach.
    fn usual(&self) -> anyhow::Result<Settings> {
        let mut settings: Settings = Vec::new();
        let mut set = |name: &str, value: String| settings.push((format!("MUSTER_{name}"), value));
        set("MODE", "production".into());
        set("ISSUER", ISSUER.into());
        set("DATA_DIR", self.path("data").display().to_string());
        set("LOG__FILTER", "info,muster::access=warn,sqlx=warn".into());
        set("GATEWAY__LISTEN", self.gateway());
        for kind in ["TENANT", "PRINCIPAL", "ADDRESS", "PUBLIC"] {
            set(&format!("GATEWAY__{kind}_PER_SECOND"), "1000000".into());
            set(&format!("GATEWAY__{kind}_BURST"), "1000000".into());
        }
        set("GATEWAY__CONNECTIONS_PER_ADDRESS", "2000".into());
        for (role, port) in [("AUTH", 7001), ("ORDERS", 7002)] {
            set(&format!("ROLES__{role}__LISTEN"), self.address(port));
            set(
                &format!("ROLES__{role}__ADDRESS"),
                format!("http://{}", self.address(port)),
            );
        }
        for name in ["cluster", "master"] {
            let secret: String = World::system()
                .random::<32>()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            set(
                &format!("SECRETS__{}_FILE", name.to_uppercase()),
                self.write(name, &secret)?,
            );
        }
        if let Ok(redis) = std::env::var("MUSTER_TEST_REDIS_URL") {
            set("REDIS__URL", redis);
        }
        Ok(settings)
    }

    /// Starts the binary, with an operator port of its own.
    pub fn start(&self, name: &str, arguments: &[&str], ops: u16) -> Running {
        let mut settings = self.settings.clone();
        settings.push(("MUSTER_OPS__LISTEN".to_owned(), self.address(ops)));
        Running::start(&binary::path(), arguments, &settings, self.path(&format!("{name}.log")))
    }

    /// Starts this very program again, as the echo; its gateway, if it has one, listens on `port`.
    ///
    /// # Errors
    /// If the program does not know where it is.
    pub fn start_echo(&self, shape: &str, port: u16) -> anyhow::Result<Running> {
        let mut settings = self.settings.clone();
        settings.push(("MUSTER_GATEWAY__LISTEN".to_owned(), self.address(port)));
        let program = std::env::current_exe()?;
        Ok(Running::start(
            &program,
            &["echo", shape],
            &settings,
            self.path(&format!("echo-{shape}.log")),
        ))
    }

    /// Signs in through the gateway: an access token, good for ten minutes.
    ///
    /// # Errors
    /// What the sign-in answers.
    pub async fn token(&self) -> anyhow::Result<String> {
        let channel = Endpoint::from_shared(format!("http://{}", self.gateway()))?
            .connect()
            .await?;
        let answer = sign_in(&channel, SLUG, "olive", PASSWORD).await?;
        Ok(answer.tokens.context("a sign-in answers with tokens")?.access_token)
    }

    async fn muster(&self, arguments: &[&str], input: &str) -> anyhow::Result<String> {
        binary::run(&self.settings, arguments, input)
            .await
            .map_err(anyhow::Error::msg)
    }

    /// Where the gateway listens.
    pub fn gateway(&self) -> String {
        self.address(8080)
    }

    /// Where the echo listens.
    pub fn echo(&self) -> String {
        self.address(7002)
    }

    /// A port of this measurement's own address.
    pub fn address(&self, port: u16) -> String {
        format!("{}:{port}", self.host)
    }

    /// This measurement's own address of the loopback network.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The issuer of its tokens.
    pub fn issuer(&self) -> String {
        ISSUER.to_owned()
    }

    /// The number of the right that the method asks for.
    pub fn permission(&self) -> i32 {
        let rule = rule(METHOD).expect("a method of the contract");
        rule.permissions
            .iter()
            .map(|permission| *permission as i32)
            .next()
            .expect("a right")
    }

    /// A file of this measurement.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and answers where.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.path(name);
        std::fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    /// Where `scripts/need` puts what Debian does not have.
    pub fn tools(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools")
    }
}
