//! Where settings come from.

use std::collections::HashMap;
use std::path::Path;

use config::{Environment, File, FileFormat};

use super::{Config, DEFAULTS, refuse};
use crate::error::Error;

impl Config {
    /// Reads defaults, the file if one is named, and the environment.
    ///
    /// # Errors
    /// If a setting is unknown or of the wrong kind, a file cannot be read, or production mode finds what it refuses.
    pub fn load(file: Option<&Path>) -> Result<Self, Error> {
        let mut sources = config::Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            sources = sources.add_source(File::from(file).format(FileFormat::Toml));
        }
        let variables: Vec<(String, String)> = std::env::vars().filter(|(name, _)| is_setting(name)).collect();
        let (files, values): (Vec<_>, Vec<_>) = variables.into_iter().partition(|(name, _)| name.ends_with("_FILE"));
        let mut environment: HashMap<String, String> = values.into_iter().collect();
        for (name, path) in files {
            let text = std::fs::read_to_string(&path)
                .map_err(|cause| refuse(format!("{name} names a file that cannot be read: {cause}")))?;
            environment.insert(name.trim_end_matches("_FILE").to_owned(), text.trim().to_owned());
        }
        let environment = Environment::with_prefix("MUSTER")
            .prefix_separator("_")
            .separator("__")
            .list_separator(",")
            .with_list_parse_key("gateway.cors_origins")
            .try_parsing(true)
            .source(Some(environment));
        let loaded = sources
            .add_source(environment)
            .build()
            .map_err(|cause| refuse(cause.to_string()))?;
        let config: Self = loaded.try_deserialize().map_err(|cause| refuse(cause.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

/// `MUSTER_CONFIG` names the file; `MUSTER_TEST_…` belongs to tests.
fn is_setting(name: &str) -> bool {
    name.starts_with("MUSTER_") && name != "MUSTER_CONFIG" && !name.starts_with("MUSTER_TEST_")
}
