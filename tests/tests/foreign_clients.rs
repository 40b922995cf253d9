//! Clients that are not ours: command line, Python, Node and a browser, each against an installation of its own, and the
//! manual's commands against `muster dev`. The programs are in `tests/foreign/`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster::demo::{self, PASSWORD};
use muster_tests::binary;
use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};
use tokio::process::Command;

const DEVELOPMENT: &[(&str, &str)] = &[("MUSTER_MODE", "development")];

/// What a program is told about the installation, beside its address.
fn facts(town: &Town) -> Vec<(&'static str, String)> {
    vec![
        ("MUSTER_ADDRESS", town.gateway.clone()),
        ("MUSTER_LOCATION", town.demo.location_id.clone()),
        ("MUSTER_BURGER", demo::burger()),
        ("MUSTER_PASSWORD", PASSWORD.to_owned()),
    ]
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in the repository")
}

/// Where a tool is: beside the others that `scripts/need` installed, or on the path.
fn tool(name: &str) -> PathBuf {
    let own = root().join("target/tools/node_modules/.bin").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::iter::once(own).chain(std::env::split_paths(&path).map(|folder| folder.join(name)));
    let found = found.into_iter().find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: `scripts/need test` installs it"))
}

/// Runs a program of `tests/foreign/` to its end, which it reaches only if everything is as it should be.
async fn run(program: &str, arguments: &[&str], facts: &[(&'static str, String)]) {
    let folder = root().join("tests/foreign");
    let python = root().join("target/tools/python");
    for (needed, what) in [
        (folder.join("node_modules"), "npm packages"),
        (python.clone(), "Python packages"),
    ] {
        assert!(
            needed.is_dir(),
            "the {what} of tests/foreign are missing: `scripts/need test` installs them"
        );
    }
    let interpreter = tool(if Path::new(program).extension().is_some_and(|end| end == "py") {
        "python3"
    } else {
        "node"
    });
    let mut command = Command::new(&interpreter);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = interpreter
        .parent()
        .map(PathBuf::from)
        .into_iter()
        .chain(std::env::split_paths(&path));
    command
        .arg(folder.join(program))
        .args(arguments)
        .envs(facts.iter().cloned())
        .kill_on_drop(true);
    command
        .env("PATH", std::env::join_paths(path).expect("a path"))
        .env("PYTHONPATH", python);
    let output = tokio::time::timeout(Duration::from_secs(90), command.output());
    let output = output.await.expect("it ends in time").expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.ends_with("done\n"),
        "{program} {arguments:?}:\n{said}{complained}"
    );
    println!("{said}");
}

/// A loopback address that nobody uses.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .to_string()
}

#[tokio::test]
async fn buf_curl_where_reflection_is_open() {
    let town = Town::with_settings(Shape::AllInOne, DEVELOPMENT).await;
    run("buf/client.mjs", &["open"], &facts(&town)).await;
}

#[tokio::test]
async fn buf_curl_where_reflection_is_guarded() {
    let town = Town::with_demo(Shape::AllInOne).await;
    run("buf/client.mjs", &["guarded"], &facts(&town)).await;
}

#[tokio::test]
async fn python_by_reflection() {
    let town = Town::with_settings(Shape::AllInOne, DEVELOPMENT).await;
    run("python/client.py", &[], &facts(&town)).await;
}

#[tokio::test]
async fn node_and_the_wire() {
    let town = Town::with_demo(Shape::Split).await;
    run("node/client.mjs", &[], &facts(&town)).await;
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let mut facts = facts(&town);
    let owner = Caller::sign_in(town.channel().await, "juniper", "olive").await;
    facts.extend([("MUSTER_TOKEN", waiter.token), ("MUSTER_OWNER", owner.token)]);
    run("node/wire.mjs", &[], &facts).await;
}

#[tokio::test]
async fn a_browser_at_three_origins() {
    tool("chromium");
    let (friend, stranger) = (free_address(), free_address());
    let allowed = format!("http://{friend}");
    let town = Town::with_settings(Shape::AllInOne, &[("MUSTER_GATEWAY__CORS_ORIGINS", &allowed)]).await;
    let mut facts = facts(&town);
    facts.extend([("MUSTER_FRIEND", friend), ("MUSTER_STRANGER", stranger)]);
    facts.push(("MUSTER_CHROMIUM", tool("chromium").display().to_string()));
    run("browser/client.mjs", &[], &facts).await;
}

#[tokio::test]
async fn the_manual_is_true() {
    tool("jq");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (address, operators, log) = (free_address(), free_address(), folder.path().join("dev.log"));
    let settings = vec![
        (
            "MUSTER_DATA_DIR".to_owned(),
            folder.path().join("data").display().to_string(),
        ),
        ("MUSTER_GATEWAY__LISTEN".to_owned(), address.clone()),
        ("MUSTER_OPS__LISTEN".to_owned(), operators),
    ];
    let _running = binary::start(&settings, &["dev"], &log);
    let printed = tokio::time::timeout(Duration::from_secs(60), async {
        while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("OrderService/PlaceOrder")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    assert!(
        printed.await.is_ok(),
        "dev does not get ready: {:?}",
        std::fs::read_to_string(&log)
    );
    let facts = [("MUSTER_ADDRESS", address)];
    run("manual.mjs", &["--banner", &log.display().to_string()], &facts).await;
    let page = |name: &str| root().join(name).display().to_string();
    run("manual.mjs", &[&page("README.md"), &page("docs/API.md")], &facts).await;
}
