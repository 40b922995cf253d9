//! Other gateways in front of the echo, started as their operators would.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ground::Ground;
use super::process::Running;

/// HAProxy, passing calls on without checks.
const HAPROXY: &str = include_str!("../../benches/rivals/haproxy.cfg");
/// Envoy with tokens, rights and grpc-web.
const ENVOY: &str = include_str!("../../benches/rivals/envoy.yaml");

/// Starts Debian's HAProxy.
///
/// # Errors
/// If it is missing or does not listen.
pub async fn haproxy(ground: &Ground) -> anyhow::Result<(Running, String)> {
    let program = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].map(PathBuf::from);
    let program = program.into_iter().find(|path| path.is_file());
    let program = program.context("HAProxy is missing: run scripts/need bench")?;
    let address = ground.address(8081);
    let text = HAPROXY
        .replace("{listen}", &address)
        .replace("{upstream}", &ground.echo());
    let config = ground.write("haproxy.cfg", &text)?;
    let running = Running::start(
        &program,
        &["-db", "-f", &config],
        &Vec::new(),
        ground.path("haproxy.log"),
    );
    listens(&running, &address).await?;
    Ok((running, address))
}

/// Starts Envoy, with its cache of tokens or without.
///
/// # Errors
/// If it is missing or does not listen.
pub async fn envoy(ground: &Ground, cache: bool) -> anyhow::Result<(Running, String)> {
    let program = installed(&ground.tools()).context("Envoy is missing: run scripts/need bench")?;
    let port = if cache { 8082 } else { 8083 };
    let address = ground.address(port);
    let keys = get(&ground.gateway(), "/.well-known/jwks.json").await?;
    let (host, upstream_port) = (
        ground.host(),
        ground.echo().rsplit(':').next().unwrap_or_default().to_owned(),
    );
    let text = ENVOY
        .replace("{host}", host)
        .replace("{port}", &port.to_string())
        .replace("{upstream_port}", &upstream_port)
        .replace("{issuer}", &ground.issuer())
        .replace("{keys}", &keys)
        .replace("{permission}", &ground.permission().to_string())
        .replace(
            "{cache}",
            if cache {
                "jwt_cache_config: { jwt_cache_size: 20000 }"
            } else {
                ""
            },
        );
    let config = ground.write(&format!("envoy-{port}.yaml"), &text)?;
    let arguments = [
        "-c",
        &config,
        "--concurrency",
        "2",
        "--use-dynamic-base-id",
        "-l",
        "warning",
    ];
    let running = Running::start(
        &program,
        &arguments,
        &Vec::new(),
        ground.path(&format!("envoy-{port}.log")),
    );
    listens(&running, &address).await?;
    Ok((running, address))
}

/// Where `scripts/need bench` put Envoy; its folder is named after the version.
fn installed(tools: &Path) -> Option<PathBuf> {
    let folders = std::fs::read_dir(tools)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let ours = folders.filter(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("envoy-"))
    });
    ours.map(|path| path.join("envoy/_bin/envoy"))
        .filter(|path| path.is_file())
        .max()
}

/// Waits until something listens there.
///
/// # Errors
/// If nothing does within ten seconds.
pub async fn listens(running: &Running, address: &str) -> anyhow::Result<()> {
    let connected = tokio::time::timeout(Duration::from_secs(10), async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    connected
        .await
        .with_context(|| format!("nothing listens on {address}: {}", running.said()))
}

async fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(ask.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a head and a body")?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
    Ok(body.to_owned())
}
