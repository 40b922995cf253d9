//! A disk that is small, and that a test may fill: a tmpfs that only this process and its children see.
//!
//! Mounting needs a place where one may: [`elsewhere`] runs the same program again in name spaces of its own
//! (`unshare -rm`), which most systems let everybody do. Nothing is left behind, however it ends.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Tells the second run of the program that it is the second.
const INSIDE: &str = "MUSTER_LAB_MOUNTS";
/// Set by whoever knows that this machine allows no mounts: what needs them is left out, and says so.
const LEAVE_OUT: &str = "MUSTER_LAB_NO_MOUNTS";

/// Whether this is the run that may mount.
pub fn may_mount() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this program once more, with these arguments, where it may mount. None: it was asked to leave this out.
///
/// # Errors
/// What to do where the machine does not allow it.
pub fn elsewhere(arguments: &[&str]) -> Result<Option<ExitStatus>, String> {
    run_in("-rm", arguments)
}

/// The same where root stays root, and may start programs as somebody else: PostgreSQL does not run as root.
///
/// # Errors
/// What to do where the machine does not allow it.
pub fn elsewhere_as_root(arguments: &[&str]) -> Result<Option<ExitStatus>, String> {
    run_in("-m", arguments)
}

fn run_in(spaces: &str, arguments: &[&str]) -> Result<Option<ExitStatus>, String> {
    if std::env::var_os(LEAVE_OUT).is_some() {
        return Ok(None);
    }
    let allowed = Command::new("unshare").args([spaces, "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return Err(format!(
            "a full disk cannot be tested here: `unshare {spaces} true` fails, so that nothing can be mounted. Run it where it \
             can, or set {LEAVE_OUT}=1 to leave it out"
        ));
    }
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("unshare");
    command
        .arg(spaces)
        .arg("--")
        .arg(program)
        .args(arguments)
        .env(INSIDE, "1");
    command.status().map(Some).map_err(|error| error.to_string())
}

/// A mounted disk of so many bytes.
pub struct Small {
    folder: PathBuf,
}

impl Small {
    /// Mounts over a folder, which looks empty from then on.
    ///
    /// # Errors
    /// What `mount` says.
    pub fn over(folder: &Path, bytes: u64) -> Result<Self, String> {
        mount(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"], folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Makes it larger or smaller.
    ///
    /// # Errors
    /// What `mount` says.
    pub fn resize(&self, bytes: u64) -> Result<(), String> {
        mount(&["-o", &format!("remount,size={bytes}")], &self.folder)
    }

    /// Fills it until so many bytes are free.
    ///
    /// # Errors
    /// If the file cannot be written for another reason.
    pub fn fill(&self, but: usize) -> std::io::Result<()> {
        let path = self.ballast();
        let mut file = File::create(&path)?;
        let block = vec![0; 4096];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
        let full = file.metadata()?.len();
        file.set_len(full.saturating_sub(but as u64))
    }

    /// Takes away what [`fill`](Self::fill) has put there.
    ///
    /// # Errors
    /// If nothing was.
    pub fn free(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.ballast())
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).output();
    }
}

fn mount(options: &[&str], folder: &Path) -> Result<(), String> {
    let output = Command::new("mount").args(options).arg(folder).output();
    let output = output.map_err(|error| format!("mount: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}
