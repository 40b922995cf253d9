//! `KitchenService.WatchKitchen`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, Empty};
use muster_kernel::Error;
use muster_kernel::db::Reach;
use muster_proto::orders::v1::kitchen_service_server::KitchenServiceServer;
use muster_proto::orders::v1::{WatchKitchenRequest, WatchKitchenResponse};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, ServerStreamingService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use super::{Api, missing_location};
use crate::hub::{Part, PartsBody, Screen, Seen};
use crate::store::{id, location};

const METHOD: &str = "/muster.orders.v1.KitchenService/WatchKitchen";

/// The kitchen of a location, as parts of encoded messages.
pub type Parts = BoxStream<'static, Result<Part, Status>>;

/// Streams the kitchen of a location.
pub async fn handle(api: &Api, request: Request<WatchKitchenRequest>) -> Result<Response<Parts>, Status> {
    let (caller, message) = api.door.open(request)?;
    let tenant = caller.tenant_id.ok_or_else(missing_location)?;
    let location_id = id(&message.location_id)?;
    caller.reach_location(location_id, missing_location)?;
    let mut conn = api.door.db().read(Reach::Tenant(tenant)).await.map_err(Error::from)?;
    let found = location::find(&mut conn, tenant, location_id).await;
    conn.rollback().await;
    let location = found?.ok_or_else(missing_location)?;
    let station_ids = message.station_ids.into_iter().collect();
    let seen = Seen {
        key: (tenant, location_id),
        location,
        station_ids,
    };
    let screen = Screen::open(&api.hub, seen, &message.resume_token).await?;
    Ok(Response::new(api.door.stream(&caller, screen.stream())))
}

/// The kitchen's service, whose stream is not encoded anew for each screen.
#[derive(Clone)]
pub struct Kitchen {
    api: Api,
    others: KitchenServiceServer<Api>,
}

impl Kitchen {
    /// Over these handlers.
    pub fn new(api: Api) -> Self {
        let others = KitchenServiceServer::new(api.clone());
        Self { api, others }
    }
}

impl NamedService for Kitchen {
    const NAME: &'static str = <KitchenServiceServer<Api> as NamedService>::NAME;
}

impl Service<http::Request<Body>> for Kitchen {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != METHOD {
            return Box::pin(self.others.call(request));
        }
        let parts = Arc::default();
        let watch = Watch {
            api: self.api.clone(),
            parts: Arc::clone(&parts),
        };
        Box::pin(async move {
            let codec = ProstCodec::<WatchKitchenResponse, WatchKitchenRequest>::default();
            let response = Grpc::new(codec).server_streaming(watch, request).await;
            // None where the request was refused.
            let parts = parts.lock().ok().and_then(|mut parts| parts.take());
            Ok(match parts {
                Some(parts) => response.map(|_| Body::new(PartsBody::new(parts))),
                None => response,
            })
        })
    }
}

/// The stream of one request. Its parts are put aside: they are not messages that tonic would have to encode.
struct Watch {
    api: Api,
    parts: Arc<Mutex<Option<Parts>>>,
}

impl ServerStreamingService<WatchKitchenRequest> for Watch {
    type Response = WatchKitchenResponse;
    type ResponseStream = Empty<Result<WatchKitchenResponse, Status>>;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<WatchKitchenRequest>) -> Self::Future {
        let (api, aside) = (self.api.clone(), Arc::clone(&self.parts));
        Box::pin(async move {
            let response = handle(&api, request).await?;
            Ok(response.map(|parts| {
                if let Ok(mut aside) = aside.lock() {
                    *aside = Some(parts);
                }
                futures::stream::empty()
            }))
        })
    }
}
