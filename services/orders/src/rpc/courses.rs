//! `OrderService.HoldCourse` and `FireCourse`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{FireCourseRequest, FireCourseResponse, HoldCourseRequest, HoldCourseResponse};

use super::{Api, book};
use crate::domain::order::course;

/// Makes the kitchen wait with a course.
pub async fn hold(api: &Api, unit: &mut UnitOfWork, request: &HoldCourseRequest) -> Result<HoldCourseResponse, Error> {
    let (order, open) = book::look_up(api, unit, &request.order_id).await?;
    let events = course::hold(&order, request.course)?;
    let order = book::update(unit, &open.kitchen, order, events).await?;
    Ok(HoldCourseResponse { order: Some(order) })
}

/// Sends a held course to the kitchen.
pub async fn fire(api: &Api, unit: &mut UnitOfWork, request: &FireCourseRequest) -> Result<FireCourseResponse, Error> {
    let (order, open) = book::look_up(api, unit, &request.order_id).await?;
    let events = course::fire(&order, request.course)?;
    let order = book::update(unit, &open.kitchen, order, events).await?;
    Ok(FireCourseResponse { order: Some(order) })
}
