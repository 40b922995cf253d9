//! Settings: defaults, then a file, then the environment. Secrets by value or by file, masked wherever they are shown.

mod load;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::db::Place;
use crate::db::migrate::Target;
use crate::error::Error;

/// The documented defaults, as `--dump-config` prints them.
pub const DEFAULTS: &str = include_str!("default.toml");

/// A secret must have so many characters in production.
const SHORTEST_SECRET: usize = 32;

/// Whether it is for trying out or for real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// For trying out and for building Muster.
    Development,
    /// For real: refuses what is only good for trying out.
    Production,
}

/// Every setting. `default.toml` says what each is for.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Config {
    pub mode: Mode,
    pub issuer: String,
    pub data_dir: PathBuf,
    pub clock_offset_ms: i64,
    pub log: Log,
    pub trace: Trace,
    pub ops: Ops,
    pub gateway: Gateway,
    pub shed: Shed,
    pub database: Database,
    pub redis: Redis,
    pub roles: BTreeMap<String, Role>,
    pub secrets: Secrets,
}

/// How to log.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Log {
    pub format: String,
    pub filter: String,
}

/// Where traces go.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Trace {
    pub otlp_endpoint: String,
    pub per_mille: u32,
}

/// The listener for operators.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Ops {
    pub listen: SocketAddr,
}

/// The gateway.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Gateway {
    pub listen: SocketAddr,
    pub tls_certificate: String,
    pub tls_key: String,
    pub cors_origins: Vec<String>,
    pub trusted_hops: usize,
    pub tenant_per_second: u32,
    pub tenant_burst: u32,
    pub principal_per_second: u32,
    pub principal_burst: u32,
    pub address_per_second: u32,
    pub address_burst: u32,
    pub public_per_second: u32,
    pub public_burst: u32,
    pub tenant_calls_at_once: usize,
    pub tenant_streams_at_once: usize,
    pub connections: usize,
    pub connections_per_address: usize,
}

/// How much may run at once.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Shed {
    pub calls_at_once: usize,
    pub reads_at_once: usize,
    pub lists_at_once: usize,
}

/// The database.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Database {
    pub engine: Engine,
    #[serde(serialize_with = "masked")]
    pub url: SecretString,
    #[serde(serialize_with = "masked")]
    pub owner_url: SecretString,
    pub app_role: String,
    pub connections: u32,
}

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// One file per service.
    Sqlite,
    /// One schema per service.
    Postgres,
}

/// Redis.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Redis {
    #[serde(serialize_with = "masked")]
    pub url: SecretString,
}

/// Where a role is.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Role {
    pub listen: SocketAddr,
    pub address: String,
}

/// Secrets of the installation.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each")]
pub struct Secrets {
    #[serde(serialize_with = "masked")]
    pub cluster: SecretString,
    #[serde(serialize_with = "masked")]
    pub master: SecretString,
}

fn masked<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(if secret.expose_secret().is_empty() {
        ""
    } else {
        "(hidden)"
    })
}

impl Config {
    /// Checks what a process that serves data needs: a database, and in production a master secret of one's own.
    ///
    /// # Errors
    /// A sentence that names the setting and what to do.
    pub fn check_data(&self) -> Result<(), Error> {
        if self.database.engine == Engine::Postgres && self.database.url.expose_secret().is_empty() {
            return Err(refuse("database.engine is postgres, and database.url is empty"));
        }
        self.check_secret("secrets.master", &self.secrets.master)
    }

    /// Checks what every process that serves needs: in production a cluster secret of one's own.
    ///
    /// # Errors
    /// A sentence that names the setting and what to do.
    pub fn check_cluster(&self) -> Result<(), Error> {
        self.check_secret("secrets.cluster", &self.secrets.cluster)
    }

