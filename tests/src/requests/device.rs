//! `muster.auth.v1.DeviceService`.

use muster_proto::auth::v1::*;

use super::{Case, Things, case};

const SERVICE: &str = "auth.v1.DeviceService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let (code, location_id) = (things.code.clone(), things.location.clone());
    vec![
        case(
            SERVICE,
            "StartPairing",
            "",
            StartPairingRequest {
                device_label: format!("tablet {}", things.tag),
                kind: DeviceKind::KitchenScreen.into(),
            },
        ),
        case(
            SERVICE,
            "PollPairing",
            "",
            PollPairingRequest {
                pairing_secret: things.secret.clone(),
            },
        ),
        case(SERVICE, "GetPairing", "", GetPairingRequest { code: code.clone() }),
        case(
            SERVICE,
            "ApprovePairing",
            "location",
            ApprovePairingRequest {
                code: code.clone(),
                display_name: format!("Screen {}", things.tag),
                location_id: location_id.clone(),
                station_ids: vec![things.grill.clone()],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "DenyPairing",
            "",
            DenyPairingRequest {
                code,
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ListDevices",
            "location",
            ListDevicesRequest {
                location_id,
                ..ListDevicesRequest::default()
            },
        ),
        case(
            SERVICE,
            "RevokeDevice",
            "device",
            RevokeDeviceRequest {
                device_id: things.device.clone(),
                validate_only: false,
            },
        ),
    ]
}
