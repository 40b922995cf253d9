//! Locations and people: who sees whom, who changes whom, and what follows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use common::{House, PASSWORD, by, face, mask, names, new_person, nobody, reason, some_id, stranger};
use muster_auth::STEPS;
use muster_kernel::both_engines;
use muster_kernel::identity::Caller;
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::*;

both_engines!(finds_people, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    for (login, name) in [
        ("lzol", "Łucja Żółć"),
        ("lim", "李明"),
        ("anna.k", "Anna Maria Kowalska"),
    ] {
        house
            .api
            .create_person(by(&owner, new_person(&house, login, name, Role::Staff, 1)))
            .await
            .unwrap();
    }
    let by_query = |query: &str| ListPeopleRequest {
        query: query.into(),
        ..ListPeopleRequest::default()
    };
    for (query, found) in [
        ("zol", vec!["lzol"]),
        ("ŁUCJA ż", vec!["lzol"]),
        ("李", vec!["lim"]),
        ("kowal", vec!["anna.k"]),
        ("maria kow", vec!["anna.k"]),
        ("anna.", vec!["anna.k"]),
        ("owalska", vec![]),
        ("%", vec![]),
        ("mar", vec!["anna.k", "manager"]),
    ] {
        assert_eq!(names(&house, &owner, by_query(query)).await, found, "{query}");
    }
    let cooks = ListPeopleRequest {
        role: Role::Kitchen.into(),
        ..ListPeopleRequest::default()
    };
    assert_eq!(names(&house, &owner, cooks).await, ["cook"]);
    // Who works everywhere works there as well.
    let there = ListPeopleRequest {
        location_id: house.location(1),
        ..ListPeopleRequest::default()
    };
    assert_eq!(
        names(&house, &owner, there).await,
        ["anna.k", "admin", "lzol", "owner", "staff2", "lim"]
    );
    // Pages hold everybody once.
    let all = names(&house, &owner, ListPeopleRequest::default()).await;
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListPeopleRequest {
            page_size: 2,
            page_token: token,
            ..ListPeopleRequest::default()
        };
        let answer = house.api.list_people(by(&owner, request)).await.unwrap().into_inner();
        assert!(answer.people.len() <= 2);
        paged.extend(answer.people.into_iter().map(|person| person.login_name));
        token = answer.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((paged.len(), paged), (9, all));
    let foreign = ListPeopleRequest {
        page_token: "AAAA".into(),
        ..ListPeopleRequest::default()
    };
    assert_eq!(
        reason(house.api.list_people(by(&owner, foreign)).await),
        "BAD_PAGE_TOKEN"
    );
});

both_engines!(managers_see_and_change_their_own, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let manager = house.caller("manager").await;
    let staff = house.caller("staff").await;
    let elsewhere = new_person(&house, "harry", "Harry", Role::Staff, 1);
    let harry = house
        .api
        .create_person(by(&owner, elsewhere))
        .await
        .unwrap()
        .into_inner()
        .person
        .unwrap()
        .person_id;
    let all = ListPeopleRequest::default;
    assert_eq!(
        names(&house, &manager, all()).await,
        ["admin", "cook", "manager", "owner", "staff", "staff2"]
    );
    let other = ListPeopleRequest {
        location_id: house.location(1),
        ..all()
    };
    assert!(names(&house, &manager, other).await.is_empty());
    let get = |caller: &Caller, id: &str| by(caller, GetPersonRequest { person_id: id.into() });
    let hidden = face(house.api.get_person(get(&manager, &harry)).await);
    assert_eq!(hidden, face(house.api.get_person(get(&manager, &some_id())).await));
    assert!(house.api.get_person(get(&staff, &house.person(2))).await.is_ok());
    assert_eq!(hidden, face(house.api.get_person(get(&staff, &house.person(1))).await));

    let disable = |id: &str| {
        by(
            &manager,
            DisablePersonRequest {
                person_id: id.into(),
                validate_only: false,
            },
        )
    };
    assert_eq!(
        reason(house.api.disable_person(disable(&harry)).await),
        "PERSON_NOT_FOUND"
    );
    assert_eq!(
        reason(house.api.disable_person(disable(&house.person(0))).await),
        "RANK_TOO_HIGH"
    );
    assert_eq!(
        reason(house.api.disable_person(disable(&house.person(1))).await),
        "RANK_TOO_HIGH"
    );
    assert_eq!(
        reason(house.api.disable_person(disable(&house.person(3))).await),
        "WORKS_ELSEWHERE"
    );
    assert!(house.api.disable_person(disable(&house.person(2))).await.is_ok());
    let create = |request| house.api.create_person(by(&manager, request));
    assert_eq!(
        reason(create(new_person(&house, "x1", "X", Role::Manager, 0)).await),
        "ROLE_TOO_HIGH"
    );
    assert_eq!(
        reason(create(new_person(&house, "x1", "X", Role::Staff, 1)).await),
        "NOT_YOUR_LOCATION"
    );
    assert_eq!(
        reason(create(new_person(&house, "cook", "X", Role::Staff, 0)).await),
        "LOGIN_NAME_TAKEN"
    );
    assert!(create(new_person(&house, "x1", "X", Role::Staff, 0)).await.is_ok());
    let set = |id: &str, new: &str| {
        by(
            &manager,
            SetPasswordRequest {
                person_id: id.into(),
                new_password: new.into(),
                validate_only: false,
            },
        )
    };
    assert_eq!(
        reason(house.api.set_password(set(&harry, "harry harry harry")).await),
        "PERSON_NOT_FOUND"
    );
    assert_eq!(
        reason(house.api.set_password(set(&house.person(4), "short")).await),
        "PASSWORD_TOO_SHORT"
    );
    assert_eq!(
        reason(house.api.set_password(set(&house.person(1), PASSWORD)).await),
        "RANK_TOO_HIGH"
    );
    house
        .api
        .set_password(set(&house.person(4), "eleven polite walruses"))
        .await
        .unwrap();
    assert!(house.try_sign_in("cook", "eleven polite walruses", "").await.is_ok());
});

