//! `muster.orders.v1.OrderService`.

use muster_proto::orders::v1::*;

use super::{Case, Things, case};

const SERVICE: &str = "orders.v1.OrderService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let order = || things.order.clone();
    let modifier = NewModifier {
        modifier_id: things.modifier.clone(),
        quantity: 1,
    };
    let one = NewItem {
        menu_item_id: things.burger.clone(),
        quantity: 1,
        modifiers: vec![modifier],
        ..NewItem::default()
    };
    let server = Server {
        id: things.person.clone(),
        name: "Ana".to_owned(),
    };
    let three = NewItem {
        quantity: 3,
        ..one.clone()
    };
    let part = || {
        vec![ItemQuantity {
            item_id: things.plain.clone(),
            quantity: 1,
        }]
    };
    let (table, reason) = (format!("T {}", things.tag), "guest changed their mind".to_owned());
    vec![
        case(
            SERVICE,
            "PlaceOrder",
            "location",
            PlaceOrderRequest {
                location_id: things.location.clone(),
                dining_option: DiningOption::DineIn.into(),
                table: table.clone(),
                server: Some(server.clone()),
                items: vec![one.clone()],
                ..PlaceOrderRequest::default()
            },
        ),
        case(
            SERVICE,
            "AddItems",
            "order",
            AddItemsRequest {
                order_id: order(),
                items: vec![one],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ChangeItem",
            "order",
            ChangeItemRequest {
                order_id: order(),
                item_id: things.plain.clone(),
                item: Some(three),
                update_mask: None,
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "MoveOrder",
            "order",
            MoveOrderRequest {
                order_id: order(),
                table,
                server: Some(server),
                ..MoveOrderRequest::default()
            },
        ),
        case(
            SERVICE,
            "MoveItems",
            "order",
            MoveItemsRequest {
                order_id: order(),
                items: part(),
                to_order_id: things.to_order.clone(),
                ..MoveItemsRequest::default()
            },
        ),
        case(
            SERVICE,
            "HoldCourse",
            "order",
            HoldCourseRequest {
                order_id: order(),
                course: 1,
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "FireCourse",
            "order",
            FireCourseRequest {
                order_id: order(),
                course: 2,
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "VoidItems",
            "order",
            VoidItemsRequest {
                order_id: order(),
                items: part(),
                reason: reason.clone(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "VoidOrder",
            "order",
            VoidOrderRequest {
                order_id: order(),
                reason,
                validate_only: false,
            },
        ),
        case(SERVICE, "GetOrder", "order", GetOrderRequest { order_id: order() }),
        case(
            SERVICE,
            "ListOrders",
            "location",
            ListOrdersRequest {
                location_id: things.location.clone(),
                ..ListOrdersRequest::default()
            },
        ),
        case(
            SERVICE,
            "GetOrderHistory",
            "order",
            GetOrderHistoryRequest {
                order_id: order(),
                ..GetOrderHistoryRequest::default()
            },
        ),
    ]
}
