//! What Muster's own parts ask of each other: `TrustService` and `LogService`.

use muster_proto::auth::v1::WatchTrustRequest;
use muster_proto::log::v1::TailRequest;

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("auth.v1.TrustService", "WatchTrust", "", WatchTrustRequest {}),
        case("log.v1.LogService", "Tail", "", TailRequest::default()),
    ]
}
