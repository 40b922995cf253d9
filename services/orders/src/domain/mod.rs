//! The rules of orders: pure functions on the messages of the contract.
//!
//! A command is decided against the order as it stands and answers with events; the events are folded into the order.
//! Nothing here knows of clocks, ids of its own making, SQL or gRPC.

// What is counted here is money and dishes: it does not wrap, and no cast cuts it off.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

pub mod all_day;
pub mod board;
pub mod history;
pub mod mask;
pub mod menu;
pub mod money;
pub mod order;
pub mod pricing;
pub mod rail;
pub mod routing;
pub mod station;
pub mod stock;
pub mod ticket;
pub mod time;

/// What the log of orders carries for an order.
pub use muster_proto::orders::v1::order_event::Event;

/// The answer of a decision.
pub type Result<T> = std::result::Result<T, crate::error::OrdersError>;
