//! Signing in, staying in, and being thrown out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use std::collections::BTreeSet;

use common::{House, PASSWORD, by, face, keyed, nobody, reason};
use muster_auth::STEPS;
use muster_kernel::both_engines;
use muster_kernel::identity::Principal;
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::*;
use muster_proto::authz::v1::Permission;

fn refresh(token: &str) -> tonic::Request<RefreshSessionRequest> {
    nobody(RefreshSessionRequest {
        refresh_token: token.into(),
    })
}

both_engines!(signs_in_and_acts, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let answer = house.sign_in("Manager ").await;
    let tokens = answer.tokens.unwrap();
    let caller = house.verifier.verify(&tokens.access_token).unwrap();
    assert_eq!(caller.principal, Principal::Person(house.demo.person_ids[1]));
    assert_eq!(caller.locations, vec![house.demo.location_ids[0]]);
    assert!(caller.may(Permission::OrdersVoid) && !caller.may(Permission::MenuWrite));
    assert!(tokens.access_token.len() < 4096);
    let me = house
        .api
        .who_am_i(by(&caller, WhoAmIRequest {}))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(me.person.unwrap().login_name, "manager");
    assert_eq!(me.tenant.unwrap().slug, "maple");
    assert_eq!(me.permissions, caller.permissions);
    let sessions = house
        .api
        .list_sessions(by(&caller, ListSessionsRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(sessions.sessions.len(), 1);
    assert!(sessions.sessions[0].current && sessions.sessions[0].device_label == "phone");
});

both_engines!(all_refusals_look_the_same, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let owner = house.caller("owner").await;
    let disable = DisablePersonRequest {
        person_id: house.person(4),
        validate_only: false,
    };
    house.api.disable_person(by(&owner, disable)).await.unwrap();
    let no_password = CreatePersonRequest {
        display_name: "New".into(),
        login_name: "fresh".into(),
        roles: vec![Role::Staff.into()],
        location_ids: vec![house.location(0)],
        ..CreatePersonRequest::default()
    };
    house.api.create_person(by(&owner, no_password)).await.unwrap();
    let wrong = face(house.try_sign_in("staff", "this is not the password", "").await);
    assert_eq!(wrong.0, tonic::Code::Unauthenticated);
    for login in ["nobody-here", "cook", "fresh"] {
        assert_eq!(face(house.try_sign_in(login, PASSWORD, "").await), wrong, "{login}");
    }
    let elsewhere = SignInRequest {
        tenant_slug: "no-such-house".into(),
        login: "staff".into(),
        password: PASSWORD.into(),
        ..SignInRequest::default()
    };
    assert_eq!(face(house.api.sign_in(nobody(elsewhere)).await), wrong);
});

both_engines!(fifty_refreshes_have_one_successor, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let other = house.another_process().await;
    let first = house.sign_in("staff").await.tokens.unwrap().refresh_token;
    let tries = (0..50).map(|number| {
        let api = if number % 2 == 0 {
            house.api.clone()
        } else {
            other.clone()
        };
        let first = first.clone();
        async move { api.refresh_session(refresh(&first)).await }
    });
    let answers = futures::future::join_all(tries).await;
    let good: Vec<String> = answers
        .into_iter()
        .flatten()
        .map(|answer| answer.into_inner().tokens.unwrap().refresh_token)
        .collect();
    assert!(good.len() >= 40, "only {} of 50 were answered", good.len());
    let different: BTreeSet<&String> = good.iter().collect();
    assert_eq!(different.len(), 1);
    // A lost answer, a moment later.
    house.advance(9);
    let again = house
        .api
        .refresh_session(refresh(&first))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap();
    assert_eq!(&again.refresh_token, &good[0]);
    // Much later it is theft: the newest dies as well, whatever process is asked.
    house.advance(2);
    assert_eq!(reason(other.refresh_session(refresh(&first)).await), "SESSION_ENDED");
    assert_eq!(
        reason(house.api.refresh_session(refresh(&good[0])).await),
        "SESSION_ENDED"
    );
});

