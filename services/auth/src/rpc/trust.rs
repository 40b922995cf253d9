//! `TrustService.WatchTrust`.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use muster_kernel::identity::Caller;
use muster_proto::auth::v1::WatchTrustResponse;
use tonic::Status;

use crate::api::Auth;
use crate::trust_feed::watch_trust;

/// The stream of one reader.
///
/// # Errors
/// If the database is out of reach.
pub async fn handle(
    auth: &Arc<Auth>,
    caller: &Caller,
) -> Result<BoxStream<'static, Result<WatchTrustResponse, Status>>, Status> {
    let feed = watch_trust(Arc::clone(auth)).await?;
    Ok(auth
        .deps
        .door
        .stream(caller, feed.map(|message| message.map_err(Status::from))))
}
