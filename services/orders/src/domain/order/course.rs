//! Courses: waiting, and firing.

use muster_proto::orders::v1::{CourseFired, CourseHeld, Order};

use super::super::{Event, Result};
use super::{fold, item, must_stand};
use crate::error::OrdersError;

/// Makes the kitchen wait with a course. One that waits already goes on waiting.
///
/// # Errors
/// `COURSE_STARTED`, when a station has begun it; `ORDER_VOIDED`.
pub fn hold(order: &Order, course: i32) -> Result<Vec<Event>> {
    must_stand(order)?;
    let mut lines = order
        .items
        .iter()
        .filter(|line| line.course == course && item::is_live(line));
    if lines.any(item::is_touched) {
        return Err(OrdersError::CourseStarted { course });
    }
    if fold::is_held(order, course) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::CourseHeld(CourseHeld { course })])
}

/// Sends a course to the kitchen. One that is fired already stays so.
///
/// # Errors
/// `COURSE_NOT_FOUND`; `ORDER_VOIDED`.
pub fn fire(order: &Order, course: i32) -> Result<Vec<Event>> {
    must_stand(order)?;
    if !order.courses.iter().any(|known| known.number == course) {
        return Err(OrdersError::CourseNotFound);
    }
    if !fold::is_held(order, course) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::CourseFired(CourseFired { course })])
}
