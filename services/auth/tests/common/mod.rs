//! A house to test in: the demo business on a database of its own, called as through the lock.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod seed;

use std::sync::Arc;

use muster_auth::admin::{NewTenant, create_tenant};
use muster_auth::api::Auth;
use muster_auth::rpc::services::Api;
use muster_kernel::door::Visit;
use muster_kernel::identity::{Caller, Principal, Verifier};
use muster_kernel::testing::Lab;
use muster_proto::auth::v1::directory_service_server::DirectoryService;
use muster_proto::auth::v1::session_service_server::SessionService;
use muster_proto::auth::v1::{CreatePersonRequest, ListPeopleRequest, Role, SignInRequest, SignInResponse};
use prost_types::FieldMask;
pub use seed::{Demo, demo};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

/// Of everybody in the demo.
pub const PASSWORD: &str = "four unrelated kettles hum";

/// The demo business and its service.
pub struct House {
    pub lab: Lab,
    pub auth: Arc<Auth>,
    pub api: Api,
    pub demo: Demo,
    pub verifier: Verifier,
}

impl House {
    pub async fn new(lab: Lab) -> Self {
        let auth = Auth::open(lab.deps.clone()).await.unwrap();
        let demo = demo(&lab.deps, "maple", "Maple Grill", PASSWORD).await.unwrap();
        let verifier = Verifier::new(&lab.deps.issuer, lab.deps.trust.clone(), lab.deps.world.clone());
        Self {
            api: Api(Arc::clone(&auth)),
            auth,
            demo,
            verifier,
            lab,
        }
    }

    /// Another process over the same database.
    pub async fn another_process(&self) -> Api {
        Api(Auth::open(self.lab.deps.clone()).await.unwrap())
    }

    pub fn advance(&self, seconds: i64) {
        self.lab.clock.advance(chrono::TimeDelta::seconds(seconds));
    }

    pub async fn try_sign_in(&self, login: &str, password: &str, device_token: &str) -> Result<SignInResponse, Status> {
        let request = SignInRequest {
            tenant_slug: "maple".into(),
            login: login.into(),
            password: password.into(),
            device_label: "phone".into(),
            device_token: device_token.into(),
        };
        self.api.sign_in(nobody(request)).await.map(tonic::Response::into_inner)
    }

    pub async fn sign_in(&self, login: &str) -> SignInResponse {
        self.try_sign_in(login, PASSWORD, "").await.unwrap()
    }

    /// Signs in and gives the caller whom the token proves, as the lock would.
    pub async fn caller(&self, login: &str) -> Caller {
        let answer = self.sign_in(login).await;
        self.verifier.verify(&answer.tokens.unwrap().access_token).unwrap()
    }

    pub fn person(&self, index: usize) -> String {
        self.demo.person_ids[index].to_string()
    }

    pub fn location(&self, index: usize) -> String {
        self.demo.location_ids[index].to_string()
    }
}

/// A request of nobody.
pub fn nobody<M>(message: M) -> Request<M> {
    by(&Caller::anonymous(), message)
}

/// A request that passed the lock.
pub fn by<M>(caller: &Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(Visit {
        method: "/test",
        request_id: "test".into(),
    });
    request
}

/// The same with an idempotency key.
pub fn keyed<M>(mut request: Request<M>, key: &str) -> Request<M> {
    request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

/// The stable reason of a refusal.
pub fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    let status = outcome.expect_err("a refusal");
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .unwrap_or_else(|| format!("{status:?}"))
}

/// Everything that a refusal shows.
pub fn face<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String, Vec<u8>) {
    let status = outcome.expect_err("a refusal");
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

pub fn some_id() -> String {
    Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057).to_string()
}

pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    })
}

pub fn new_person(house: &House, login: &str, name: &str, role: Role, place: usize) -> CreatePersonRequest {
    CreatePersonRequest {
        display_name: name.into(),
        login_name: login.into(),
        roles: vec![role.into()],
        location_ids: vec![house.location(place)],
        ..CreatePersonRequest::default()
    }
}

pub async fn names(house: &House, caller: &Caller, request: ListPeopleRequest) -> Vec<String> {
    let answer = house.api.list_people(by(caller, request)).await.unwrap().into_inner();
    answer.people.into_iter().map(|person| person.login_name).collect()
}

/// The owner of a second business, as the lock would show them.
pub async fn stranger(house: &House) -> Caller {
    let made = create_tenant(
        &house.lab.deps,
        NewTenant {
            slug: "birch",
            display_name: "Birch Cafe",
            currency_code: "EUR",
            owner_name: "Otto Other",
            owner_login: "owner",
            owner_email: "otto@birch.example",
            owner_password: PASSWORD,
        },
    )
    .await
    .unwrap();
    let request = SignInRequest {
        tenant_slug: "birch".into(),
        login: "owner".into(),
        password: PASSWORD.into(),
        ..SignInRequest::default()
    };
    let answer = house.api.sign_in(nobody(request)).await.unwrap().into_inner();
    let caller = house.verifier.verify(&answer.tokens.unwrap().access_token).unwrap();
    assert_eq!(caller.principal, Principal::Person(made.owner_id));
    caller
}
