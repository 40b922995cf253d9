//! The order: what may be done with it, and what it then is. `tests/model_order` tells the same in simpler words, and
//! holds it to that.

pub mod change;
pub mod course;
pub mod fold;
pub mod item;
pub mod kitchen;
pub mod line;
pub mod moving;
pub mod place;
pub mod status;
pub mod void;

pub use fold::{Meta, apply, fold};

use muster_proto::orders::v1::Order;

use super::Result;
use crate::error::OrdersError;

/// So many lines fit on an order.
pub const MOST_LINES: usize = 500;

/// Refuses what cannot be done with a voided order.
///
/// # Errors
/// `ORDER_VOIDED`.
pub fn must_stand(order: &Order) -> Result<()> {
    match status::of(order) {
        muster_proto::orders::v1::OrderStatus::Voided => Err(OrdersError::OrderVoided),
        _ => Ok(()),
    }
}
