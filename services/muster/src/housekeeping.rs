//! What every service does beside its work: forget old idempotency records, and know how it is.

use std::time::Duration;

use muster_kernel::idempotency;
use muster_kernel::service::Deps;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Old records are deleted every so many looks.
const FORGET_EVERY: u32 = 300;

/// Runs until the service stops.
pub(crate) async fn run(deps: Deps, reporter: HealthReporter) {
    let mut look: u32 = 0;
    while !deps.stop.is_cancelled() {
        let asked = tokio::time::timeout(LOOK_EVERY, deps.db.ping()).await;
        let well = asked.is_ok_and(|answer| answer.is_ok());
        let status = if well {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        reporter.set_service_status("", status).await;
        if look.is_multiple_of(FORGET_EVERY)
            && well
            && let Err(error) = idempotency::forget_old(&deps.db, deps.world.now()).await
        {
            tracing::warn!(service = deps.name, %error, "old idempotency records stay for now");
        }
        look = look.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = deps.stop.cancelled() => {}
        }
    }
    reporter.set_service_status("", ServingStatus::NotServing).await;
}
