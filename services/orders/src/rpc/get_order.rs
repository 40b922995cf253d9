//! `OrderService.GetOrder`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{GetOrderRequest, GetOrderResponse};

use super::{Api, book};

/// One order.
pub async fn handle(api: &Api, unit: &mut UnitOfWork, request: &GetOrderRequest) -> Result<GetOrderResponse, Error> {
    let seen = book::see(api, unit, &request.order_id).await?;
    Ok(GetOrderResponse {
        order: Some(seen.order.clone()),
    })
}
