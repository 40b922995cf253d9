//! Devices and their pairing.

use muster_auth::STEPS;
use muster_auth::domain::pairing::{Decision, Request};
use muster_auth::domain::policy::Sight;
use muster_auth::store::{Page, device, pairing};
use muster_kernel::both_engines;
use muster_kernel::db::{Conn, Reach};
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::*;

use crate::{ALL, at, id, write};

both_engines!(devices_and_pairings, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let tenant = id(7);
    let screen = |number: u128, name: &str, place: u128, state: DeviceState| Device {
        device_id: id(number).to_string(),
        display_name: name.into(),
        location_id: id(place).to_string(),
        state: state.into(),
        version: 1,
        ..Device::default()
    };
    let (active, revoked) = (DeviceState::Active, DeviceState::Revoked);
    for made in [
        screen(1, "Grill", 100, active),
        screen(2, "Bar", 101, active),
        screen(3, "grill", 100, revoked),
    ] {
        device::put(conn, tenant, &made, at(0)).await.unwrap();
    }
    device::touch(conn, tenant, id(1), at(4)).await.unwrap();
    let found = device::get(conn, tenant, id(1)).await.unwrap().unwrap();
    assert_eq!(
        (found.device.last_seen_time.unwrap().seconds, found.not_before),
        (at(4).timestamp(), at(0))
    );
    assert_eq!(device::get(conn, id(8), id(1)).await.unwrap(), None);
    assert!(device::name_taken(conn, tenant, id(100), "GRILL").await.unwrap());
    assert!(!device::name_taken(conn, tenant, id(101), "GRILL").await.unwrap());
    let named = async |conn: &mut Conn, sight: &Sight, place, state, page| -> Vec<String> {
        let found = device::list(conn, tenant, sight, place, state, page).await.unwrap();
        found.into_iter().map(|device| device.display_name).collect()
    };
    let sight = Sight::of([id(100).to_string()]);
    assert_eq!(
        named(conn, &Sight::Everywhere, None, 0, ALL).await,
        ["Bar", "Grill", "grill"]
    );
    assert_eq!(named(conn, &sight, None, 1, ALL).await, ["Grill"]);
    assert_eq!(named(conn, &sight, Some(id(100)), 0, ALL).await, ["Grill", "grill"]);
    assert!(named(conn, &sight, Some(id(101)), 0, ALL).await.is_empty());
    assert_eq!(named(conn, &Sight::Everywhere, Some(id(101)), 0, ALL).await, ["Bar"]);
    let after = Page {
        after: Some(id(2)),
        size: 1,
    };
    assert_eq!(named(conn, &Sight::Everywhere, None, 0, after).await, ["Grill"]);

    let asked = Request::new("WDJB-MJHT".into(), DeviceKind::KitchenScreen, "pi".into(), at(0));
    let mut stored = pairing::Stored {
        secret_digest: vec![9; 32],
        request: asked,
    };
    pairing::insert(conn, &stored).await.unwrap();
    assert_eq!(
        pairing::by_code(conn, "WDJB-MJHT").await.unwrap().as_ref(),
        Some(&stored)
    );
    assert_eq!(pairing::by_code(conn, "BBBB-BBBB").await.unwrap(), None);
    assert_eq!(pairing::by_secret(conn, &[8; 32]).await.unwrap(), None);
    assert_eq!(pairing::count_since(conn, at(0)).await.unwrap(), 1);
    let decision = Decision::Approved {
        tenant_id: tenant,
        device_id: id(1),
        person_id: id(5),
    };
    assert!(stored.request.decide(decision, at(3)));
    pairing::decide(conn, &stored).await.unwrap();
    assert_eq!(pairing::decide(conn, &stored).await.unwrap_err().reason, "CONFLICT");
    stored.request.poll(at(4));
    pairing::poll(conn, &stored).await.unwrap();
    stored.request.collect(id(60), at(4));
    pairing::collect(conn, &stored).await.unwrap();
    assert_eq!(pairing::collect(conn, &stored).await.unwrap_err().reason, "CONFLICT");
    assert_eq!(pairing::by_secret(conn, &[9; 32]).await.unwrap(), Some(stored));
    assert_eq!(pairing::forget(conn, at(1)).await.unwrap(), 1);
});