both_engines!(another_business_finds_nothing, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let other = stranger(&house).await;
    let (person, place) = (house.person(2), house.location(0));
    let get = |id: &str| {
        house
            .api
            .get_person(by(&other, GetPersonRequest { person_id: id.into() }))
    };
    assert_eq!(face(get(&person).await), face(get(&some_id()).await));
    let get = |id: &str| {
        house
            .api
            .get_location(by(&other, GetLocationRequest { location_id: id.into() }))
    };
    assert_eq!(face(get(&place).await), face(get(&some_id()).await));
    let disable = |id: &str| {
        house.api.disable_person(by(
            &other,
            DisablePersonRequest {
                person_id: id.into(),
                validate_only: false,
            },
        ))
    };
    assert_eq!(face(disable(&person).await), face(disable(&some_id()).await));
    assert_eq!(reason(disable(&person).await), "PERSON_NOT_FOUND");
    let mut request = new_person(&house, "spy", "Spy", Role::Staff, 0);
    let foreign = face(house.api.create_person(by(&other, request.clone())).await);
    request.location_ids = vec![some_id()];
    assert_eq!(foreign, face(house.api.create_person(by(&other, request)).await));
    assert_eq!(names(&house, &other, ListPeopleRequest::default()).await, ["owner"]);
    // The same login name, another business.
    let request = SignInRequest {
        tenant_slug: "birch".into(),
        login: "OTTO@birch.example".into(),
        password: PASSWORD.into(),
        ..SignInRequest::default()
    };
    let answer = house.api.sign_in(nobody(request)).await.unwrap().into_inner();
    assert_eq!(answer.tenant.unwrap().slug, "birch");
});

both_engines!(locations, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let manager = house.caller("manager").await;
    let create = |name: &str, zone: &str| {
        by(
            &owner,
            CreateLocationRequest {
                display_name: name.into(),
                time_zone: zone.into(),
                ..CreateLocationRequest::default()
            },
        )
    };
    assert_eq!(
        reason(house.api.create_location(create("Airport", "Mars/Olympus")).await),
        "UNKNOWN_TIME_ZONE"
    );
    assert_eq!(
        reason(house.api.create_location(create(" harbour", "UTC")).await),
        "LOCATION_NAME_TAKEN"
    );
    let made = house
        .api
        .create_location(create("Airport", "UTC"))
        .await
        .unwrap()
        .into_inner()
        .location
        .unwrap();
    assert_eq!(made.currency_code, "USD");
    let list = |caller: &Caller, state: LocationState| {
        by(
            caller,
            ListLocationsRequest {
                state: state.into(),
                ..ListLocationsRequest::default()
            },
        )
    };
    let named = async |caller: &Caller, state| -> Vec<String> {
        let answer = house
            .api
            .list_locations(list(caller, state))
            .await
            .unwrap()
            .into_inner();
        answer
            .locations
            .into_iter()
            .map(|location| location.display_name)
            .collect()
    };
    assert_eq!(
        named(&owner, LocationState::Unspecified).await,
        ["Airport", "Harbour", "Old Town"]
    );
    assert_eq!(named(&manager, LocationState::Unspecified).await, ["Harbour"]);
    let close = UpdateLocationRequest {
        location_id: made.location_id.clone(),
        state: LocationState::Closed.into(),
        update_mask: mask(&["state"]),
        ..UpdateLocationRequest::default()
    };
    house.api.update_location(by(&owner, close.clone())).await.unwrap();
    assert_eq!(named(&owner, LocationState::Open).await, ["Harbour", "Old Town"]);
    // A closed one gives its name free, and cannot come back under a name that is taken.
    house.api.create_location(create("Airport", "UTC")).await.unwrap();
    let open = UpdateLocationRequest {
        state: LocationState::Open.into(),
        ..close
    };
    assert_eq!(
        reason(house.api.update_location(by(&owner, open)).await),
        "LOCATION_NAME_TAKEN"
    );
    let hidden = GetLocationRequest {
        location_id: made.location_id,
    };
    let hidden = face(house.api.get_location(by(&manager, hidden)).await);
    let missing = GetLocationRequest { location_id: some_id() };
    assert_eq!(hidden, face(house.api.get_location(by(&manager, missing)).await));
});
