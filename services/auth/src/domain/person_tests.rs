use chrono::TimeDelta;
use muster_proto::auth::v1::{CreatePersonRequest, Role};
use proptest::prelude::*;
use prost_types::FieldMask;

use super::super::person::create;
use super::super::policy::Sight;
use super::*;

const ROLES: [Role; 5] = [Role::Owner, Role::Admin, Role::Manager, Role::Staff, Role::Kitchen];

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn at(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

fn actor(role: Role, locations: &str) -> Actor {
    Actor {
        person_id: "me".into(),
        rank: Rank::of_role(role),
        sight: Sight::of(at(locations)),
    }
}

fn person(role: Role, locations: &str) -> Person {
    Person {
        person_id: "you".into(),
        display_name: "You".into(),
        roles: vec![role.into()],
        location_ids: at(locations),
        state: PersonState::Active.into(),
        version: 4,
        ..Person::default()
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

#[test]
fn who_may_add_whom() {
    // actor, where, new role, where, outcome
    let table = [
        (Role::Owner, "", Role::Owner, "", None),
        (Role::Owner, "", Role::Staff, "a", None),
        (Role::Owner, "", Role::Staff, "", Some(Refusal::LocationNeeded)),
        (Role::Admin, "", Role::Owner, "", Some(Refusal::RoleTooHigh)),
        (Role::Admin, "", Role::Admin, "", Some(Refusal::RoleTooHigh)),
        (Role::Admin, "", Role::Manager, "ab", None),
        (Role::Admin, "a", Role::Manager, "ab", Some(Refusal::NotYourLocation)),
        (Role::Manager, "a", Role::Manager, "a", Some(Refusal::RoleTooHigh)),
        (Role::Manager, "a", Role::Staff, "a", None),
        (Role::Manager, "a", Role::Kitchen, "b", Some(Refusal::NotYourLocation)),
        (Role::Manager, "a", Role::Kitchen, "ab", Some(Refusal::NotYourLocation)),
        (Role::Manager, "a", Role::Kitchen, "", Some(Refusal::LocationNeeded)),
        (Role::Owner, "a", Role::Admin, "", Some(Refusal::NotYourLocation)),
        (Role::Staff, "a", Role::Staff, "a", Some(Refusal::RoleTooHigh)),
    ];
    for (role, place, new_role, new_place, refusal) in table {
        let request = CreatePersonRequest {
            display_name: " New  One ".into(),
            roles: vec![new_role.into(), new_role.into()],
            location_ids: at(new_place),
            ..CreatePersonRequest::default()
        };
        let outcome = create(&actor(role, place), "id".into(), &request, now());
        match refusal {
            Some(refusal) => assert_eq!(outcome, Err(refusal), "{role:?}@{place} adds {new_role:?}@{new_place}"),
            None => {
                let person = outcome.unwrap();
                assert_eq!(
                    (person.display_name.as_str(), person.roles.len(), person.version),
                    ("New One", 1, 1)
                );
            }
        }
    }
}

#[test]
fn who_may_disable_whom() {
    for actor_role in ROLES {
        for other in ROLES {
            let outcome = set_state(
                &actor(actor_role, ""),
                &person(other, "a"),
                PersonState::Disabled,
                1,
                now(),
            );
            let allowed = actor_role == Role::Owner || Rank::of_role(actor_role) > Rank::of_role(other);
            assert_eq!(outcome.is_ok(), allowed, "{actor_role:?} disables {other:?}");
            let outcome = set_state(
                &actor(actor_role, "b"),
                &person(other, "a"),
                PersonState::Disabled,
                1,
                now(),
            );
            assert_eq!(outcome, Err(Refusal::PersonNotFound), "nobody reaches another location");
        }
    }
}

#[test]
fn the_last_owner_stays() {
    let (me, you) = (actor(Role::Owner, ""), person(Role::Owner, ""));
    let staff = [i32::from(Role::Admin)];
    assert_eq!(
        set_state(&me, &you, PersonState::Disabled, 0, now()),
        Err(Refusal::LastOwner)
    );
    assert_eq!(grant(&me, &you, &staff, 0, 0, now()), Err(Refusal::LastOwner));
    assert!(grant(&me, &you, &staff, 0, 1, now()).unwrap().rights_changed);
    let mine = Person {
        person_id: "me".into(),
        ..you
    };
    assert_eq!(
        set_state(&me, &mine, PersonState::Disabled, 5, now()),
        Err(Refusal::NotOnSelf)
    );
    assert_eq!(grant(&me, &mine, &staff, 0, 5, now()), Err(Refusal::NotOnSelf));
    assert_eq!(reset_password(&me, &mine, now()), Err(Refusal::UseChangePassword));
    assert!(sign_out_everywhere(&me, &mine, now()).is_ok());
}

#[test]
fn table_of_grants() {
    use Role::{Admin, Kitchen, Manager, Owner, Staff};
    // actor, before, after, outcome
    let table = [
        (Owner, Staff, Owner, None),
        (Admin, Staff, Manager, None),
        (Admin, Staff, Admin, Some(Refusal::RoleTooHigh)),
        (Admin, Manager, Kitchen, None),
        (Admin, Admin, Staff, Some(Refusal::RankTooHigh)),
        (Manager, Staff, Kitchen, None),
        (Manager, Staff, Manager, Some(Refusal::RoleTooHigh)),
        (Manager, Manager, Staff, Some(Refusal::RankTooHigh)),
        (Staff, Kitchen, Staff, Some(Refusal::RankTooHigh)),
    ];
    for (who, before, after, refusal) in table {
        let outcome = grant(&actor(who, ""), &person(before, "a"), &[after.into()], 4, 1, now());
        match refusal {
            Some(refusal) => assert_eq!(outcome, Err(refusal), "{who:?}: {before:?} to {after:?}"),
            None => assert_eq!(outcome.unwrap().person.version, 5),
        }
    }
    let stale = grant(&actor(Owner, ""), &person(Staff, "a"), &[5], 3, 1, now());
    assert_eq!(stale, Err(Refusal::PersonChanged));
    let elsewhere = grant(&actor(Manager, "a"), &person(Staff, "ab"), &[5], 0, 1, now());
    assert_eq!(elsewhere, Err(Refusal::WorksElsewhere));
    let nowhere = grant(&actor(Owner, ""), &person(Admin, ""), &[4], 0, 1, now());
    assert_eq!(nowhere, Err(Refusal::LocationNeeded));
}

#[test]
fn only_what_the_mask_names() {
    let request = UpdatePersonRequest {
        display_name: "Other".into(),
        job_title: "Cook".into(),
        update_mask: mask(&["job_title"]),
        ..UpdatePersonRequest::default()
    };
    let me = actor(Role::Manager, "a");
    let changed = update(&me, &person(Role::Staff, "a"), &request, now()).unwrap();
    assert_eq!(
        (changed.person.display_name.as_str(), changed.person.job_title.as_str()),
        ("You", "Cook")
    );
    assert_eq!(
        (changed.paths, changed.rights_changed),
        (vec!["job_title".to_owned()], false)
    );
    for (paths, refusal) in [
        (vec![], Refusal::EmptyMask),
        (vec!["roles"], Refusal::UnknownPath),
        (vec!["login_name"], Refusal::UnknownPath),
        (vec!["location_ids"], Refusal::LocationNeeded),
    ] {
        let request = UpdatePersonRequest {
            update_mask: mask(&paths),
            ..request.clone()
        };
        assert_eq!(
            update(&me, &person(Role::Staff, "a"), &request, now()),
            Err(refusal),
            "{paths:?}"
        );
    }
    let blank = UpdatePersonRequest {
        display_name: " \t".into(),
        update_mask: mask(&["display_name"]),
        ..request
    };
    assert_eq!(
        update(&me, &person(Role::Staff, "a"), &blank, now()),
        Err(Refusal::NameNeeded)
    );
}

#[test]
fn a_change_to_the_same_is_none() {
    let before = person(Role::Staff, "a");
    let request = UpdatePersonRequest {
        display_name: "You".into(),
        update_mask: mask(&["display_name"]),
        ..UpdatePersonRequest::default()
    };
    let changed = update(&actor(Role::Owner, ""), &before, &request, now() + TimeDelta::days(1)).unwrap();
    assert_eq!(changed, Changed::nothing(&before));
}

fn any_role() -> impl Strategy<Value = Role> {
    (0..ROLES.len()).prop_map(|index| ROLES[index])
}

proptest! {
    /// Nobody but an owner ends with somebody, or makes somebody, of their own rank or above.
    #[test]
    fn no_way_up(who in any_role(), before in any_role(), after in prop::collection::vec(any_role(), 1..4)) {
        let roles: Vec<i32> = after.iter().map(|role| i32::from(*role)).collect();
        let actor = actor(who, "");
        let outcome = grant(&actor, &person(before, "a"), &roles, 0, 1, now());
        if let Ok(changed) = outcome && who != Role::Owner && !changed.paths.is_empty() {
            prop_assert!(Rank::of(&changed.person.roles) < actor.rank);
            prop_assert!(Rank::of_role(before) < actor.rank);
        }
    }
}
