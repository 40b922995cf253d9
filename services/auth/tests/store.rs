//! The stores on both engines: every function called, also where nothing is found; the schema there and back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use chrono::{DateTime, TimeDelta, Utc};
use muster_auth::STEPS;
use muster_auth::domain::guess::{Account, Counter, Permit};
use muster_auth::domain::pairing::{Decision, Request};
use muster_auth::domain::policy::Sight;
use muster_auth::domain::refresh::Family;
use muster_auth::store::session::SessionRow;
use muster_auth::store::signing_key::KeyRow;
use muster_auth::store::{
    Page, device, guess, location, pairing, password, people, person, revocation, session, signing_key, tenant,
};
use muster_kernel::both_engines;
use muster_kernel::db::{Conn, Reach, migrate};
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::*;
use uuid::Uuid;

const ALL: Page = Page { after: None, size: 100 };

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 123_456_000).unwrap()
}

async fn write(lab: &Lab, reach: Reach) -> Conn {
    lab.deps.db.write(reach).await.unwrap()
}

fn somebody(number: u128, name: &str, places: &[Uuid]) -> person::Stored {
    let person = Person {
        person_id: id(number).to_string(),
        display_name: name.into(),
        login_name: format!("login{number}"),
        email: if number == 1 {
            "one@example.com".into()
        } else {
            String::new()
        },
        roles: vec![Role::Owner.into(), Role::Staff.into()],
        location_ids: places.iter().map(Uuid::to_string).collect(),
        state: PersonState::Active.into(),
        version: 1,
        ..Person::default()
    };
    person::Stored {
        person,
        not_before: at(0),
    }
}

fn a_session(number: u128, principal: Uuid) -> SessionRow {
    SessionRow {
        session_id: id(number),
        principal_kind: PrincipalKind::Person.into(),
        principal_id: principal,
        device_label: "phone".into(),
        seed: vec![1; 32],
        generation: 1,
        rotated_at: at(0),
        began_at: at(0),
        seen_at: at(0),
        auth_time: at(0),
        ended_at: None,
        version: 1,
    }
}

both_engines!(there_and_back, "auth", STEPS, async |lab: Lab| {
    let before = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert!(before.len() > STEPS.len() && before.iter().all(|state| state.applied));
    migrate::down("auth", STEPS, &lab.target, 0).await.unwrap();
    let states = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert!(states.iter().all(|state| !state.applied));
    migrate::up("auth", STEPS, &lab.target).await.unwrap();
    let states = migrate::status("auth", STEPS, &lab.target).await.unwrap();
    assert_eq!(states, before);
});

both_engines!(tenants_and_locations, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let made = Tenant {
        tenant_id: id(7).to_string(),
        slug: "maple".into(),
        version: 1,
        ..Tenant::default()
    };
    assert_eq!(tenant::by_slug(conn, "maple").await.unwrap(), None);
    tenant::insert(conn, &made).await.unwrap();
    assert_eq!(tenant::by_slug(conn, "maple").await.unwrap(), Some(id(7)));
    assert_eq!(tenant::get(conn, id(7)).await.unwrap(), Some(made));
    assert_eq!(tenant::get(conn, id(8)).await.unwrap(), None);

    let place = |number: u128, name: &str, state: LocationState| Location {
        location_id: id(number).to_string(),
        display_name: name.into(),
        state: state.into(),
        version: 1,
        ..Location::default()
    };
    let (open, closed) = (LocationState::Open, LocationState::Closed);
    for made in [
        place(1, "Zoo", open),
        place(2, "Éclair", open),
        place(3, "zoo", closed),
        place(4, "ał", open),
    ] {
        location::put(conn, id(7), &made).await.unwrap();
    }
    let named = async |conn: &mut Conn, sight: &Sight, state: i32, page: Page| -> Vec<String> {
        let found = location::list(conn, id(7), sight, state, page).await.unwrap();
        found.into_iter().map(|location| location.display_name).collect()
    };
    assert_eq!(
        named(conn, &Sight::Everywhere, 0, ALL).await,
        ["ał", "Éclair", "Zoo", "zoo"]
    );
    assert_eq!(named(conn, &Sight::Everywhere, 1, ALL).await, ["ał", "Éclair", "Zoo"]);
    let after = Page {
        after: Some(id(2)),
        size: 1,
    };
    assert_eq!(named(conn, &Sight::Everywhere, 0, after).await, ["Zoo"]);
    let sight = Sight::of([id(1).to_string(), id(3).to_string()]);
    assert_eq!(named(conn, &sight, 0, ALL).await, ["Zoo", "zoo"]);
    assert_eq!(
        location::get(conn, id(7), id(2)).await.unwrap().unwrap().display_name,
        "Éclair"
    );
    assert_eq!(location::get(conn, id(8), id(2)).await.unwrap(), None);
    assert!(location::name_taken(conn, id(7), "ZOO", id(4)).await.unwrap());
    assert!(!location::name_taken(conn, id(7), "ZOO", id(1)).await.unwrap());
    assert!(!location::name_taken(conn, id(8), "ZOO", id(4)).await.unwrap());
    let existing = location::existing(conn, id(7), &[id(1), id(9)]).await.unwrap();
    assert_eq!(existing.into_iter().collect::<Vec<_>>(), [id(1)]);
    assert!(location::existing(conn, id(7), &[]).await.unwrap().is_empty());
});

