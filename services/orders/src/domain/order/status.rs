//! How far an order is, derived from its lines.

use muster_proto::orders::v1::{Order, OrderItem, OrderStatus};

use super::item;

/// The status of the order as its lines stand.
pub fn of(order: &Order) -> OrderStatus {
    let live = || order.items.iter().filter(|line| item::is_live(line));
    let nothing_left = live().next().is_none();
    let emptied = !order.items.is_empty() || !order.merged_into_order_id.is_empty();
    if order.voided.is_some() || (nothing_left && emptied) {
        return OrderStatus::Voided;
    }
    if nothing_left {
        return OrderStatus::Placed;
    }
    let open = |line: &&OrderItem| line.fulfilled_at.is_none();
    if live().all(|line| line.fulfilled_at.is_some()) {
        OrderStatus::Fulfilled
    } else if live()
        .filter(open)
        .all(|line| item::is_fired(line) && item::is_made(line))
    {
        OrderStatus::Ready
    } else if live().any(item::is_touched) {
        OrderStatus::InProgress
    } else {
        OrderStatus::Placed
    }
}

/// Neither fulfilled nor voided.
pub fn is_open(order: &Order) -> bool {
    !matches!(order.status(), OrderStatus::Fulfilled | OrderStatus::Voided)
}
