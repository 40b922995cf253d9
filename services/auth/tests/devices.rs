//! A screen is let in, works, and is shut out; and what the trust stream tells of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use std::sync::Arc;

use common::{House, by, nobody, reason};
use futures::StreamExt;
use muster_auth::STEPS;
use muster_auth::trust_feed::watch_trust;
use muster_kernel::both_engines;
use muster_kernel::identity::Caller;
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::device_service_server::DeviceService;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::trust_change::Change;
use muster_proto::auth::v1::watch_trust_response::Message;
use muster_proto::auth::v1::*;
use muster_proto::authz::v1::Permission;

async fn start(house: &House) -> StartPairingResponse {
    let request = StartPairingRequest {
        device_label: "pi-4".into(),
        kind: DeviceKind::KitchenScreen.into(),
    };
    house.api.start_pairing(nobody(request)).await.unwrap().into_inner()
}

async fn poll(house: &House, secret: &str) -> Result<PollPairingResponse, tonic::Status> {
    let request = PollPairingRequest {
        pairing_secret: secret.into(),
    };
    house
        .api
        .poll_pairing(nobody(request))
        .await
        .map(tonic::Response::into_inner)
}

fn approval(house: &House, code: &str, name: &str, place: usize) -> ApprovePairingRequest {
    ApprovePairingRequest {
        code: code.to_lowercase().replace('-', " "),
        display_name: name.into(),
        location_id: house.location(place),
        ..ApprovePairingRequest::default()
    }
}

async fn approve(house: &House, caller: &Caller, request: ApprovePairingRequest) -> Device {
    house
        .api
        .approve_pairing(by(caller, request))
        .await
        .unwrap()
        .into_inner()
        .device
        .unwrap()
}

