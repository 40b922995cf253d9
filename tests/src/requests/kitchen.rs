//! `muster.orders.v1.KitchenService`.

use muster_proto::orders::v1::*;

use super::{Case, Things, case};

const SERVICE: &str = "orders.v1.KitchenService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let (order, location) = (|| things.order.clone(), || things.location.clone());
    let (grill, fry) = (|| things.grill.clone(), || things.fry.clone());
    vec![
        case(
            SERVICE,
            "WatchKitchen",
            "location",
            WatchKitchenRequest {
                location_id: location(),
                station_ids: vec![grill()],
                resume_token: String::new(),
            },
        ),
        case(
            SERVICE,
            "StartItems",
            "order",
            StartItemsRequest {
                order_id: order(),
                station_id: grill(),
                item_ids: vec![things.plain.clone()],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "BumpItems",
            "order",
            BumpItemsRequest {
                order_id: order(),
                station_id: grill(),
                item_ids: vec![things.plain.clone()],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "UnbumpItems",
            "order",
            UnbumpItemsRequest {
                order_id: order(),
                station_id: fry(),
                item_ids: vec![things.done.clone()],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "RecallTicket",
            "order",
            RecallTicketRequest {
                order_id: order(),
                station_id: fry(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "BumpOrder",
            "order",
            BumpOrderRequest {
                order_id: order(),
                item_ids: vec![things.plain.clone()],
                force: true,
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "AcknowledgeAllergies",
            "order",
            AcknowledgeAllergiesRequest {
                order_id: order(),
                station_id: grill(),
                item_ids: vec![things.allergic.clone()],
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "ListRecentTickets",
            "location",
            ListRecentTicketsRequest {
                location_id: location(),
                station_ids: vec![grill()],
            },
        ),
        case(
            SERVICE,
            "GetAllDay",
            "location",
            GetAllDayRequest {
                location_id: location(),
                station_ids: vec![grill()],
            },
        ),
    ]
}
