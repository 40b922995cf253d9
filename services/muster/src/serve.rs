//! `muster serve` and `muster health`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use muster_kernel::config::{Config, Engine, Mode};
use muster_kernel::telemetry::Telemetry;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use crate::listeners::Listeners;
use crate::migrate;
use crate::process::Process;
use crate::role::Role;

/// Serves the roles until the process is told to stop.
///
/// # Errors
/// If something that is needed is not there; the sentence says what and what to do.
pub async fn run(config: Config, roles: &BTreeSet<Role>, telemetry: Arc<Telemetry>) -> anyhow::Result<()> {
    config
        .check_cluster()
        .map_err(|error| anyhow::anyhow!("{}", error.message))?;
    if roles.iter().any(|role| *role != Role::Gateway) {
        config
            .check_data()
            .map_err(|error| anyhow::anyhow!("{}", error.message))?;
    }
    tracing::info!(roles = ?roles, "starting with these settings:\n{}", config.shown()?);
    if config.mode == Mode::Development {
        tracing::warn!("development mode: default secrets are accepted and reflection is open");
    }
    // SQLite belongs to this process alone, so it may as well bring it up to date. PostgreSQL is migrated by an operator.
    match config.database.engine {
        Engine::Sqlite if roles.iter().any(|role| *role != Role::Gateway) => migrate::up(&config).await?,
        // The working role may not change the schema, nor need it know the owner: it only looks.
        Engine::Postgres => {
            let mut as_worker = config.clone();
            as_worker.database.owner_url = as_worker.database.url.expose_secret().to_owned().into();
            migrate::require(&as_worker, roles.iter().copied()).await?;
        }
        Engine::Sqlite => {}
    }
    let listeners = Listeners::bind(&config, roles)?;
    let process = Process::start(config, roles, listeners, Some(telemetry)).await?;
    tracing::info!("serving");
    stop_signal().await?;
    tracing::info!("stopping");
    process.stop().await;
    Ok(())
}

/// Waits for SIGTERM or SIGINT.
///
/// # Errors
/// If signals cannot be heard.
pub async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        done = tokio::signal::ctrl_c() => done?,
    }
    Ok(())
}

/// Asks the process on this machine whether it is ready.
///
/// # Errors
/// If it is not, with what it says of itself.
pub async fn health(config: &Config) -> anyhow::Result<()> {
    let ask = async {
        let mut socket = tokio::net::TcpStream::connect(config.ops.listen).await?;
        socket
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = tokio::time::timeout(Duration::from_secs(3), ask)
        .await
        .context("no answer in time")?;
    let answer = answer.with_context(|| format!("nobody answers at {}", config.ops.listen))?;
    anyhow::ensure!(
        answer.starts_with("HTTP/1.1 200"),
        "{}",
        answer.lines().last().unwrap_or_default()
    );
    Ok(())
}
