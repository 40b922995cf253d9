//! How soon `muster dev` serves, and what it takes when nobody calls.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::ground::Ground;
use super::process::Running;
use crate::binary::{self, Settings};

/// What comes after the demo's data was written is over by then.
const REST: Duration = Duration::from_secs(3);

/// What one start showed.
pub struct Started {
    /// From the command to the words that tell people where it serves.
    pub after: Duration,
    /// Memory in use a while later, in bytes.
    pub idle: u64,
}

/// Starts `muster dev`, waits until it serves and rests, and ends it. The first time it makes the demo's data.
///
/// # Errors
/// If it does not serve within twenty seconds.
pub async fn dev(ground: &Ground) -> anyhow::Result<Started> {
    let setting = |name: &str, value: String| (format!("MUSTER_{name}"), value);
    let settings: Settings = vec![
        setting("DATA_DIR", ground.path("dev").display().to_string()),
        setting("GATEWAY__LISTEN", ground.address(8090)),
        setting("OPS__LISTEN", ground.address(9099)),
    ];
    let began = Instant::now();
    let running = Running::start(&binary::path(), &["dev"], &settings, ground.path("dev.log"));
    let serves = tokio::time::timeout(Duration::from_secs(20), async {
        while !running.said().contains("Muster is serving") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    serves
        .await
        .with_context(|| format!("muster dev does not serve: {}", running.said()))?;
    let after = began.elapsed();
    tokio::time::sleep(REST).await;
    Ok(Started {
        after,
        idle: running.resident(),
    })
}
