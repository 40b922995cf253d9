//! A PostgreSQL server that may be restarted, frozen, promoted and robbed of its connections.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_kernel::db::Place;
use muster_kernel::db::migrate::Target;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{free_port, secret, signal};

const DATABASE: &str = "town";
/// Who owns the schema, and who works on it.
const ROLES: [&str; 2] = [
    "CREATE ROLE muster LOGIN CREATEDB CREATEROLE PASSWORD ",
    "CREATE ROLE muster_app LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD ",
];

/// A server with its files. It is ended at once, and its files go, when it is dropped.
pub struct Postgres {
    folder: TempDir,
    port: u16,
    secret: String,
    programs: PathBuf,
}

impl Postgres {
    /// A new server.
    pub async fn start() -> Self {
        let server = Self::unmade(secret());
        let password = server.folder.path().join("secret");
        std::fs::write(&password, &server.secret).expect("a secret is written");
        belongs_to_postgres(&password);
        let password = password.display().to_string();
        let data = server.data();
        server
            .run(
                "initdb",
                &["--pgdata", &data, "--username", "postgres", "--pwfile", &password],
            )
            .await;
        server.configure("").await;
        for role in ROLES {
            server.execute("postgres", format!("{role}'{}'", server.secret)).await;
        }
        server
            .execute("postgres", "GRANT pg_monitor, pg_checkpoint TO muster".to_owned())
            .await;
        server
    }

    fn unmade(secret: String) -> Self {
        let folder = tempfile::Builder::new().prefix("muster-pg.").tempdir();
        let folder = folder.expect("a temporary folder");
        belongs_to_postgres(folder.path());
        Self {
            folder,
            port: free_port(),
            secret,
            programs: programs(),
        }
    }

    /// Writes the settings that differ from the usual ones, and starts.
    async fn configure(&self, more: &str) {
        let (port, folder) = (self.port, self.folder.path().display());
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\n\
             max_connections = 120\nshared_buffers = '64MB'\nclient_connection_check_interval = '2s'\n\
             tcp_user_timeout = '10s'\nwal_keep_size = '256MB'\nlogging_collector = off\n{more}"
        );
        let path = Path::new(&self.data()).join("muster.conf");
        std::fs::write(&path, settings).expect("settings are written");
        belongs_to_postgres(&path);
        let main = Path::new(&self.data()).join("postgresql.conf");
        let text = std::fs::read_to_string(&main).expect("settings are there");
        if !text.contains("include 'muster.conf'") {
            std::fs::write(&main, format!("{text}\ninclude 'muster.conf'\n")).expect("settings are written");
        }
        self.control(&["start"]).await;
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A new, empty database, reached at `address`: as its owner and as the working role.
    pub async fn database(&self, address: &str) -> (Target, Place) {
        self.execute("postgres", format!("CREATE DATABASE {DATABASE} OWNER muster"))
            .await;
        let url = |role: &str| format!("postgres://{role}:{}@{address}/{DATABASE}", self.secret);
        let target = Target::Postgres {
            owner_url: url("muster"),
            app_role: Some("muster_app".to_owned()),
        };
        let place = Place::Postgres {
            url: url("muster_app"),
            connections: 8,
        };
        (target, place)
    }

    /// Keeps the town's database in this folder from now on; its log stays where it is. Nobody may be connected.
    pub async fn move_to(&self, folder: &Path) {
        belongs_to_postgres(folder);
        let place = folder.display();
        self.execute("postgres", format!("CREATE TABLESPACE elsewhere LOCATION '{place}'"))
            .await;
        self.execute(
            "postgres",
            format!("ALTER DATABASE {DATABASE} SET TABLESPACE elsewhere"),
        )
        .await;
    }

    /// Restarts as after a crash (`-m immediate`); how long nobody could connect.
    pub async fn restart(&self) -> Duration {
        let started = Instant::now();
        self.control(&["restart", "-m", "immediate"]).await;
        started.elapsed()
    }

    /// Ends it as a crash does. It stays down.
    pub async fn crash(&self) {
        self.control(&["stop", "-m", "immediate"]).await;
    }

    /// Stops every process where it stands: the port is open, and nobody answers.
    pub fn freeze(&self) {
        let postmaster = self.postmaster();
        signal("-STOP", &[postmaster]);
        signal("-STOP", &children_of(postmaster));
    }

