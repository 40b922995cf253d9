//! Tokens that no sign-in gives: expired ones, old ones, and those of Muster's own parts.

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster::process::service_deps;
use muster::role::Role;
use muster_auth::keys::KeyRing;
use muster_kernel::clock::World;
use muster_kernel::config::Config;
use muster_kernel::identity::{Claims, ServiceKey};
use muster_kernel::seal::MasterKey;

use crate::town::Town;

/// The town's own signing key and cluster key, as only a thief or an operator could have them.
pub struct Forge {
    keys: KeyRing,
    services: ServiceKey,
}

impl Forge {
    /// Opens the town's keys with its secrets.
    ///
    /// # Errors
    /// If the database does not open.
    pub async fn open(town: &Town) -> anyhow::Result<Self> {
        let secret = |name: &str| -> anyhow::Result<String> {
            let setting = town
                .setting(&format!("MUSTER_SECRETS__{name}_FILE"))
                .context("a secret's file")?;
            Ok(std::fs::read_to_string(setting)?)
        };
        let mut file = format!(
            "mode = 'production'\ndata_dir = '{}'\n",
            town.setting("MUSTER_DATA_DIR").unwrap_or_default()
        );
        file += &format!(
            "[secrets]\ncluster = '{}'\nmaster = '{}'\n",
            secret("CLUSTER")?,
            secret("MASTER")?
        );
        if let Some(url) = town.setting("MUSTER_DATABASE__URL") {
            file += &format!("[database]\nengine = 'postgres'\nconnections = 2\nurl = '{url}'\n");
        }
        let path = town.folder().join("forge.toml");
        std::fs::write(&path, file)?;
        let config = Config::load(Some(&path))?;
        let deps = service_deps(&config, Role::Auth).await?;
        let services = ServiceKey::new(&MasterKey::from_secret(&secret("CLUSTER")?), World::system());
        Ok(Self {
            keys: KeyRing::open(&deps).await?,
            services,
        })
    }

    /// The same token with other claims, signed as auth would.
    pub fn token(&self, token: &str, change: impl FnOnce(&mut Claims)) -> String {
        let part = token.split('.').nth(1).expect("a token has three parts");
        let json = URL_SAFE_NO_PAD.decode(part).expect("claims are base64");
        let mut claims: Claims = serde_json::from_slice(&json).expect("claims are JSON");
        change(&mut claims);
        self.keys.sign(&claims).expect("there is a signing key")
    }

    /// What a part of Muster would send in `muster-service`.
    pub fn service(&self, name: &str) -> String {
        self.services.token(name)
    }
}
