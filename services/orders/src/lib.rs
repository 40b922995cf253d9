//! Orders: the menu, stations, orders, and what the kitchen must make now.

pub mod check;
pub mod domain;
pub mod error;
pub mod events;
pub mod hub;
mod locations;
pub mod rpc;
pub mod store;

use std::sync::Arc;

use muster_kernel::one_by_one::OneByOne;
use muster_kernel::service::{Deps, Service, Task};
use muster_proto::orders::v1::menu_service_server::MenuServiceServer;
use muster_proto::orders::v1::order_service_server::OrderServiceServer;
use muster_proto::orders::v1::station_service_server::StationServiceServer;
use tonic::service::Routes;

pub use check::check;
pub use store::STEPS;

use crate::hub::Hub;
use crate::rpc::{Api, Kitchen};
use crate::store::numbers::Numbers;
use crate::store::seen::SeenLocations;
use crate::store::seen_order::SeenOrders;
use crate::store::shop::Shelf;

/// The service: its routes and its background tasks.
pub fn create(deps: Deps) -> Service {
    let shelf = Shelf::new(&deps.caches);
    let (db, world, bell) = (deps.db.clone(), deps.world.clone(), deps.bell.clone());
    let hub = Arc::new(Hub::new(db, world, bell, shelf.rows().clone()));
    let api = Api {
        seen: SeenLocations::new(deps.db.clone()),
        orders: SeenOrders::new(deps.db.clone()),
        turns: OneByOne::default(),
        numbers: Numbers::default(),
        door: deps.door.clone(),
        pages: deps.pages.clone(),
        shelf,
        hub: Arc::clone(&hub),
    };
    let routes = Routes::new(MenuServiceServer::new(api.clone()))
        .add_service(StationServiceServer::new(api.clone()))
        .add_service(OrderServiceServer::new(api.clone()))
        .add_service(Kitchen::new(api));
    let tasks = vec![
        Task::new("orders: watched kitchens", hub.follow(deps.stop.clone())),
        Task::new("orders: locations from auth", locations::follow(deps)),
    ];
    Service { routes, tasks }
}