    /// Goes on after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        let postmaster = self.postmaster();
        signal("-CONT", &children_of(postmaster));
        signal("-CONT", &[postmaster]);
    }

    /// Drops every connection to the town's database; how many there were.
    pub async fn drop_connections(&self) -> u64 {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        let mut conn = self.connect("postgres").await;
        let dropped = conn.execute(sqlx::query(sql).bind(DATABASE)).await;
        dropped.expect("connections are dropped").rows_affected()
    }

    /// Transactions on the town's database that have been open for longer.
    pub async fn open_longer_than(&self, limit: Duration) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND xact_start < now() - make_interval(secs => $2)";
        let mut conn = self.connect("postgres").await;
        let query = sqlx::query(sql).bind(DATABASE).bind(limit.as_secs_f64());
        conn.fetch_one(query).await.expect("it is counted").get(0)
    }

    /// A streaming standby. From now on a commit is acknowledged only when the standby has it too.
    pub async fn synchronous_standby(&self) -> Self {
        let standby = Self::unmade(self.secret.clone());
        let (data, port) = (standby.data(), self.port.to_string());
        let arguments = [
            "-D",
            &data,
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ];
        standby.run("pg_basebackup", &arguments).await;
        standby.configure("hot_standby = on\n").await;
        self.execute(
            "postgres",
            "ALTER SYSTEM SET synchronous_standby_names = '*'".to_owned(),
        )
        .await;
        self.execute("postgres", "SELECT pg_reload_conf()".to_owned()).await;
        let mut conn = self.connect("postgres").await;
        let followed = async {
            let sql = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            while conn.fetch_one(sql).await.map_or(0_i64, |row| row.get(0)) == 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let followed = tokio::time::timeout(Duration::from_secs(30), followed).await;
        followed.expect("the standby follows");
        standby
    }

    /// A standby becomes the primary, which waits for no standby of its own.
    pub async fn promote(&self) {
        self.control(&["promote"]).await;
        self.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names".to_owned())
            .await;
        self.execute("postgres", "SELECT pg_reload_conf()".to_owned()).await;
    }

    async fn execute(&self, database: &str, sql: String) {
        let mut conn = self.connect(database).await;
        conn.execute(AssertSqlSafe(sql)).await.expect("the superuser may");
    }

    async fn connect(&self, database: &str) -> PgConnection {
        let options = PgConnectOptions::new()
            .host("127.0.0.1")
            .port(self.port)
            .username("postgres");
        let options = options.password(&self.secret).database(database);
        options.connect().await.expect("the superuser gets in")
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn postmaster(&self) -> u32 {
        let text = std::fs::read_to_string(Path::new(&self.data()).join("postmaster.pid"));
        let first = text.ok().and_then(|text| text.lines().next()?.trim().parse().ok());
        first.expect("the server runs")
    }

    async fn control(&self, what: &[&str]) {
        let (data, log) = (self.data(), self.folder.path().join("server.log").display().to_string());
        let arguments = [
            "--pgdata",
            &data,
            "--log",
            &log,
            "--wait",
            "--timeout",
            "60",
            "--silent",
        ];
        let (verb, rest) = what.split_first().expect("something to do");
        // `promote` and `stop` know no log.
        let arguments: Vec<&str> = match *verb {
            "start" | "restart" => arguments.to_vec(),
            _ => arguments
                .iter()
                .copied()
                .filter(|word| *word != "--log" && *word != log)
                .collect(),
        };
        let all: Vec<&str> = [*verb]
            .into_iter()
            .chain(rest.iter().copied())
            .chain(arguments)
            .collect();
        self.run("pg_ctl", &all).await;
    }

    /// Runs one of PostgreSQL's programs to its end, as the user that PostgreSQL runs as.
    async fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_postgres(&self.programs.join(program));
        command
            .args(arguments)
            .env("PGPASSWORD", &self.secret)
            .current_dir(self.folder.path());
        if program == "initdb" {
            command.args(["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]);
            command.args(["--no-instructions", "--no-sync"]);
        }
        let said = self.folder.path().join("said");
        let file = std::fs::File::create(&said).expect("a file");
        let both = file.try_clone().expect("a second handle");
        command.stdin(Stdio::null()).stdout(file).stderr(both);
        let status = tokio::process::Command::from(command)
            .status()
            .await
            .expect("the program is there");
        let text = std::fs::read_to_string(&said).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {text}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !Path::new(&self.data()).join("postmaster.pid").exists() {
            return;
        }
        self.thaw();
        let mut stop = as_postgres(&self.programs.join("pg_ctl"));
        stop.args(["stop", "-m", "immediate", "--silent", "--pgdata", &self.data()]);
        let _ = stop
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// PostgreSQL refuses to run as root: Debian's postgres user runs it there.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn belongs_to_postgres(path: &Path) {
    if is_root() {
        let changed = Command::new("chown").arg("postgres").arg(path).status();
        assert!(
            changed.is_ok_and(|status| status.success()),
            "no user 'postgres': run scripts/need"
        );
    }
}

/// Where Debian keeps the programs of the newest server.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL's programs: run scripts/need").1
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // After the name, which may hold anything, come the state and the parent.
        let parent_of = stat
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        parent_of == Some(parent)
    };
    pids.filter(is_child).collect()
}
