//! Tenants, directory, roles, sign-in, sessions and devices.

pub mod admin;
pub mod api;
pub mod domain;
pub mod error;
pub mod events;
pub mod guard;
mod hash_room;
pub mod hasher;
pub mod keys;
pub mod rpc;
pub mod store;
mod threads;
pub mod trust_feed;
pub mod upkeep;
pub mod work;

use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::db::migrate::Step;
use muster_kernel::service::{Deps, Service, Task};
use muster_kernel::step;
use muster_proto::auth::v1::device_service_server::DeviceServiceServer;
use muster_proto::auth::v1::directory_service_server::DirectoryServiceServer;
use muster_proto::auth::v1::session_service_server::SessionServiceServer;
use muster_proto::auth::v1::trust_service_server::TrustServiceServer;
use tonic::service::Routes;

use crate::api::Auth;
use crate::rpc::services::Api;

/// The schema, step by step.
pub static STEPS: &[Step] = &[step!("../../../migrations/auth", "0001_auth")];

/// The service: its routes and its background tasks. Makes the first signing key where there is none.
///
/// # Errors
/// If the database is out of reach, or the installation's secret is not the one that its keys were sealed with.
pub async fn create(deps: Deps) -> Result<Service, Error> {
    let auth = Auth::open(deps).await?;
    Ok(serve(&auth))
}

/// The service over surroundings that are there already.
pub fn serve(auth: &Arc<Auth>) -> Service {
    let api = Api(Arc::clone(auth));
    let routes = Routes::new(SessionServiceServer::new(api.clone()))
        .add_service(DirectoryServiceServer::new(api.clone()))
        .add_service(DeviceServiceServer::new(api.clone()))
        .add_service(TrustServiceServer::new(api));
    let tasks = vec![
        Task::new("auth-keys", upkeep::look_after_keys(Arc::clone(auth))),
        Task::new("auth-forget", upkeep::forget_old(Arc::clone(auth))),
        Task::new("auth-trust", trust_feed::follow(Arc::clone(auth))),
    ];
    Service { routes, tasks }
}
