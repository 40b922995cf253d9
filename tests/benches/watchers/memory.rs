//! Memory of the processes under test, shared pages counted in proportion, and their processor time.

use std::time::Duration;

use muster_tests::bench::process::cpu_of;

/// The processes that this one started.
pub struct Memory(Vec<u32>);

impl Memory {
    /// All children of this process that run now.
    pub fn of_children() -> Self {
        let own = std::process::id();
        let numbers = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let number: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
            let parent: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            (parent == own).then_some(number)
        });
        Self(numbers.collect())
    }

    /// Processor time of all of them so far.
    pub fn cpu(&self) -> Duration {
        self.0
            .iter()
            .map(|number| cpu_of(*number).expect("the process runs"))
            .sum()
    }

    /// KiB in use by all of them.
    pub fn used(&self) -> u64 {
        self.0.iter().map(|number| pss(*number)).sum()
    }
}

fn pss(number: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{number}/smaps_rollup")).expect("the process runs");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .expect("it is told");
    line.split_whitespace().next().unwrap().parse().unwrap()
}