both_engines!(
    rotations_within_a_second_and_after_a_restart,
    "auth",
    STEPS,
    async |lab: Lab| {
        let house = House::new(lab).await;
        let mut tokens = vec![house.sign_in("staff").await.tokens.unwrap().refresh_token];
        for _ in 0..20 {
            let last = tokens.last().unwrap().clone();
            let next = house
                .api
                .refresh_session(refresh(&last))
                .await
                .unwrap()
                .into_inner()
                .tokens
                .unwrap();
            tokens.push(next.refresh_token);
        }
        let restarted = house.another_process().await;
        for old in &tokens {
            assert_eq!(reason(restarted.refresh_session(refresh(old)).await), "SESSION_ENDED");
        }
    }
);

both_engines!(sessions_sleep_and_end, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let staff = house.sign_in("staff").await.tokens.unwrap().refresh_token;
    let owner = house.sign_in("owner").await.tokens.unwrap().refresh_token;
    house.advance(30 * 60 - 5);
    let owner = house
        .api
        .refresh_session(refresh(&owner))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap()
        .refresh_token;
    house.advance(30 * 60 + 1);
    assert_eq!(
        reason(house.api.refresh_session(refresh(&owner)).await),
        "SESSION_ENDED"
    );
    house.advance(11 * 3600 - 60);
    let staff = house
        .api
        .refresh_session(refresh(&staff))
        .await
        .unwrap()
        .into_inner()
        .tokens
        .unwrap()
        .refresh_token;
    house.advance(12 * 3600 + 1);
    assert_eq!(
        reason(house.api.refresh_session(refresh(&staff)).await),
        "SESSION_ENDED"
    );
});

both_engines!(guessing_is_bounded, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let known = house.sign_in("staff").await.device_token;
    // 200 at once are not more than as many one after the other: three are free, the rest must wait.
    let tries = (0..200).map(|_| house.try_sign_in("staff", "this is not the password", ""));
    let answers = futures::future::join_all(tries).await;
    let reasons: Vec<String> = answers.into_iter().map(reason).collect();
    let verified = reasons.iter().filter(|reason| *reason == "SIGN_IN_REFUSED").count();
    assert!(verified <= 3, "{verified} guesses were looked at");
    assert!(reasons.iter().any(|reason| reason == "TOO_MANY_TRIES"));
    // However patient: ten in a quarter of an hour.
    let mut verified = verified;
    for _ in 0..170 {
        house.advance(5);
        let outcome = house.try_sign_in("staff", "this is not the password", "").await;
        verified += usize::from(reason(outcome) == "SIGN_IN_REFUSED");
    }
    assert!(verified <= 10, "{verified} guesses were looked at");
    // The right password waits as well, except on a machine that is known.
    assert_eq!(reason(house.try_sign_in("staff", PASSWORD, "").await), "TOO_MANY_TRIES");
    assert!(house.try_sign_in("staff", PASSWORD, &known).await.is_ok());
    // It is known for its person only: for others it counts as any other.
    assert!(house.try_sign_in("cook", PASSWORD, &known).await.is_ok());
    // Somebody who does not exist is bounded in the same way.
    let nobody: Vec<String> = futures::future::join_all((0..20).map(|_| house.try_sign_in("ghost", PASSWORD, "")))
        .await
        .into_iter()
        .map(reason)
        .collect();
    assert!(nobody.iter().filter(|reason| *reason == "SIGN_IN_REFUSED").count() <= 3);
});

