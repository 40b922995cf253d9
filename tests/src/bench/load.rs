//! A load by h2load, and what it saw.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use super::echo::{LENGTH, METHOD};
use super::way::Way;

/// What one load saw.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Calls that were answered.
    pub calls: u64,
    /// Calls a second.
    pub rate: f64,
    /// Half of the calls took no longer, in milliseconds.
    pub p50: f64,
    /// 99 of 100 calls took no longer, in milliseconds.
    pub p99: f64,
}

/// Sends calls, 64 at once, for so long. h2load counts a refusal as a success, so the bytes of the answers are counted:
/// a refusal carries no message.
///
/// # Errors
/// If h2load is missing, or a call was not answered in full.
pub async fn run(way: &Way, token: &str, folder: &Path, time: Duration) -> anyhow::Result<Seen> {
    let (body, log) = (folder.join("body"), folder.join("load.log"));
    std::fs::write(&body, way.body())?;
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new("h2load");
    command
        .args(way.streams())
        .arg("--duration")
        .arg(format!("{}ms", time.as_millis()));
    command.arg("--data").arg(&body).arg("--log-file").arg(&log);
    for (name, value) in way.headers(token) {
        command.arg("--header").arg(format!("{name}: {value}"));
    }
    command
        .arg(format!("http://{}{METHOD}", way.address))
        .kill_on_drop(true);
    let output = command
        .output()
        .await
        .context("h2load is missing: run scripts/need bench")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    read(&text, &std::fs::read_to_string(&log)?, time).with_context(|| format!("{}:\n{text}", way.name))
}

fn read(text: &str, log: &str, time: Duration) -> anyhow::Result<Seen> {
    let number = |line: &str, before: &str| -> anyhow::Result<u64> {
        let line = text
            .lines()
            .find(|known| known.starts_with(line))
            .context("a line is missing")?;
        let words = line.split(before).next().unwrap_or_default();
        let last = words
            .rsplit([' ', '('])
            .find(|word| !word.is_empty())
            .unwrap_or_default();
        Ok(last.trim_end_matches(')').parse()?)
    };
    let calls = number("requests:", " succeeded")?;
    ensure!(calls > 0, "no call was answered");
    ensure!(number("requests:", " failed")? == 0, "calls failed");
    ensure!(number("status codes:", " 2xx")? >= calls, "calls were refused");
    let traffic = text
        .lines()
        .find(|line| line.starts_with("traffic:"))
        .context("no traffic")?;
    let data = traffic
        .rsplit('(')
        .next()
        .and_then(|rest| rest.split(')').next())
        .context("no data")?;
    let (data, least): (u64, u64) = (data.parse()?, calls * (LENGTH as u64 + 5));
    ensure!(data >= least, "answers of {data} bytes where {least} were due");
    let mut times: Vec<u64> = log
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.parse().ok())
        .collect();
    times.sort_unstable();
    let at = |per_mille: usize| -> f64 {
        let index = times.len().saturating_sub(1) * per_mille / 1000;
        times.get(index).map_or(f64::NAN, |micros| *micros as f64 / 1000.0)
    };
    ensure!(!times.is_empty(), "no time was logged");
    Ok(Seen {
        calls,
        rate: calls as f64 / time.as_secs_f64(),
        p50: at(500),
        p99: at(990),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "requests: 3 total, 3 started, 3 done, 3 succeeded, 0 failed, 0 errored, 0 timeout\n\
                        status codes: 3 2xx, 0 3xx, 0 4xx, 0 5xx\n\
                        traffic: 1.2KB (1200) total, 300B (300) headers (space savings 90.00%), 195B (195) data\n";
    const LOG: &str = "1\t200\t1500\n2\t200\t500\n3\t200\t2500\n";

    #[test]
    fn a_refusal_is_no_answer() {
        let seen = read(TEXT, LOG, Duration::from_secs(1)).unwrap();
        assert_eq!((seen.calls, seen.p50), (3, 1.5));
        let refused = TEXT.replace("195B (195)", "0B (0)");
        assert!(read(&refused, LOG, Duration::from_secs(1)).is_err());
        let failed = TEXT.replace("0 failed", "1 failed");
        assert!(read(&failed, LOG, Duration::from_secs(1)).is_err());
    }
}
