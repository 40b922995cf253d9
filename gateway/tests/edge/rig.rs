//! A gateway on a socket, and behind it a service that does what the header `act` says and tells what it saw.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use muster_gateway::{Gateway, Parts};
use muster_kernel::clock::World;
use muster_kernel::config::{Config, Mode};
use muster_kernel::edge::{self, Limits};
use muster_kernel::identity::corpus::Forger;
use muster_kernel::identity::{Lock, PublicKey, ServiceKey, Trust, Verifier};
use muster_kernel::seal::MasterKey;
use muster_kernel::transport::{Peers, Transport};
use muster_proto::authz::v1::Permission;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

use crate::wire::{Answer, Client, message};

pub const METHOD: &str = "/muster.orders.v1.OrderService/GetOrder";

pub struct Rig {
    pub address: String,
    pub forger: Forger,
    /// Requests that reached the service.
    pub seen: Arc<AtomicUsize>,
    /// Cut, the service is gone.
    pub service: CancellationToken,
}

impl Rig {
    pub async fn start(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::load(None).unwrap();
        config.mode = Mode::Production;
        change(&mut config);
        let world = World::system();
        let now = world.now().timestamp();
        let id = |number: u128| uuid::Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8000 + number);
        let claims = json!({
            "iss": config.issuer, "aud": "muster-api", "sub": id(1), "tid": id(2), "sid": id(3), "jti": id(4), "knd": "person",
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
        let lock = Arc::new(Lock::new(
            Verifier::new(&config.issuer, trust, world.clone()),
            key,
            world.clone(),
        ));
        let (seen, service) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let behind = serve_orders(Arc::clone(&seen), service.clone()).await;
        let peers = Peers::new([("orders", Transport::remote(&format!("http://{behind}")).unwrap())]);
        let stop = CancellationToken::new();
        let gateway = Gateway::new(
            &config,
            Parts {
                lock,
                peers,
                world,
                redis: None,
                stop: stop.clone(),
            },
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(edge::serve(
            listener,
            gateway,
            Gateway::listener_limits(&config),
            None,
            stop,
        ));
        Self {
            address,
            forger,
            seen,
            service,
        }
    }

    /// A request of the good caller with these headers.
    pub fn request(&self, headers: &[(&'static str, &str)]) -> Request<()> {
        let mut request = Client::request(METHOD);
        let map = request.headers_mut();
        map.insert(
            "authorization",
            format!("Bearer {}", self.forger.good()).parse().unwrap(),
        );
        headers
            .iter()
            .for_each(|(name, value)| drop(map.insert(*name, value.parse().unwrap())));
        request
    }

    pub async fn ask(&self, headers: &[(&'static str, &str)]) -> Answer {
        let client = Client::connect(&self.address).await;
        client.call(self.request(headers), message(b"")).await.unwrap()
    }

    pub fn seen(&self) -> usize {
        self.seen.load(SeqCst)
    }
}

async fn serve_orders(seen: Arc<AtomicUsize>, stop: CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let service = tower::service_fn(move |request: Request<Body>| {
        // The gateway asks for the service's health as well.
        seen.fetch_add(usize::from(request.uri().path().starts_with("/muster.")), SeqCst);
        async move { Ok::<_, Infallible>(act(request.headers()).await) }
    });
    let limits = Limits {
        connections_per_address: usize::MAX,
        drain: Duration::ZERO,
        ..Limits::default()
    };
    tokio::spawn(edge::serve(listener, service, limits, None, stop));
    address
}

async fn act(headers: &HeaderMap) -> Response<Body> {
    let act = headers.get("act").map_or("", |value| value.to_str().unwrap());
    let seen: Vec<String> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", 0.into());
    let (data, end) = (
        Ok(Frame::data(message(seen.join("\n").as_bytes()))),
        Ok(Frame::trailers(trailers)),
    );
    let frames: Vec<Result<Frame<Bytes>, Status>> = match act {
        "broken" => vec![data, Err(Status::unknown("a wire was cut at 10.0.0.7"))],
        "unfinished" => vec![data],
        _ => vec![data, end],
    };
    match act {
        "sleep" => tokio::time::sleep(Duration::from_millis(500)).await,
        "hang" => std::future::pending().await,
        "panic" => panic!("planted"),
        "cancelled" => return Status::cancelled("Timeout expired").into_http(),
        "too-large" => {
            return Status::out_of_range("Error, decoded message length too large: found 9 bytes").into_http();
        }
        "malformed" => {
            return Status::internal("failed to decode Protobuf message: Msg.s: invalid string value").into_http();
        }
        "transport" => return Status::unknown("transport error").into_http(),
        _ => {}
    }
    Response::new(Body::new(StreamBody::new(futures::stream::iter(frames))))
}