both_engines!(a_new_password_ends_other_sessions, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let other = house.sign_in("staff").await.tokens.unwrap();
    let mine = house.sign_in("staff").await.tokens.unwrap();
    let caller = house.verifier.verify(&mine.access_token).unwrap();
    let change = |current: &str, new: &str| {
        by(
            &caller,
            ChangePasswordRequest {
                current_password: current.into(),
                new_password: new.into(),
                validate_only: false,
            },
        )
    };
    let new = "seven quiet submarines nap";
    assert_eq!(
        reason(house.api.change_password(change("not my password at all", new)).await),
        "WRONG_PASSWORD"
    );
    assert_eq!(
        reason(house.api.change_password(change(PASSWORD, PASSWORD)).await),
        "SAME_PASSWORD"
    );
    assert_eq!(
        reason(house.api.change_password(change(PASSWORD, "short")).await),
        "PASSWORD_TOO_SHORT"
    );
    assert_eq!(
        reason(house.api.change_password(change(PASSWORD, "MapleGrill2026!!")).await),
        "PASSWORD_TOO_PERSONAL"
    );
    let answer = house
        .api
        .change_password(change(PASSWORD, new))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.ended_sessions, 1);
    assert_eq!(
        reason(house.api.refresh_session(refresh(&other.refresh_token)).await),
        "SESSION_ENDED"
    );
    assert!(house.api.refresh_session(refresh(&mine.refresh_token)).await.is_ok());
    assert_eq!(
        reason(house.try_sign_in("staff", PASSWORD, "").await),
        "SIGN_IN_REFUSED"
    );
    assert!(house.try_sign_in("staff", new, "").await.is_ok());
});

both_engines!(out_of_one_session, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let other = house.sign_in("staff").await;
    let caller = house.caller("staff").await;
    let stranger = house.caller("cook").await;
    let revoke = |id: &str| RevokeSessionRequest {
        session_id: id.into(),
        validate_only: false,
    };
    let id = other.session.unwrap().session_id;
    let foreign = face(house.api.revoke_session(by(&stranger, revoke(&id))).await);
    let missing = face(
        house
            .api
            .revoke_session(by(&stranger, revoke(&common::some_id())))
            .await,
    );
    assert_eq!(foreign, missing);
    house.api.revoke_session(by(&caller, revoke(&id))).await.unwrap();
    house.api.revoke_session(by(&caller, revoke(&id))).await.unwrap();
    let token = other.tokens.unwrap().refresh_token;
    assert_eq!(
        reason(house.api.refresh_session(refresh(&token)).await),
        "SESSION_ENDED"
    );
    house
        .api
        .sign_out(by(&caller, SignOutRequest { validate_only: true }))
        .await
        .unwrap();
    assert!(house.api.who_am_i(by(&caller, WhoAmIRequest {})).await.is_ok());
    house
        .api
        .sign_out(by(&caller, SignOutRequest { validate_only: false }))
        .await
        .unwrap();
    assert_eq!(
        reason(house.api.who_am_i(by(&caller, WhoAmIRequest {})).await),
        "SESSION_ENDED"
    );
});

both_engines!(the_same_key_gives_the_same_tokens, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let request = SignInRequest {
        tenant_slug: "maple".into(),
        login: "staff".into(),
        password: PASSWORD.into(),
        ..SignInRequest::default()
    };
    let first = house
        .api
        .sign_in(keyed(nobody(request.clone()), "k1"))
        .await
        .unwrap()
        .into_inner();
    let again = house
        .api
        .sign_in(keyed(nobody(request.clone()), "k1"))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    let other = house
        .api
        .sign_in(keyed(nobody(request), "k2"))
        .await
        .unwrap()
        .into_inner();
    assert_ne!(first.tokens, other.tokens);
});

both_engines!(proving_to_be_there, "auth", STEPS, async |lab: Lab| {
    let house = House::new(lab).await;
    let caller = house.caller("owner").await;
    house.advance(400);
    let ask = |password: &str, validate_only: bool| ReauthenticateRequest {
        password: password.into(),
        validate_only,
    };
    assert_eq!(
        reason(house.api.reauthenticate(by(&caller, ask("wrong", false))).await),
        "WRONG_PASSWORD"
    );
    let dry = house
        .api
        .reauthenticate(by(&caller, ask(PASSWORD, true)))
        .await
        .unwrap()
        .into_inner();
    assert!(dry.access_token.is_empty());
    let fresh = house
        .api
        .reauthenticate(by(&caller, ask(PASSWORD, false)))
        .await
        .unwrap()
        .into_inner();
    let proved = house.verifier.verify(&fresh.access_token).unwrap();
    assert_eq!(proved.session_id, caller.session_id);
    assert_eq!(
        proved.auth_time.unwrap() - caller.auth_time.unwrap(),
        chrono::TimeDelta::seconds(400)
    );
});
