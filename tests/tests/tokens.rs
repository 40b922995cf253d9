//! A-01 on the wire: the corpus of attacks on tokens at every door of a split town, and what only a whole town shows.
//! The attacker has stolen the signing key, so that nothing but each mutation itself can be what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use http::{HeaderValue, Request};
use muster_kernel::identity::corpus::{Attack, Carry, attacks, bit_flips};
use muster_proto::auth::v1::{
    RevokeSessionRequest, RevokeSessionResponse, SignOutRequest, SignOutResponse, WhoAmIRequest, WhoAmIResponse,
};
use muster_tests::attack::keys::thief;
use muster_tests::attack::wire::{Answer, Client, message};
use muster_tests::client::Caller;
use muster_tests::town::{Shape, Town};
use serde_json::json;
use tonic::Code;

const WHO_AM_I: &str = "/muster.auth.v1.SessionService/WhoAmI";
const GET_MENU: &str = "/muster.orders.v1.MenuService/GetMenu";
/// What one request's headers may have at all; longer ones do not get as far as the lock.
const HEADERS: usize = 14 * 1024;

struct Door {
    name: &'static str,
    method: &'static str,
    client: Client,
}

/// Status of HTTP, headers and trailers but for date and id, and the body.
type Bare = (u16, BTreeMap<String, Vec<u8>>, Vec<u8>);

impl Door {
    async fn all(town: &Town) -> Vec<Self> {
        let mut doors = Vec::new();
        for (name, method, address) in [
            ("the gateway, to auth", WHO_AM_I, &town.gateway),
            ("the gateway, to orders", GET_MENU, &town.gateway),
            ("auth itself", WHO_AM_I, &town.services["auth"]),
            ("orders itself", GET_MENU, &town.services["orders"]),
        ] {
            doors.push(Self {
                name,
                method,
                client: Client::connect(address).await,
            });
        }
        doors
    }

    async fn ask(&self, request: Request<()>) -> Answer {
        self.client
            .call(request, message(b""))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    async fn bearer(&self, token: &str) -> Option<Answer> {
        let mut request = Client::request(self.method);
        request.headers_mut().insert(
            "authorization",
            HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).ok()?,
        );
        Some(self.ask(request).await)
    }

    /// None where it cannot be sent at all.
    async fn attack(&self, attack: &Attack) -> Option<Answer> {
        match &attack.carry {
            Carry::Token(token) if token.len() > HEADERS => None,
            Carry::Token(token) => self.bearer(token).await,
            Carry::Headers(headers) => {
                let mut request = Client::request(self.method);
                for (name, value) in headers {
                    request
                        .headers_mut()
                        .append(*name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
                }
                Some(self.ask(request).await)
            }
            Carry::Query(query) => Some(self.ask(Client::request(&format!("{}?{query}", self.method))).await),
        }
    }

    async fn lets_in(&self, token: &str) {
        let answer = self.bearer(token).await.expect("it can be sent");
        assert!(
            !["16", "7"].contains(&answer.grpc().unwrap_or("16")),
            "{}: {answer:?}",
            self.name
        );
    }
}

fn bare(answer: &Answer) -> Bare {
    let told = answer
        .headers
        .iter()
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    let told = told.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    (answer.status, told.collect(), answer.body.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_01_every_mutation_is_refused_at_every_door_with_the_same_answer() {
    let town = Town::with_demo(Shape::Split).await;
    let token = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let forger = thief(&town, &token).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let all = attacks(&forger, &listener.local_addr().unwrap().to_string());
    let doors = Door::all(&town).await;
    let (mut sent, mut verdicts) = (0, Vec::new());
    for door in &doors {
        door.lets_in(&token).await;
        door.lets_in(&forger.good()).await;
        let expected = bare(&door.ask(Client::request(door.method)).await);
        assert_eq!(expected.1["grpc-status"], b"16");
        for attack in &all {
            let Some(answer) = door.attack(attack).await else {
                continue;
            };
            assert_eq!(bare(&answer), expected, "{}: {}: {}", door.name, attack.id, attack.what);
            sent += 1;
        }
        for flipped in bit_flips(&token).step_by(97) {
            assert_eq!(
                bare(&door.bearer(&flipped).await.unwrap()),
                expected,
                "{}: T-07",
                door.name
            );
            sent += 1;
        }
        door.lets_in(&token).await;
        let told = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
        verdicts.push(told.map(|name| expected.1[name].clone()));
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1, "gateway and services say the same");
    assert!(listener.accept().is_err(), "T-13: a token made somebody call");
    println!("A-01: {sent} mutated requests refused at {} doors", doors.len());
}

/// T-42: what was signed out is out everywhere, also where the token was remembered as good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_01_a_session_that_was_ended_opens_no_door() {
    let town = Town::with_demo(Shape::Split).await;
    let caller = Caller::sign_in(town.channel().await, "juniper", "olive").await;
    let doors = Door::all(&town).await;
    for door in &doors {
        door.lets_in(&caller.token).await;
    }
    let path = "/muster.auth.v1.SessionService/SignOut";
    let _: SignOutResponse = caller
        .call_once(path, "leave", SignOutRequest::default())
        .await
        .unwrap();
    let started = tokio::time::Instant::now();
    for door in &doors {
        let refused = async {
            while door.bearer(&caller.token).await.unwrap().grpc() != Some("16") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(2), refused)
            .await
            .unwrap_or_else(|_| panic!("{} stays open", door.name));
    }
    println!("A-01: signed out of every door after {:?}", started.elapsed());
}

/// T-31: what a token says of its person is believed where something is read, for its ten minutes; what changes
/// something goes by the record. So even the stolen key does not make a person of one tenant one of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_01_a_person_of_another_tenant_changes_nothing_here() {
    let town = Town::with_demo(Shape::AllInOne).await;
    let ours = Caller::sign_in(town.channel().await, "juniper", "olive").await.token;
    let theirs = Caller::sign_in(town.channel().await, "nextdoor", "olive").await.token;
    let (ours, theirs) = (thief(&town, &ours).await, thief(&town, &theirs).await);
    let path = "/muster.auth.v1.SessionService/RevokeSession";
    for (what, token) in [
        (
            "their person in our tenant",
            ours.with_claim("sub", json!(theirs.text("sub"))),
        ),
        (
            "our person in their tenant",
            ours.with_claim("tid", json!(theirs.text("tid"))),
        ),
        (
            "a tenant that is not",
            ours.with_claim("tid", json!("01890a5d-ac96-774b-bcce-b302099a80ee")),
        ),
    ] {
        let caller = Caller {
            channel: town.channel().await,
            token,
        };
        let request = RevokeSessionRequest {
            session_id: ours.text("sid"),
            ..RevokeSessionRequest::default()
        };
        let status = caller
            .call_once::<_, RevokeSessionResponse>(path, what, request)
            .await
            .unwrap_err();
        println!("T-31: {what}: {:?}", status.code());
        assert!(
            [Code::Unauthenticated, Code::NotFound, Code::PermissionDenied].contains(&status.code()),
            "{what}: {status}"
        );
    }
    // The session that all of this was aimed at is still there.
    let caller = Caller {
        channel: town.channel().await,
        token: ours.good(),
    };
    let _: WhoAmIResponse = caller.call(WHO_AM_I, WhoAmIRequest::default()).await.unwrap();
}
