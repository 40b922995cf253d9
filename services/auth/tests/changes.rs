//! Changing people: their record, their roles, their state, and what becomes of their tokens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use common::{House, PASSWORD, by, mask, names, nobody, reason, some_id};
use muster_auth::STEPS;
use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::*;
use muster_proto::authz::v1::Permission;

both_engines!(fired_means_out, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let tokens = house.sign_in("staff").await.tokens.unwrap();
    let id = house.person(2);
    let dry = DisablePersonRequest {
        person_id: id.clone(),
        validate_only: true,
    };
    let answer = house.api.disable_person(by(&owner, dry)).await.unwrap().into_inner();
    assert_eq!(
        (answer.ended_sessions, answer.person.unwrap().state),
        (1, i32::from(PersonState::Disabled))
    );
    assert!(
        house.try_sign_in("staff", PASSWORD, "").await.is_ok(),
        "a dry run changed something"
    );
    let disable = DisablePersonRequest {
        person_id: id.clone(),
        validate_only: false,
    };
    assert_eq!(
        house
            .api
            .disable_person(by(&owner, disable))
            .await
            .unwrap()
            .into_inner()
            .ended_sessions,
        2
    );
    let refresh = RefreshSessionRequest {
        refresh_token: tokens.refresh_token,
    };
    assert_eq!(
        reason(house.api.refresh_session(nobody(refresh)).await),
        "SESSION_ENDED"
    );
    assert_eq!(
        reason(house.try_sign_in("staff", PASSWORD, "").await),
        "SIGN_IN_REFUSED"
    );
    // Back again within the same second: the new token is not under the old revocation.
    let enable = EnablePersonRequest {
        person_id: id,
        validate_only: false,
    };
    house.api.enable_person(by(&owner, enable)).await.unwrap();
    let back = house.sign_in("staff").await.tokens.unwrap().access_token;
    muster_auth::trust_feed::apply_now(&house.auth).await.unwrap();
    assert!(house.verifier.verify(&tokens.access_token).is_err());
    assert!(house.verifier.verify(&back).is_ok());
});

both_engines!(new_roles_need_a_new_token, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let admin = house.caller("admin").await;
    let tokens = house.sign_in("staff").await.tokens.unwrap();
    let grant = |id: &str, role: Role| GrantRolesRequest {
        person_id: id.into(),
        roles: vec![role.into()],
        ..GrantRolesRequest::default()
    };
    let id = house.person(2);
    assert_eq!(
        reason(house.api.grant_roles(by(&admin, grant(&id, Role::Admin))).await),
        "ROLE_TOO_HIGH"
    );
    assert_eq!(
        reason(
            house
                .api
                .grant_roles(by(&admin, grant(&house.person(0), Role::Owner)))
                .await
        ),
        "RANK_TOO_HIGH"
    );
    let own = house.demo.owner_id.to_string();
    assert_eq!(
        reason(house.api.grant_roles(by(&owner, grant(&own, Role::Staff))).await),
        "NOT_ON_SELF"
    );
    let person = house
        .api
        .grant_roles(by(&admin, grant(&id, Role::Manager)))
        .await
        .unwrap()
        .into_inner()
        .person
        .unwrap();
    assert_eq!((person.roles, person.version), (vec![i32::from(Role::Manager)], 2));
    muster_auth::trust_feed::apply_now(&house.auth).await.unwrap();
    assert!(house.verifier.verify(&tokens.access_token).is_err());
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
    assert!(
        house
            .verifier
            .verify(&next.access_token)
            .unwrap()
            .may(Permission::OrdersVoid)
    );
    // A right that was taken a moment ago is gone, although the token still carries it.
    let place = CreateLocationRequest {
        display_name: "Airport".into(),
        time_zone: "UTC".into(),
        ..CreateLocationRequest::default()
    };
    let mut granted = admin.clone();
    house
        .api
        .grant_roles(by(
            &owner,
            GrantRolesRequest {
                roles: vec![Role::Manager.into(), Role::Admin.into()],
                ..grant(&house.person(0), Role::Admin)
            },
        ))
        .await
        .unwrap();
    assert!(house.api.create_location(by(&granted, place.clone())).await.is_ok());
    let demoted = house.caller("manager").await;
    granted.principal = demoted.principal;
    granted.session_id = demoted.session_id;
    let again = CreateLocationRequest {
        display_name: "Station".into(),
        ..place
    };
    assert_eq!(
        reason(house.api.create_location(by(&granted, again)).await),
        "RIGHT_TAKEN"
    );
    // Two owners who depose each other at once leave one.
    house
        .api
        .grant_roles(by(&owner, grant(&house.person(0), Role::Owner)))
        .await
        .unwrap();
    let second = house.caller("admin").await;
    let second_id = house.person(0);
    let (a, b) = tokio::join!(
        house.api.grant_roles(by(&owner, grant(&second_id, Role::Admin))),
        house.api.grant_roles(by(&second, grant(&own, Role::Admin))),
    );
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
});

both_engines!(changes_of_a_person, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let change = |paths: &[&str], version: i64| UpdatePersonRequest {
        person_id: house.person(2),
        display_name: "Sofia Bianchi".into(),
        job_title: "Head server".into(),
        email: "Sofia@Maple.example".into(),
        location_ids: vec![house.location(1)],
        update_mask: mask(paths),
        expected_version: version,
        ..UpdatePersonRequest::default()
    };
    let update = |request| house.api.update_person(by(&owner, request));
    let person = update(change(&["display_name", "email"], 1))
        .await
        .unwrap()
        .into_inner()
        .person
        .unwrap();
    assert_eq!(
        (person.display_name.as_str(), person.job_title.as_str(), person.version),
        ("Sofia Bianchi", "Server", 2)
    );
    assert_eq!(person.email, "sofia@maple.example");
    assert_eq!(reason(update(change(&["job_title"], 1)).await), "PERSON_CHANGED");
    assert_eq!(reason(update(change(&["roles"], 0)).await), "UNKNOWN_PATH");
    let moved = update(change(&["location_ids"], 0))
        .await
        .unwrap()
        .into_inner()
        .person
        .unwrap();
    assert_eq!(moved.location_ids, [house.location(1)]);
    let missing = UpdatePersonRequest {
        location_ids: vec![some_id()],
        ..change(&["location_ids"], 0)
    };
    assert_eq!(reason(update(missing).await), "LOCATION_NOT_FOUND");
    let taken = UpdatePersonRequest {
        person_id: house.person(4),
        ..change(&["email"], 0)
    };
    assert_eq!(reason(update(taken).await), "EMAIL_TAKEN");
    let by_query = ListPeopleRequest {
        query: "bianchi".into(),
        ..ListPeopleRequest::default()
    };
    assert_eq!(names(&house, &owner, by_query).await, ["staff"]);
    let old = ListPeopleRequest {
        query: "rossi".into(),
        ..ListPeopleRequest::default()
    };
    assert!(names(&house, &owner, old).await.is_empty());
    assert!(house.try_sign_in("SOFIA@maple.example", PASSWORD, "").await.is_ok());
});
