//! Stays on the auth service's `WatchTrust`, so that keys and revocations are known within a moment.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use muster_proto::auth::v1::trust_service_client::TrustServiceClient;
use muster_proto::auth::v1::{
    Revocation as WireRevocation, SigningKey, WatchTrustRequest, revocation, trust_change, watch_trust_response,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{PublicKey, Revocation, Trust};
use crate::error::Error;
use crate::time::from_proto;
use crate::transport::AsService;

/// The stream has a heartbeat every two seconds; without any sign for this long it is opened anew.
const SILENCE: Duration = Duration::from_secs(6);
const PAUSE: Duration = Duration::from_millis(500);

/// Feeds `trust` until `stop`. While auth is out of reach, what is known stays in force.
pub async fn follow_trust(trust: Trust, auth: AsService, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            ended = watch(&trust, auth.clone()) => {
                if let Err(status) = ended {
                    tracing::debug!(code = ?status.code(), "trust stream ended; opening it again");
                }
            }
            () = stop.cancelled() => return,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watch(trust: &Trust, auth: AsService) -> Result<(), Status> {
    let mut keys: BTreeMap<String, PublicKey> = BTreeMap::new();
    let mut messages = TrustServiceClient::new(auth)
        .watch_trust(WatchTrustRequest {})
        .await?
        .into_inner();
    loop {
        let next = tokio::time::timeout(SILENCE, messages.message()).await;
        let Some(message) = next.map_err(|_| Status::deadline_exceeded("silence"))?? else {
            return Ok(());
        };
        match message.message {
            Some(watch_trust_response::Message::Snapshot(snapshot)) => {
                keys = snapshot
                    .keys
                    .iter()
                    .filter_map(read_key)
                    .map(|key| (key.kid.clone(), key))
                    .collect();
                trust.set_keys(keys.values().cloned().collect())?;
                snapshot
                    .revocations
                    .iter()
                    .filter_map(read_revocation)
                    .for_each(|entry| trust.revoke(entry));
            }
            Some(watch_trust_response::Message::Change(change)) => match change.change {
                Some(trust_change::Change::KeyAdded(key)) => {
                    keys.extend(read_key(&key).map(|key| (key.kid.clone(), key)));
                    trust.set_keys(keys.values().cloned().collect())?;
                }
                Some(trust_change::Change::KeyRetired(kid)) => {
                    keys.remove(&kid);
                    trust.set_keys(keys.values().cloned().collect())?;
                }
                Some(trust_change::Change::Revocation(entry)) => {
                    read_revocation(&entry)
                        .into_iter()
                        .for_each(|entry| trust.revoke(entry));
                }
                None => {}
            },
            Some(watch_trust_response::Message::Heartbeat(_)) | None => {}
        }
    }
}

fn read_key(key: &SigningKey) -> Option<PublicKey> {
    Some(PublicKey {
        kid: key.kid.clone(),
        key: URL_SAFE_NO_PAD.decode(&key.x).ok()?,
    })
}

fn read_revocation(entry: &WireRevocation) -> Option<Revocation> {
    let id = match entry.subject.as_ref()? {
        revocation::Subject::SessionId(id) | revocation::Subject::PrincipalId(id) => id,
    };
    Some(Revocation {
        id: id.parse().ok()?,
        not_before: from_proto(entry.not_before.as_ref())?,
    })
}

impl Trust {
    /// Waits until tokens can be checked, or the time is over.
    ///
    /// # Errors
    /// `UNAVAILABLE` if no key is known in time.
    pub async fn ready(&self, limit: Duration) -> Result<(), Error> {
        let mut changes = self.changes();
        let known = async {
            while !self.is_ready() {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        let missing = |_| Error::unavailable("STARTING", "signing keys are not known yet");
        tokio::time::timeout(limit, known).await.map_err(missing)
    }
}
