//! `muster migrate`: schemas up, down, and how they stand.

use std::fmt::Write;

use anyhow::Context;
use muster_kernel::config::{Config, Engine};
use muster_kernel::db::migrate;

use crate::cli::MigrateCommand;
use crate::role::Role;

/// Runs the command and answers what to print.
///
/// # Errors
/// If a database is out of reach or a step fails.
pub async fn run(config: &Config, way: MigrateCommand) -> anyhow::Result<String> {
    prepare(config)?;
    let mut text = String::new();
    for role in Role::SERVICES {
        let target = config.migration_target(role.name());
        match way {
            MigrateCommand::Up => {
                migrate::up(role.name(), role.steps(), &target)
                    .await
                    .with_context(|| format!("migrating {role}"))?;
                writeln!(text, "{role}: up to date")?;
            }
            MigrateCommand::Down { keep } => {
                let done = migrate::down(role.name(), role.steps(), &target, keep).await;
                done.with_context(|| format!("migrating {role}"))?;
                writeln!(text, "{role}: steps after {keep} taken back")?;
            }
            MigrateCommand::Status => {
                for step in migrate::status(role.name(), role.steps(), &target).await? {
                    writeln!(
                        text,
                        "{role} {} {}",
                        step.name,
                        if step.applied { "applied" } else { "missing" }
                    )?;
                }
            }
        }
    }
    Ok(text)
}

/// Brings every schema up to date.
///
/// # Errors
/// As [`run`].
pub async fn up(config: &Config) -> anyhow::Result<()> {
    run(config, MigrateCommand::Up).await.map(drop)
}

/// Whether every step of these roles is applied.
///
/// # Errors
/// If one is missing: a process does not work on a schema that it does not know.
pub async fn require(config: &Config, roles: impl IntoIterator<Item = Role>) -> anyhow::Result<()> {
    for role in roles.into_iter().filter(|role| *role != Role::Gateway) {
        let target = config.migration_target(role.name());
        let steps = migrate::status(role.name(), role.steps(), &target).await?;
        let missing: Vec<String> = steps
            .into_iter()
            .filter(|step| !step.applied)
            .map(|step| step.name)
            .collect();
        anyhow::ensure!(
            missing.is_empty(),
            "{role} misses {}: run `muster migrate up` first",
            missing.join(", ")
        );
    }
    Ok(())
}

fn prepare(config: &Config) -> anyhow::Result<()> {
    if config.database.engine == Engine::Sqlite {
        std::fs::create_dir_all(&config.data_dir)
            .with_context(|| format!("the data folder {} cannot be made", config.data_dir.display()))?;
    }
    Ok(())
}
