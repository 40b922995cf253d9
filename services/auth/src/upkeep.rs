//! What auth does beside answering: keys are looked after, and what is over is forgotten.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use muster_kernel::Error;
use muster_kernel::db::Reach;

use crate::api::Auth;
use crate::domain::guess::WINDOW;
use crate::domain::lifetime::Lifetime;
use crate::domain::pairing::LIFE;
use crate::store::{guess, pairing, revocation, session};
use crate::work::revoking::REMEMBERED;

const KEYS_EVERY: Duration = Duration::from_secs(2);
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Learns of keys that other processes made, and makes them when they are due.
pub async fn look_after_keys(auth: Arc<Auth>) {
    every(&auth, KEYS_EVERY, "signing keys", async |auth| {
        auth.keys.look_after().await
    })
    .await;
}

/// Forgets what is over.
pub async fn forget_old(auth: Arc<Auth>) {
    every(&auth, FORGET_EVERY, "forgetting", async |auth| {
        forget(auth).await.map(drop)
    })
    .await;
}

async fn every(auth: &Auth, pause: Duration, what: &str, work: impl AsyncFn(&Auth) -> Result<(), Error>) {
    loop {
        tokio::select! {
            () = auth.deps.stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        if let Err(error) = work(auth).await {
            tracing::warn!(%error, what, "will be tried again");
        }
    }
}

/// Forgets counts of tries, pairings, revocations and sessions that are over. Tells how many rows.
///
/// # Errors
/// If the database is out of reach.
pub async fn forget(auth: &Auth) -> Result<u64, Error> {
    let now = auth.deps.world.now();
    let mut conn = auth.deps.db.write(Reach::System).await?;
    let outcome = async {
        // Twice the window: the count of the window before still weighs.
        let mut rows = guess::forget(&mut conn, now - WINDOW * 2 - TimeDelta::minutes(1)).await?;
        // An approval in the last second is collected for as long again.
        rows += pairing::forget(&mut conn, now - LIFE * 3).await?;
        rows += revocation::forget(&mut conn, now - REMEMBERED * 2).await?;
        rows += session::forget(&mut conn, now - Lifetime::of_device().idle * 2).await?;
        Ok::<u64, Error>(rows)
    }
    .await;
    match outcome {
        Ok(rows) => Ok(conn.commit().await.map(|()| rows)?),
        Err(error) => {
            conn.rollback().await;
            Err(error)
        }
    }
}
