//! Tenants, locations, people and their passwords.

use muster_auth::STEPS;
use muster_auth::domain::policy::Sight;
use muster_auth::store::{Page, location, password, people, person, tenant};
use muster_kernel::both_engines;
use muster_kernel::db::{Conn, Reach};
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::*;
use uuid::Uuid;

use crate::{ALL, at, id, write};

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
    let elsewhere = people::Search {
        location: Some(b),
        ..every.clone()
    };
    let gone = people::Search {
        state: 2,
        ..every.clone()
    };
    let another = people::Search { role: 5, ..every };
    for nobody in [gone, another, elsewhere] {
        assert!(found(conn, &sight, nobody).await.is_empty());
    }
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
