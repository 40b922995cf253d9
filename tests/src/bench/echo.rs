//! A service that only echoes, behind the lock of every service: what a call costs beside the work that it asks for.
//!
//! It stands in for the orders role: `GetOrder` answers with a message as long as the request, and no database is asked.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{Request, Response};
use muster_gateway::{Gateway, Parts};
use muster_kernel::clock::World;
use muster_kernel::config::Config;
use muster_kernel::edge::{self, Limits, ServiceStack, Shed};
use muster_kernel::identity::{Lock, ServiceKey, Trust, Verifier, follow_trust};
use muster_kernel::redis::Redis;
use muster_kernel::seal::MasterKey;
use muster_kernel::telemetry::Telemetry;
use muster_kernel::transport::{Peers, Transport};
use muster_proto::orders::v1::{GetOrderRequest, GetOrderResponse, Order};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_prost::ProstCodec;

/// The method that is called.
pub const METHOD: &str = "/muster.orders.v1.OrderService/GetOrder";
/// The length of the message, in both directions, without gRPC's five bytes before it.
pub const LENGTH: usize = 60;

/// A request of [`LENGTH`] bytes: two of them name the field and its length.
pub fn request() -> GetOrderRequest {
    GetOrderRequest {
        order_id: "o".repeat(LENGTH - 2),
    }
}

/// How the echo is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// It listens as the orders role does, for a gateway elsewhere.
    Alone,
    /// The gateway is in the same process.
    Together,
}

/// Serves until the process is ended. Settings come from the environment, as those of the binary do.
///
/// # Errors
/// If an address is taken or auth does not tell its keys.
pub async fn serve(shape: Shape) -> anyhow::Result<()> {
    let config = Config::load(None)?;
    let telemetry = Telemetry::start(&config, "echo")?;
    let (world, trust, stop) = (World::system(), Trust::default(), CancellationToken::new());
    let cluster = MasterKey::from_secret(config.secrets.cluster.expose_secret());
    let services = ServiceKey::new(&cluster, world.clone());
    let verifier = Verifier::new(&config.issuer, trust.clone(), world.clone());
    let lock = Arc::new(Lock::new(verifier, services.clone(), world.clone()));
    let local: Arc<OnceLock<ServiceStack>> = Arc::default();
    let address = |role: &str| {
        config
            .roles
            .get(role)
            .map(|role| role.address.as_str())
            .unwrap_or_default()
    };
    let peers = Peers::new([
        ("auth", Transport::remote(address("auth"))?),
        ("orders", Transport::Local(Arc::clone(&local))),
    ]);
    let auth = peers.connect_as("orders", "auth", &services)?;
    tokio::spawn(follow_trust(trust.clone(), auth, stop.clone()));
    trust.ready(Duration::from_secs(20)).await?;

    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", ServingStatus::Serving).await;
    let routes = Routes::new(Echo).add_service(health);
    let shed = Shed::here("orders", &config.shed);
    let stack = ServiceStack::new("orders", routes, Arc::clone(&lock), world.clone(), shed);
    let _ = local.set(stack.clone());
    match shape {
        Shape::Alone => {
            let place = config.roles.get("orders").expect("the role has an address").listen;
            let limits = Limits {
                connections_per_address: usize::MAX,
                http1: false,
                ..Limits::default()
            };
            edge::serve(TcpListener::bind(place).await?, stack, limits, None, stop).await;
        }
        Shape::Together => {
            let url = config.redis.url.expose_secret();
            let redis = (!url.is_empty()).then(|| Redis::open(url, world.clone())).transpose()?;
            let limits = Gateway::listener_limits(&config);
            let listener = TcpListener::bind(config.gateway.listen).await?;
            let parts = Parts {
                lock,
                peers,
                world,
                redis,
                stop: stop.clone(),
            };
            edge::serve(listener, Gateway::new(&config, parts), limits, None, stop).await;
        }
    }
    telemetry.stop();
    Ok(())
}

/// What the generated server of a service does for one method.
#[derive(Clone)]
struct Echo;

impl tonic::server::NamedService for Echo {
    const NAME: &'static str = "muster.orders.v1.OrderService";
}

impl tower::Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move {
            let codec = ProstCodec::<GetOrderResponse, GetOrderRequest>::default();
            Ok(tonic::server::Grpc::new(codec).unary(Handler, request).await)
        })
    }
}

struct Handler;

impl tonic::server::UnaryService<GetOrderRequest> for Handler {
    type Response = GetOrderResponse;
    type Future = std::future::Ready<Result<tonic::Response<GetOrderResponse>, tonic::Status>>;

    fn call(&mut self, request: tonic::Request<GetOrderRequest>) -> Self::Future {
        let mut id = request.into_inner().order_id;
        // The answer has one message more around its text than the request.
        id.truncate(LENGTH - 4);
        let order = Some(Order { id, ..Order::default() });
        std::future::ready(Ok(tonic::Response::new(GetOrderResponse { order })))
    }
}