both_engines!(a_screen_comes_and_goes, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let manager = house.caller("manager").await;
    let begun = start(&house).await;
    assert_eq!(
        poll(&house, &begun.pairing_secret).await.unwrap().state,
        i32::from(PairingState::Pending)
    );
    assert_eq!(reason(poll(&house, &begun.pairing_secret).await), "SLOW_DOWN");
    let look = GetPairingRequest {
        code: begun.code.clone(),
    };
    let seen = house
        .api
        .get_pairing(by(&manager, look))
        .await
        .unwrap()
        .into_inner()
        .pairing
        .unwrap();
    assert_eq!(
        (seen.device_label.as_str(), seen.state),
        ("pi-4", i32::from(PairingState::Pending))
    );
    let elsewhere = approval(&house, &begun.code, "Grill", 1);
    assert_eq!(
        reason(house.api.approve_pairing(by(&manager, elsewhere)).await),
        "LOCATION_NOT_FOUND"
    );
    let device = approve(&house, &manager, approval(&house, &begun.code, "Grill", 0)).await;
    let twice = approval(&house, &begun.code, "Grill 2", 0);
    assert_eq!(
        reason(house.api.approve_pairing(by(&manager, twice)).await),
        "PAIRING_NOT_FOUND"
    );

    house.advance(5);
    let first = poll(&house, &begun.pairing_secret).await.unwrap();
    let tokens = first.tokens.clone().unwrap();
    let screen = house.verifier.verify(&tokens.access_token).unwrap();
    assert_eq!(screen.locations, vec![house.demo.location_ids[0]]);
    assert!(screen.may(Permission::KitchenFulfil) && !screen.may(Permission::OrdersPlace));
    let again = poll(&house, &begun.pairing_secret).await.unwrap().tokens.unwrap();
    assert_eq!(again.refresh_token, tokens.refresh_token);
    house.advance(20);
    assert_eq!(
        reason(poll(&house, &begun.pairing_secret).await),
        "PAIRING_ALREADY_USED"
    );
    let me = house
        .api
        .who_am_i(by(&screen, WhoAmIRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((me.principal_id.as_str(), me.person), (device.device_id.as_str(), None));
    let password = ChangePasswordRequest {
        current_password: "x".into(),
        new_password: "y".into(),
        validate_only: false,
    };
    assert_eq!(
        reason(house.api.change_password(by(&screen, password)).await),
        "PEOPLE_ONLY"
    );
    // Weeks in a dark kitchen.
    house.advance(40 * 86_400);
    let refresh = RefreshSessionRequest {
        refresh_token: tokens.refresh_token,
    };
    let next = house
        .api
        .refresh_session(nobody(refresh))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    let list = ListDevicesRequest::default();
    let manager = house.caller("manager").await;
    let devices = house
        .api
        .list_devices(by(&manager, list))
        .await
        .unwrap()
        .into_inner()
        .devices;
    assert!(devices.len() == 1 && devices[0].last_seen_time.is_some());

    let revoke = RevokeDeviceRequest {
        device_id: device.device_id,
        validate_only: false,
    };
    house.api.revoke_device(by(&manager, revoke.clone())).await.unwrap();
    house.api.revoke_device(by(&manager, revoke)).await.unwrap();
    let refresh = RefreshSessionRequest {
        refresh_token: next.refresh_token,
    };
    assert_eq!(
        reason(house.api.refresh_session(nobody(refresh)).await),
        "SESSION_ENDED"
    );
    muster_auth::trust_feed::apply_now(&house.auth).await.unwrap();
    assert!(house.verifier.verify(&next.access_token).is_err());
    // The name is free again.
    let begun = start(&house).await;
    approve(&house, &manager, approval(&house, &begun.code, "grill", 0)).await;
    let begun = start(&house).await;
    let taken = approval(&house, &begun.code, "GRILL", 0);
    assert_eq!(
        reason(house.api.approve_pairing(by(&manager, taken)).await),
        "DEVICE_NAME_TAKEN"
    );
});

both_engines!(
    refused_late_or_let_in_by_somebody_who_left,
    "auth",
    STEPS,
    async |lab: Lab| {
        let house = House::new(lab).await;
        let (owner, manager) = (house.caller("owner").await, house.caller("manager").await);
        assert_eq!(
            poll(&house, "mp1_nobody").await.unwrap().state,
            i32::from(PairingState::Expired)
        );
        let begun = start(&house).await;
        let deny = DenyPairingRequest {
            code: begun.code.clone(),
            validate_only: false,
        };
        house.api.deny_pairing(by(&manager, deny)).await.unwrap();
        assert_eq!(
            poll(&house, &begun.pairing_secret).await.unwrap().state,
            i32::from(PairingState::Denied)
        );
        let late = start(&house).await;
        house.advance(601);
        assert_eq!(
            poll(&house, &late.pairing_secret).await.unwrap().state,
            i32::from(PairingState::Expired)
        );
        let look = GetPairingRequest {
            code: late.code.clone(),
        };
        assert_eq!(
            reason(house.api.get_pairing(by(&manager, look)).await),
            "PAIRING_NOT_FOUND"
        );
        let approved = start(&house).await;
        approve(&house, &manager, approval(&house, &approved.code, "Grill", 0)).await;
        let disable = DisablePersonRequest {
            person_id: house.person(1),
            validate_only: false,
        };
        house.api.disable_person(by(&owner, disable)).await.unwrap();
        assert_eq!(
            poll(&house, &approved.pairing_secret).await.unwrap().state,
            i32::from(PairingState::Denied)
        );
    }
);

both_engines!(the_trust_stream, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let first = house.sign_in("staff").await;
    let revoke = |id: String| RevokePersonSessionsRequest {
        person_id: id,
        validate_only: false,
    };
    house
        .api
        .revoke_person_sessions(by(&owner, revoke(house.person(4))))
        .await
        .unwrap();
    let mut stream = watch_trust(Arc::clone(&house.auth)).await.unwrap();
    let mut sequence = 0;
    let mut next = async || {
        let limit = std::time::Duration::from_millis(2_500);
        let message = tokio::time::timeout(limit, stream.next())
            .await
            .expect("in time")
            .unwrap()
            .unwrap();
        sequence += 1;
        assert_eq!(message.sequence, sequence);
        message.message.unwrap()
    };
    let Message::Snapshot(snapshot) = next().await else {
        panic!("a snapshot comes first")
    };
    assert_eq!(snapshot.keys.len(), 1);
    let cook = revocation::Subject::PrincipalId(house.person(4));
    assert!(
        snapshot
            .revocations
            .iter()
            .any(|revocation| revocation.subject.as_ref() == Some(&cook))
    );
    // A session that ends, felt at once.
    let caller = house.verifier.verify(&first.tokens.unwrap().access_token).unwrap();
    house
        .api
        .sign_out(by(&caller, SignOutRequest { validate_only: false }))
        .await
        .unwrap();
    let ended = revocation::Subject::SessionId(first.session.unwrap().session_id);
    loop {
        if let Message::Change(TrustChange {
            change: Some(Change::Revocation(revocation)),
        }) = next().await
            && revocation.subject.as_ref() == Some(&ended)
        {
            break;
        }
    }
    // A new key, and a sign of life where there is nothing new.
    house.auth.keys.rotate_now().await.unwrap();
    let mut seen = (false, false);
    while seen != (true, true) {
        match next().await {
            Message::Change(TrustChange {
                change: Some(Change::KeyAdded(_)),
            }) => seen.0 = true,
            Message::Heartbeat(_) => seen.1 = true,
            other => panic!("{other:?}"),
        }
    }
});

both_engines!(keys_rotate_without_a_refused_token, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let published = async || {
        let answer = house
            .api
            .get_signing_keys(nobody(GetSigningKeysRequest {}))
            .await
            .unwrap();
        answer.into_inner().keys
    };
    assert_eq!(published().await.len(), 1);
    let day = 86_400;
    house.advance(30 * day - 3_600);
    house.auth.keys.look_after().await.unwrap();
    let keys = published().await;
    assert_eq!(keys.len(), 2);
    assert!(keys[0].verify_until_time.is_some() && keys[1].verify_until_time.is_none());
    let old = house.sign_in("staff").await.tokens.unwrap().access_token;
    house.advance(3_600 - 10);
    let last = house.sign_in("staff").await.tokens.unwrap().access_token;
    assert!(house.verifier.verify(&old).is_err(), "it is older than ten minutes");
    house.advance(300);
    house.auth.keys.look_after().await.unwrap();
    let new = house.sign_in("staff").await.tokens.unwrap().access_token;
    let kid = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(kid(&last), kid(&new));
    assert!(house.verifier.verify(&last).is_ok() && house.verifier.verify(&new).is_ok());
    house.advance(400);
    house.auth.keys.look_after().await.unwrap();
    assert_eq!(published().await.len(), 1);
    let after = house.sign_in("staff").await.tokens.unwrap().access_token;
    assert!(house.verifier.verify(&after).is_ok() && house.verifier.verify(&last).is_err());
});
