//! What every service of Muster stands on.
//!
//! A service is given [`Deps`](service::Deps) and answers with a [`Service`](service::Service): its routes and its
//! background tasks. Its handlers stand behind a [`Door`](door::Door):
//!
//! ```ignore
//! async fn place_order(&self, request: Request<PlaceOrderRequest>) -> Result<Response<PlaceOrderResponse>, Status> {
//!     self.door.mutate(self, request, |api, unit, message| Box::pin(place_order::handle(api, unit, message))).await
//! }
//! ```
//!
//! and read and write through the [`UnitOfWork`](uow::UnitOfWork) that the door hands them.

mod breaker;
pub mod cache;
pub mod clock;
pub mod config;
pub mod db;
pub mod door;
pub mod edge;
pub mod error;
pub mod gather;
pub mod idempotency;
pub mod identity;
mod link;
pub mod log;
pub mod one_by_one;
pub mod page;
pub mod redis;
mod relay;
pub mod seal;
pub mod service;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
mod together;
pub mod transport;
mod turn;
pub mod uow;

pub use error::Error;
