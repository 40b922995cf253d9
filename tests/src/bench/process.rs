//! What a process used, as the system counts it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::binary::Settings;

/// The system counts a process's time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A running program, ended when it is dropped.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a program with this environment and no other. What it says goes to the file.
    pub fn start(program: &std::path::Path, arguments: &[&str], environment: &Settings, log: PathBuf) -> Self {
        let file = std::fs::File::create(&log).expect("a file for what the program says");
        let errors = file.try_clone().expect("a second handle");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        Self { child, log }
    }

    /// What it said.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The processor time that it has used so far, in user space and in the system's, all threads together.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.child.id().expect("it runs")).unwrap_or_else(|| panic!("it ended: {}", self.said()))
    }

    /// The memory that it has in use, in bytes.
    pub fn resident(&self) -> u64 {
        let text = self.read("statm");
        let pages = text
            .split_whitespace()
            .nth(1)
            .and_then(|field| field.parse::<u64>().ok());
        pages.expect("the system says how much memory a process has") * 4096
    }

    fn read(&self, what: &str) -> String {
        let id = self.child.id().expect("it runs");
        std::fs::read_to_string(format!("/proc/{id}/{what}")).unwrap_or_else(|_| panic!("it ended: {}", self.said()))
    }
}

/// The processor time that a process has used so far, all threads together; none where there is no such process.
pub fn cpu_of(pid: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold spaces; what follows it does not.
    let rest = text.rsplit(')').next()?;
    let fields = rest.split_whitespace().skip(11).take(2);
    Some(TICK * fields.filter_map(|field| field.parse::<u32>().ok()).sum::<u32>())
}

/// The most memory that a process ever had in use, or since [`forget_peak_of`], in KiB.
pub fn peak_of(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    peak.expect("the system says how much memory a process had")
}

/// From now on only what comes counts. Answers what is in use now, in KiB.
pub fn forget_peak_of(pid: u32) -> u64 {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("a process of ours");
    peak_of(pid)
}
