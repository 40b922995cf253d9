//! Follows auth's log, from which orders learns of locations: their name, zone and currency.

use std::time::Duration;

use muster_kernel::Error;
use muster_kernel::log::{Applied, apply_once, cursor};
use muster_kernel::service::Deps;
use muster_proto::auth::v1::LocationChanged;
use muster_proto::log::v1::log_service_client::LogServiceClient;
use muster_proto::log::v1::{LogEvent, TailRequest};
use prost::Message;
use tonic::Status;

use crate::events::{LOCATION, location};
use crate::store::{id, location as locations};

/// Names this reader's place in auth's log.
const CONSUMER: &str = "auth/locations";
/// After a failure, and where the stream ended, it is read on this soon.
const PAUSE: Duration = Duration::from_secs(1);

/// Follows until the process stops.
pub async fn follow(deps: Deps) {
    let stop = deps.stop.clone();
    let work = async {
        loop {
            if let Err(error) = tail(&deps).await {
                tracing::debug!(%error, "auth's log cannot be read; trying again");
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}

async fn tail(deps: &Deps) -> Result<(), Error> {
    let unreachable = |status: Status| Error::unavailable("AUTH_UNAVAILABLE", "auth does not answer").caused_by(status);
    let transport = deps.peers.connect_as(deps.name, "auth", &deps.service_key)?;
    let mut position = cursor(&deps.db, CONSUMER).await?;
    let request = TailRequest {
        position: position.clone(),
        kinds: vec![LOCATION.to_owned()],
    };
    let answers = LogServiceClient::new(transport)
        .tail(request)
        .await
        .map_err(unreachable)?;
    let mut answers = answers.into_inner();
    while let Some(answer) = answers.message().await.map_err(unreachable)? {
        if answer.events.is_empty() {
            continue;
        }
        let events = answer.events;
        let effect = apply_once(
            &deps.db,
            CONSUMER,
            &position,
            &answer.position,
            deps.world.now(),
            |conn| Box::pin(async move { take(conn, events).await }),
        );
        if effect.await? == Applied::Overtaken {
            return Ok(());
        }
        position = answer.position;
    }
    Ok(())
}

async fn take(conn: &mut muster_kernel::db::Conn, events: Vec<LogEvent>) -> Result<(), Error> {
    for event in events {
        let changed = LocationChanged::decode(event.payload.as_slice()).map_err(Error::internal)?;
        if let Some(location) = location(changed)? {
            locations::put(conn, id(&event.tenant_id)?, &location).await?;
        }
    }
    Ok(())
}
