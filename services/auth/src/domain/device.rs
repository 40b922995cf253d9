//! Devices: let in once, shut out once.

use chrono::{DateTime, Utc};
use muster_proto::auth::v1::{ApprovePairingRequest, Device, DeviceState};

use super::pairing::Request;
use super::person::{named, sorted};
use super::time::stamp;
use crate::error::Refusal;

/// The device that an approval makes of a pairing.
///
/// # Errors
/// When the name is only white space.
pub fn approve(
    device_id: String,
    pairing: &Request,
    request: &ApprovePairingRequest,
    approved_by: String,
    now: DateTime<Utc>,
) -> Result<Device, Refusal> {
    Ok(Device {
        device_id,
        kind: pairing.kind.into(),
        display_name: named(&request.display_name)?,
        device_label: pairing.label.clone(),
        location_id: request.location_id.to_ascii_lowercase(),
        station_ids: sorted(&request.station_ids),
        state: DeviceState::Active.into(),
        approved_by_person_id: approved_by,
        create_time: Some(stamp(now)),
        last_seen_time: None,
        version: 1,
    })
}

/// Shuts a device out; `None` when it is out already.
pub fn revoke(before: &Device) -> Option<Device> {
    is_active(before).then(|| Device {
        state: DeviceState::Revoked.into(),
        version: before.version + 1,
        ..before.clone()
    })
}

/// Whether the device may act.
pub fn is_active(device: &Device) -> bool {
    device.state == i32::from(DeviceState::Active)
}

#[cfg(test)]
mod tests {
    use muster_proto::auth::v1::DeviceKind;

    use super::*;

    #[test]
    fn in_and_out() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let pairing = Request::new("WDJB-MJHT".into(), DeviceKind::KitchenScreen, "pi".into(), now);
        let mut request = ApprovePairingRequest {
            display_name: " Grill ".into(),
            location_id: "A".into(),
            station_ids: vec!["c".into(), "B".into(), "b".into()],
            ..ApprovePairingRequest::default()
        };
        let device = approve("id".into(), &pairing, &request, "me".into(), now).unwrap();
        assert_eq!(
            (device.display_name.as_str(), device.location_id.as_str()),
            ("Grill", "a")
        );
        assert_eq!(device.station_ids, ["b", "c"]);
        let out = revoke(&device).unwrap();
        assert!(is_active(&device) && !is_active(&out));
        assert_eq!((out.version, revoke(&out)), (2, None));
        request.display_name = "  ".into();
        assert_eq!(
            approve("id".into(), &pairing, &request, "me".into(), now),
            Err(Refusal::NameNeeded)
        );
    }
}
