//! The binary under test.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Settings of a process, as environment variables.
pub type Settings = Vec<(String, String)>;

/// Where the build put `muster`.
pub fn path() -> PathBuf {
    if let Some(named) = std::env::var_os("MUSTER_TEST_BINARY") {
        return named.into();
    }
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().find(|folder| folder.join("muster").is_file());
    folder
        .expect("build the binary first: cargo build -p muster")
        .join("muster")
}

/// A command of the binary with these settings and no others.
pub fn command(settings: &Settings, arguments: &[&str]) -> Command {
    let mut command = Command::new(path());
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().cloned())
        .kill_on_drop(true);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a command to its end and answers what it printed.
pub async fn run(settings: &Settings, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = command(settings, arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.expect("it reads its input");
    }
    let output = child.wait_with_output().await.expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        Ok(text)
    } else {
        Err(text + &String::from_utf8_lossy(&output.stderr))
    }
}

/// Starts a command that serves; its log goes to `log`.
pub fn start(settings: &Settings, arguments: &[&str], log: &std::path::Path) -> Child {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log file");
    let errors = file.try_clone().expect("a second handle");
    command(settings, arguments)
        .stdout(file)
        .stderr(errors)
        .spawn()
        .expect("the binary starts")
}