both_engines!(people_and_passwords, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::Tenant(id(7))).await;
    let conn = &mut conn;
    let (a, b) = (id(100), id(101));
    let (one, two, three) = (
        somebody(1, "Żaneta Nowak", &[a]),
        somebody(2, "Bo", &[b]),
        somebody(3, "Cy", &[]),
    );
    for stored in [&one, &two, &three] {
        person::put(conn, id(7), stored).await.unwrap();
        person::put(conn, id(7), stored).await.unwrap();
    }
    assert_eq!(person::get(conn, id(7), id(1)).await.unwrap().as_ref(), Some(&one));
    assert_eq!(person::get(conn, id(8), id(1)).await.unwrap(), None);
    assert_eq!(
        person::by_login(conn, id(7), "login1").await.unwrap().as_ref(),
        Some(&one)
    );
    assert_eq!(
        person::by_login(conn, id(7), "one@example.com").await.unwrap().as_ref(),
        Some(&one)
    );
    assert_eq!(person::by_login(conn, id(8), "login1").await.unwrap(), None);
    assert!(person::login_taken(conn, id(7), "login1", id(2)).await.unwrap());
    assert!(!person::login_taken(conn, id(7), "login1", id(1)).await.unwrap());
    person::hold_owners(conn, id(7)).await.unwrap();
    assert_eq!(person::other_owners(conn, id(7), id(1)).await.unwrap(), 2);
    let found = async |conn: &mut Conn, sight: &Sight, search: people::Search| -> Vec<String> {
        let found = people::list(conn, id(7), sight, &search, ALL).await.unwrap();
        found.into_iter().map(|person| person.display_name).collect()
    };
    let search = people::Search::default;
    assert_eq!(
        found(conn, &Sight::Everywhere, search()).await,
        ["Bo", "Cy", "Żaneta Nowak"]
    );
    let sight = Sight::of([a.to_string(), id(500).to_string()]);
    assert_eq!(found(conn, &sight, search()).await, ["Cy", "Żaneta Nowak"]);
    let every = people::Search {
        prefix: "Z".into(),
        location: Some(a),
        role: 4,
        state: 1,
    };
    assert_eq!(found(conn, &sight, every.clone()).await, ["Żaneta Nowak"]);
    assert!(
        found(
            conn,
            &sight,
            people::Search {
                state: 2,
                ..every.clone()
            }
        )
        .await
        .is_empty()
    );
    assert!(
        found(
            conn,
            &sight,
            people::Search {
                role: 5,
                ..every.clone()
            }
        )
        .await
        .is_empty()
    );
    assert!(
        found(
            conn,
            &sight,
            people::Search {
                location: Some(b),
                ..every
            }
        )
        .await
        .is_empty()
    );
    let next = people::list(
        conn,
        id(7),
        &Sight::Everywhere,
        &search(),
        Page {
            after: Some(id(2)),
            size: 1,
        },
    )
    .await;
    assert_eq!(next.unwrap()[0].display_name, "Cy");

    assert_eq!(password::get(conn, id(7), id(1)).await.unwrap(), None);
    password::put(conn, id(7), id(1), "old", at(0)).await.unwrap();
    password::put(conn, id(7), id(1), "new", at(1)).await.unwrap();
    password::strengthen(conn, id(7), id(1), "old", "wrong").await.unwrap();
    assert_eq!(password::get(conn, id(7), id(1)).await.unwrap().as_deref(), Some("new"));
    password::strengthen(conn, id(7), id(1), "new", "strong").await.unwrap();
    assert_eq!(
        password::get(conn, id(7), id(1)).await.unwrap().as_deref(),
        Some("strong")
    );
    assert_eq!(password::get(conn, id(8), id(1)).await.unwrap(), None);
});

