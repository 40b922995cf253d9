//! `muster`: see `muster --help`.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use muster::cli::{Cli, Command};
use muster::{check, dev, memory, migrate, serve, tenant};
use muster_kernel::config::{Config, DEFAULTS};
use muster_kernel::telemetry::Telemetry;

/// A call takes and gives back dozens of small pieces of memory, on whichever processor it happens to run.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    memory::use_small_pages();
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("muster: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if cli.dump_config {
        return Ok(print(DEFAULTS));
    }
    let Some(command) = cli.command else {
        return Ok(print(&Cli::command().render_long_help().to_string()));
    };
    let provider = rustls::crypto::ring::default_provider().install_default();
    provider.map_err(|_| anyhow::anyhow!("the cryptography cannot be set up"))?;
    let config = Config::load(cli.config.as_deref()).map_err(|error| anyhow::anyhow!("{}", error.message))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(64)
        .build()?;
    runtime.block_on(async {
        let process = match &command {
            Command::Serve { roles } => roles.0.iter().map(|role| role.name()).collect::<Vec<_>>().join("+"),
            _ => "muster".to_owned(),
        };
        let config = match &command {
            Command::Dev(_) => dev::settings(config),
            _ => config,
        };
        let telemetry = Arc::new(Telemetry::start(&config, &process)?);
        let outcome = match command {
            Command::Dev(args) => Box::pin(dev::run(config, args, Arc::clone(&telemetry)))
                .await
                .map(|()| ExitCode::SUCCESS),
            Command::Serve { roles } => serve::run(config, &roles.0, Arc::clone(&telemetry))
                .await
                .map(|()| ExitCode::SUCCESS),
            Command::Migrate { way } => migrate::run(&config, way).await.map(|text| print(&text)),
            Command::Check => check::run(&config).await.map(|findings| {
                print(&check::report(&findings));
                if findings.is_empty() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                }
            }),
            Command::Tenant { what } => tenant::run(&config, what).await.map(|text| print(&text)),
            Command::Health => serve::health(&config)
                .await
                .map(|()| ExitCode::SUCCESS)
                .context("not ready"),
        };
        telemetry.stop();
        outcome
    })
}

#[allow(clippy::print_stdout, reason = "the answer of a command")]
fn print(text: &str) -> ExitCode {
    println!("{}", text.trim_end());
    ExitCode::SUCCESS
}

#[allow(clippy::print_stderr, reason = "the answer of a command that failed")]
fn say(text: &str) {
    eprintln!("{text}");
}
