//! `muster dev`: everything in one process on SQLite, with a demo tenant, for trying out.

use std::sync::Arc;

use anyhow::Context;
use muster_kernel::config::{Config, Engine, Mode};
use muster_kernel::telemetry::Telemetry;
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;

use crate::cli::DevArgs;
use crate::demo::{self, Demo};
use crate::listeners::Listeners;
use crate::migrate;
use crate::process::{Process, service_deps};
use crate::role::Role;
use crate::serve::stop_signal;

/// What `dev` sets differently: SQLite always, development mode always, logs for people.
pub fn settings(mut config: Config) -> Config {
    config.mode = Mode::Development;
    config.database.engine = Engine::Sqlite;
    config.log.format = "text".to_owned();
    // What people read on a terminal: what goes wrong, not each request.
    config.log.filter = config.log.filter.replacen("info", "warn", 1);
    // One machine is every client here: screens, tools, and the demo's own servers.
    config.gateway.public_per_second = config.gateway.public_per_second.max(50);
    config.gateway.public_burst = config.gateway.public_burst.max(200);
    config.gateway.principal_burst = config.gateway.principal_burst.max(1000);
    config.gateway.connections_per_address = config.gateway.connections_per_address.max(1000);
    config
}

/// Runs until the process is told to stop.
///
/// # Errors
/// If an address is taken or the data folder cannot be used.
pub async fn run(config: Config, args: DevArgs, telemetry: Arc<Telemetry>) -> anyhow::Result<()> {
    if args.fresh {
        forget(&config)?;
    }
    migrate::up(&config).await?;
    let auth = service_deps(&config, Role::Auth).await?;
    demo::create_tenants(&auth).await.context("making the demo tenants")?;
    auth.db.close().await;
    drop(auth);

    let roles = Role::ALL.into_iter().collect();
    let listeners = Listeners::bind(&config, &roles)?;
    let address = listeners.address(Role::Gateway).context("the gateway has an address")?;
    let process = Process::start(config, &roles, listeners, Some(telemetry)).await?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    let demo = demo::fill(&channel).await?;
    show(&banner(&format!("http://{address}"), &demo));

    let stop = CancellationToken::new();
    if args.rush {
        let (channel, demo, stop) = (channel.clone(), demo.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(error) = demo::rush::run(channel, demo, args.orders_per_minute, 1, stop).await {
                tracing::warn!(error = format!("{error:#}"), "the rush is over");
            }
        });
    }
    stop_signal().await?;
    stop.cancel();
    drop(channel);
    process.stop().await;
    Ok(())
}

/// Deletes the databases of earlier runs, and nothing else.
fn forget(config: &Config) -> anyhow::Result<()> {
    for role in Role::SERVICES {
        for ending in ["db", "db-wal", "db-shm", "lock"] {
            let path = config.data_dir.join(format!("{role}.{ending}"));
            if path.exists() {
                std::fs::remove_file(&path).with_context(|| format!("{} cannot be deleted", path.display()))?;
            }
        }
    }
    Ok(())
}

fn banner(url: &str, demo: &Demo) -> String {
    let (slug, password) = (demo::SLUG, demo::PASSWORD);
    let plain = url.trim_start_matches("http://");
    let location = &demo.location_id;
    let burger = demo::burger();
    format!(
        r#"
Muster is serving "Juniper & Rye", a demo restaurant, at {url}

  Kitchen screen   {url}/kitchen/
  gRPC, grpc-web   {plain}
  Tenant           {slug}            (next door: {neighbour})
  Password         {password}
  People           olive (owner), mara (manager), sam, priya, tomasz (servers), kenji, rosa (kitchen)
  Location         {location}

Sign in:
  grpcurl -plaintext -d '{{"tenant_slug":"{slug}","login":"sam","password":"{password}"}}' \
    {plain} muster.auth.v1.SessionService/SignIn

Place an order (TOKEN is the access_token of the answer):
  grpcurl -plaintext -H "authorization: Bearer $TOKEN" -H "idempotency-key: my-first-order" \
    -d '{{"location_id":"{location}","dining_option":"DINING_OPTION_DINE_IN","table":"12",
         "items":[{{"menu_item_id":"{burger}","quantity":2}}]}}' \
    {plain} muster.orders.v1.OrderService/PlaceOrder
"#,
        neighbour = demo::NEIGHBOUR,
    )
}

#[allow(clippy::print_stdout, reason = "what dev is asked for")]
fn show(text: &str) {
    println!("{text}");
}
