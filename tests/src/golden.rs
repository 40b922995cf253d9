//! Golden files: text that is reviewed with every change of it.

use std::path::{Path, PathBuf};

/// Compares text with a file of the repository. `BLESS=1` writes the file instead.
pub fn compare(file: &str, actual: &str) {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, actual).expect("the golden file is written");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let known: Vec<&str> = golden.lines().collect();
    let now: Vec<&str> = actual.lines().collect();
    let gone = known
        .iter()
        .filter(|line| !now.contains(line))
        .map(|line| format!("- {line}"));
    let new = now
        .iter()
        .filter(|line| !known.contains(line))
        .map(|line| format!("+ {line}"));
    let difference: Vec<String> = gone.chain(new).collect();
    assert!(
        golden == actual,
        "{file} differs; look at it, then bless it with BLESS=1:\n{}",
        difference.join("\n")
    );
}
