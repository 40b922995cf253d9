//! A Redis that may be killed, frozen and emptied.

use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::{free_port, secret, signal};

/// A server. It is killed, and its files go, when it is dropped.
pub struct Redis {
    folder: TempDir,
    port: u16,
    secret: String,
    child: Option<Child>,
}

impl Redis {
    /// A new server.
    pub async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("muster-redis.").tempdir();
        let mut redis = Self {
            folder: folder.expect("a temporary folder"),
            port: free_port(),
            secret: secret(),
            child: None,
        };
        redis.begin().await;
        redis
    }

    /// Starts it again, empty, after [`kill`](Self::kill).
    pub async fn begin(&mut self) {
        let folder = self.folder.path();
        let settings = format!(
            "bind 127.0.0.1\nport {}\nrequirepass {}\nsave \"\"\nappendonly no\ndir {}\nlogfile {}\n",
            self.port,
            self.secret,
            folder.display(),
            folder.join("log").display()
        );
        let path = folder.join("conf");
        std::fs::write(&path, settings).expect("settings are written");
        let mut server = Command::new("redis-server");
        server
            .arg(&path)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.child = Some(server.spawn().expect("redis-server: run scripts/need"));
        let answers = async {
            while self.says(&["PING"]).await.trim() != "PONG" {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let answers = tokio::time::timeout(Duration::from_secs(10), answers).await;
        answers.expect("Redis answers");
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis://default:{}@127.0.0.1:{}/0", self.secret, self.port)
    }

    /// Kills it; nothing is kept.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("it is killed");
    }

    /// Stops it where it stands: the port is open, and nobody answers.
    pub fn freeze(&self) {
        signal("-STOP", &self.pid());
    }

    /// Goes on after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        signal("-CONT", &self.pid());
    }

    /// Forgets everything.
    pub async fn flush(&self) {
        assert_eq!(self.says(&["FLUSHALL"]).await.trim(), "OK");
    }

    /// Connections that listen to a channel.
    pub async fn listeners(&self) -> usize {
        let clients = self.says(&["CLIENT", "LIST", "TYPE", "pubsub"]).await;
        clients.lines().filter(|line| !line.is_empty()).count()
    }

    async fn says(&self, command: &[&str]) -> String {
        let mut client = Command::new("redis-cli");
        client
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(command);
        let output = client.env("REDISCLI_AUTH", &self.secret).output().await;
        String::from_utf8_lossy(&output.expect("redis-cli: run scripts/need").stdout).into_owned()
    }

    fn pid(&self) -> Vec<u32> {
        self.child.as_ref().and_then(Child::id).into_iter().collect()
    }
}
