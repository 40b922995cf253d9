//! Time on the wire.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

/// The Protobuf form of a moment.
pub fn to_proto(moment: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(moment.timestamp_subsec_nanos()).unwrap_or_default();
    Timestamp {
        seconds: moment.timestamp(),
        nanos,
    }
}

/// The moment of a Protobuf timestamp; none where it is missing or out of range.
pub fn from_proto(timestamp: Option<&Timestamp>) -> Option<DateTime<Utc>> {
    let timestamp = timestamp?;
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}
