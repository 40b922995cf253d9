//! `OrderService.GetOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{GetOrderRequest, GetOrderResponse};

use super::{Api, book};

/// One order.
pub async fn handle(_: &Api, unit: &mut UnitOfWork, request: &GetOrderRequest) -> Result<GetOrderResponse, Error> {
    Ok(GetOrderResponse {
        order: Some(book::read(unit, &request.order_id).await?),
    })
}