both_engines!(sessions_and_revocations, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let (tenant, who) = (id(7), id(1));
    for number in [10, 11, 12] {
        session::insert(conn, tenant, &a_session(number, who)).await.unwrap();
    }
    assert_eq!(
        session::get(conn, tenant, id(10)).await.unwrap(),
        Some(a_session(10, who))
    );
    assert_eq!(session::get(conn, id(8), id(10)).await.unwrap(), None);
    let next = Family {
        generation: 2,
        rotated_at: at(5),
    };
    session::rotate(conn, tenant, id(10), 1, next).await.unwrap();
    let twice = session::rotate(conn, tenant, id(10), 1, next).await;
    assert_eq!(twice.unwrap_err().reason, "CONFLICT");
    let row = session::get(conn, tenant, id(10)).await.unwrap().unwrap();
    assert_eq!(
        (row.family(), row.seen_at, row.kind()),
        (next, at(5), PrincipalKind::Person)
    );
    session::prove(conn, tenant, &row, at(6)).await.unwrap();
    assert_eq!(
        session::prove(conn, tenant, &row, at(6)).await.unwrap_err().reason,
        "CONFLICT"
    );
    let row = session::get(conn, tenant, id(10)).await.unwrap().unwrap();
    session::end(conn, tenant, &row, at(7)).await.unwrap();
    assert_eq!(
        session::end(conn, tenant, &row, at(7)).await.unwrap_err().reason,
        "CONFLICT"
    );
    assert_eq!(
        session::rotate(conn, tenant, id(10), 2, next).await.unwrap_err().reason,
        "CONFLICT"
    );
    let open = async |conn: &mut Conn, before, since, limit| -> Vec<Uuid> {
        let rows = session::open_of(conn, tenant, who, before, since, limit).await.unwrap();
        rows.into_iter().map(|row| row.session_id).collect()
    };
    assert_eq!(open(conn, None, at(-1), 9).await, [id(12), id(11)]);
    assert_eq!(open(conn, Some(id(12)), at(-1), 9).await, [id(11)]);
    assert_eq!(open(conn, None, at(-1), 1).await, [id(12)]);
    assert!(open(conn, None, at(1), 9).await.is_empty());
    assert_eq!(session::forget(conn, at(1)).await.unwrap(), 2);

    let void = Revocation {
        tenant_id: tenant.to_string(),
        ..Revocation::default()
    };
    revocation::insert(conn, tenant, id(50), &void, at(0)).await.unwrap();
    revocation::insert(conn, id(8), id(51), &void, at(9)).await.unwrap();
    assert_eq!(revocation::since(conn, at(0)).await.unwrap().len(), 2);
    assert_eq!(revocation::since(conn, at(1)).await.unwrap().len(), 1);
    assert_eq!(revocation::forget(conn, at(1)).await.unwrap(), 1);
});

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

both_engines!(guesses_and_keys, "auth", STEPS, async |lab: Lab| {
    let mut conn = write(&lab, Reach::System).await;
    let conn = &mut conn;
    let subject = [3; 32];
    assert_eq!(guess::account(conn, &subject, at(0)).await.unwrap(), Account::default());
    let Permit::Granted(account) = Account::default().reserve(at(0)) else {
        panic!("granted")
    };
    guess::put_account(conn, &subject, &account).await.unwrap();
    assert_eq!(guess::account(conn, &subject, at(0)).await.unwrap(), account);
    assert_eq!(guess::counter(conn, &subject, at(0)).await.unwrap(), Counter::default());
    let Permit::Granted(counter) = Counter::default().reserve(5, at(0)) else {
        panic!("granted")
    };
    guess::put_counter(conn, &subject, counter).await.unwrap();
    assert_eq!(guess::counter(conn, &subject, at(0)).await.unwrap(), counter);
    assert_eq!(guess::forget(conn, at(0)).await.unwrap(), 0);
    assert_eq!(guess::forget(conn, at(0) + TimeDelta::seconds(1)).await.unwrap(), 2);

    let key = |number: i64, kid: &str| KeyRow {
        number,
        kid: kid.into(),
        public_key: vec![1; 32],
        sealed_key: vec![2; 60],
        sign_from: at(number),
    };
    signing_key::insert(conn, &key(2, "second")).await.unwrap();
    signing_key::insert(conn, &key(1, "first")).await.unwrap();
    signing_key::insert(conn, &key(1, "another")).await.unwrap();
    assert_eq!(
        signing_key::all(conn).await.unwrap(),
        [key(1, "first"), key(2, "second")]
    );
    signing_key::delete(conn, 1).await.unwrap();
    assert_eq!(signing_key::all(conn).await.unwrap(), [key(2, "second")]);
});
