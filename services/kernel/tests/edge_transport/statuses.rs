//! G-06 and G-10 at a service's own door, and what the bare stack does instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use axum::routing::post;
use http::Request;
use muster_kernel::clock::World;
use muster_kernel::config::Config;
use muster_kernel::edge::{self, Limits, ServiceStack, Shed};
use muster_kernel::identity::corpus::Forger;
use muster_kernel::identity::{Lock, PublicKey, ServiceKey, Trust, Verifier};
use muster_kernel::seal::MasterKey;
use muster_proto::authz::v1::Permission;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::Routes;
use tonic_prost::ProstCodec;

use crate::wire::{Answer, Client, message};

const METHOD: &str = "/muster.orders.v1.OrderService/GetOrder";

/// A handler that counts how often it ran, and does what the message says.
fn routes(ran: &Arc<AtomicUsize>) -> Routes {
    let ran = Arc::clone(ran);
    let handler = move |request: Request<axum::body::Body>| {
        let ran = Arc::clone(&ran);
        async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<String, String>::default());
            let handle = tower::service_fn(move |request: tonic::Request<String>| {
                ran.fetch_add(1, SeqCst);
                async move {
                    match request.into_inner().as_str() {
                        "panic" => panic!("planted"),
                        "hang" => std::future::pending().await,
                        word => Ok::<_, Status>(tonic::Response::new(word.to_owned())),
                    }
                }
            });
            grpc.unary(handle, request).await
        }
    };
    Routes::from(axum::Router::new().route(METHOD, post(handler)))
}

struct Rig {
    bare: Client,
    ours: Client,
    token: String,
    ran: Arc<AtomicUsize>,
}

async fn rig() -> Rig {
    let world = World::system();
    let now = world.now().timestamp();
    let id = |number: u128| uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8000 + number);
    let claims = json!({
        "iss": "x", "aud": "muster-api", "sub": id(1), "tid": id(2), "sid": id(3), "jti": id(4), "knd": "person",
        "per": [Permission::OrdersRead as i32], "loc": [], "auth_time": now, "iat": now, "nbf": now, "exp": now + 500,
    });
    let forger = Forger::new([7; 32], "key-1", claims.as_object().unwrap().clone());
    let trust = Trust::default();
    trust
        .set_keys(vec![PublicKey {
            kid: "key-1".into(),
            key: forger.public().to_vec(),
        }])
        .unwrap();
    let key = ServiceKey::new(
        &MasterKey::from_secret("a secret of 32 characters or more"),
        world.clone(),
    );
    let lock = Arc::new(Lock::new(Verifier::new("x", trust, world.clone()), key, world.clone()));
    let ran = Arc::<AtomicUsize>::default();
    let shed = Shed::here("orders", &Config::load(None).unwrap().shed);
    let (bare, ours) = (
        routes(&ran),
        ServiceStack::new("orders", routes(&ran), lock, world, shed),
    );
    let (stop, mut clients) = (CancellationToken::new(), Vec::new());
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let addresses = listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().to_string());
    let [first, second] = listeners;
    tokio::spawn(edge::serve(first, bare, Limits::bare(), None, stop.clone()));
    tokio::spawn(edge::serve(second, ours, Limits::default(), None, stop));
    for address in &addresses {
        clients.push(Client::connect(address).await);
    }
    let (ours, bare) = (clients.pop().unwrap(), clients.pop().unwrap());
    Rig {
        bare,
        ours,
        token: forger.good(),
        ran,
    }
}

impl Rig {
    /// What the bare stack and ours answer, and how often the handler ran for each.
    async fn both(&self, headers: &[(&'static str, &str)], words: &[&str]) -> [(Result<Answer, h2::Error>, usize); 2] {
        let mut answers = Vec::new();
        for client in [&self.bare, &self.ours] {
            let mut request = Client::request(METHOD);
            request
                .headers_mut()
                .insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
            headers
                .iter()
                .for_each(|(name, value)| drop(request.headers_mut().insert(*name, value.parse().unwrap())));
            let body: Vec<u8> = words
                .iter()
                .flat_map(|word| message(&prost::Message::encode_to_vec(&(*word).to_owned())))
                .collect();
            let before = self.ran.load(SeqCst);
            let answer = tokio::time::timeout(Duration::from_millis(800), client.call(request, body.into())).await;
            let answer = answer.unwrap_or_else(|_| Err(h2::Reason::SETTINGS_TIMEOUT.into()));
            answers.push((answer, self.ran.load(SeqCst) - before));
        }
        let ours = answers.pop().unwrap();
        [answers.pop().unwrap(), ours]
    }
}

fn grpc(answer: &Result<Answer, h2::Error>) -> String {
    answer.as_ref().map_or_else(
        |error| format!("{error}"),
        |answer| answer.grpc().unwrap_or("none").to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_what_is_not_grpc_reaches_no_handler() {
    let rig = rig().await;
    for content_type in ["application/json", "text/plain", ""] {
        let [(bare, ran), (ours, never)] = rig.both(&[("content-type", content_type)], &["word"]).await;
        assert_eq!(
            (grpc(&bare).as_str(), ran),
            ("0", 1),
            "the bare stack runs it: {content_type}"
        );
        assert_eq!((ours.unwrap().status, never), (415, 0), "{content_type}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_two_messages_are_not_one() {
    let rig = rig().await;
    let [(bare, ran), (ours, never)] = rig.both(&[], &["first", "second"]).await;
    assert_eq!(
        (grpc(&bare).as_str(), ran),
        ("0", 1),
        "the bare stack does the first and says nothing of the second"
    );
    assert_eq!((grpc(&ours).as_str(), never), ("3", 0));
    let [(_, ran), (one, once)] = rig.both(&[], &["first"]).await;
    assert_eq!((grpc(&one).as_str(), ran, once), ("0", 1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_panics_deadlines_and_bad_deadlines_have_their_own_codes() {
    let rig = rig().await;
    let [(bare, _), (ours, _)] = rig.both(&[], &["panic"]).await;
    assert!(bare.is_err(), "the bare stack resets the stream: {}", grpc(&bare));
    assert_eq!(grpc(&ours), "13");
    let [(bare, _), (ours, _)] = rig.both(&[("grpc-timeout", "100m")], &["hang"]).await;
    assert!(bare.is_err(), "the bare stack goes on for ever: {}", grpc(&bare));
    assert_eq!(grpc(&ours), "4");
    let [(bare, _), (ours, never)] = rig.both(&[("grpc-timeout", "1 hour")], &["word"]).await;
    assert_eq!(grpc(&bare), "0", "the bare stack takes no notice");
    assert_eq!((grpc(&ours).as_str(), never), ("3", 0));
}