    fn check_secret(&self, name: &str, secret: &SecretString) -> Result<(), Error> {
        let secret = secret.expose_secret();
        if self.mode == Mode::Development {
            return Ok(());
        }
        if DEFAULTS.contains(secret) {
            return Err(refuse(format!(
                "{name} is the default, which everybody knows: set MUSTER_SECRETS__{}_FILE to a file with a secret of \
                 your own, for example from `openssl rand -hex 32`",
                name.trim_start_matches("secrets.").to_uppercase()
            )));
        }
        if secret.chars().count() < SHORTEST_SECRET {
            return Err(refuse(format!("{name} is shorter than {SHORTEST_SECRET} characters")));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        if self.gateway.tls_certificate.is_empty() != self.gateway.tls_key.is_empty() {
            return Err(refuse("gateway.tls_certificate and gateway.tls_key go together"));
        }
        if self.mode == Mode::Production && self.clock_offset_ms != 0 {
            return Err(refuse("clock_offset_ms is for tests"));
        }
        Ok(())
    }

    /// The settings in force as TOML, secrets hidden.
    ///
    /// # Errors
    /// Never, for settings that were loaded.
    pub fn shown(&self) -> Result<String, Error> {
        toml::to_string(self).map_err(Error::internal)
    }

    /// Where a service keeps its data.
    pub fn place(&self, service: &str) -> Place {
        match self.database.engine {
            Engine::Sqlite => Place::Sqlite(self.data_dir.join(format!("{service}.db"))),
            Engine::Postgres => Place::Postgres {
                url: self.database.url.expose_secret().to_owned(),
                connections: self.database.connections,
            },
        }
    }

    /// Where its migrations run.
    pub fn migration_target(&self, service: &str) -> Target {
        match self.database.engine {
            Engine::Sqlite => Target::Sqlite(self.data_dir.join(format!("{service}.db"))),
            Engine::Postgres => {
                let owner = self.database.owner_url.expose_secret();
                let (url, role) = if owner.is_empty() {
                    (self.database.url.expose_secret(), None)
                } else {
                    (owner, Some(self.database.app_role.clone()))
                };
                Target::Postgres {
                    owner_url: url.to_owned(),
                    app_role: role,
                }
            }
        }
    }
}

fn refuse(why: impl Into<String>) -> Error {
    Error::failed_precondition("BAD_CONFIG", why.into())
}

#[cfg(test)]
mod tests {
    use config::{File, FileFormat};

    use super::*;

    fn with(changes: &str) -> Result<Config, Error> {
        let sources = config::Config::builder()
            .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
            .add_source(File::from_str(changes, FileFormat::Toml));
        let config: Config = sources
            .build()
            .unwrap()
            .try_deserialize()
            .map_err(|e| refuse(e.to_string()))?;
        config.check().map(|()| config)
    }

    #[test]
    fn defaults_are_complete_and_good_for_development() {
        with("").unwrap();
    }

    #[test]
    fn production_refuses_default_and_short_secrets_and_says_which() {
        let production = with("mode = 'production'").unwrap();
        assert!(
            production
                .check_cluster()
                .unwrap_err()
                .message
                .contains("secrets.cluster is the default")
        );
        assert!(
            production
                .check_data()
                .unwrap_err()
                .message
                .contains("secrets.master is the default")
        );
        let short = with("mode = 'production'\n[secrets]\ncluster = 'short'\nmaster = 'short'").unwrap();
        assert!(short.check_cluster().unwrap_err().message.contains("shorter than"));
        let good = format!(
            "mode = 'production'\n[secrets]\ncluster = '{0}'\nmaster = '{0}'",
            "x1".repeat(20)
        );
        let good = with(&good).unwrap();
        good.check_cluster().and_then(|()| good.check_data()).unwrap();
    }

    #[test]
    fn secrets_are_hidden_and_typos_refused() {
        assert!(!with("").unwrap().shown().unwrap().contains("not for production"));
        assert!(with("isuer = 'x'").is_err());
    }
}
