//! The generated service traits, each method handed to its handler.

use futures::StreamExt;
use futures::stream::BoxStream;
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::menu_service_server::MenuService;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::station_service_server::StationService;
use muster_proto::orders::v1::*;
use tonic::{Request, Response, Status};

use super::*;

/// Implements methods that read or change within one unit of work.
macro_rules! methods {
    ($($way:ident $name:ident($request:ty) -> $response:ty = $handler:path;)*) => {$(
        fn $name<'s, 'a>(
            &'s self,
            request: Request<$request>,
        ) -> ::core::pin::Pin<Box<dyn Future<Output = Result<Response<$response>, Status>> + Send + 'a>>
        where
            's: 'a,
            Self: 'a,
        {
            Box::pin(self.door.$way(self, request, |api, unit, message| Box::pin($handler(api, unit, message))))
        }
    )*};
}

impl MenuService for Api {
    methods! {
        read get_menu(GetMenuRequest) -> GetMenuResponse = get_menu::handle;
        mutate put_category(PutCategoryRequest) -> PutCategoryResponse = put_menu::category;
        mutate put_menu_item(PutMenuItemRequest) -> PutMenuItemResponse = put_menu::item;
        mutate put_modifier_group(PutModifierGroupRequest) -> PutModifierGroupResponse = put_menu::group;
        mutate archive_menu_item(ArchiveMenuItemRequest) -> ArchiveMenuItemResponse = archive_menu_item::handle;
        mutate set_stock(SetStockRequest) -> SetStockResponse = set_stock::handle;
    }
}

impl StationService for Api {
    methods! {
        read list_stations(ListStationsRequest) -> ListStationsResponse = list_stations::handle;
        mutate put_station(PutStationRequest) -> PutStationResponse = put_station::handle;
        mutate archive_station(ArchiveStationRequest) -> ArchiveStationResponse = archive_station::handle;
        read list_routing_rules(ListRoutingRulesRequest) -> ListRoutingRulesResponse = routing_rules::list;
        mutate put_routing_rule(PutRoutingRuleRequest) -> PutRoutingRuleResponse = routing_rules::put;
        mutate delete_routing_rule(DeleteRoutingRuleRequest) -> DeleteRoutingRuleResponse = routing_rules::delete;
        read explain_route(ExplainRouteRequest) -> ExplainRouteResponse = routing_rules::explain;
    }
}

impl OrderService for Api {
    methods! {
        mutate place_order(PlaceOrderRequest) -> PlaceOrderResponse = place_order::handle;
        mutate add_items(AddItemsRequest) -> AddItemsResponse = add_items::handle;
        mutate change_item(ChangeItemRequest) -> ChangeItemResponse = change_item::handle;
        mutate move_order(MoveOrderRequest) -> MoveOrderResponse = move_order::handle;
        mutate move_items(MoveItemsRequest) -> MoveItemsResponse = move_items::handle;
        mutate hold_course(HoldCourseRequest) -> HoldCourseResponse = courses::hold;
        mutate fire_course(FireCourseRequest) -> FireCourseResponse = courses::fire;
        mutate void_items(VoidItemsRequest) -> VoidItemsResponse = voids::items;
        mutate void_order(VoidOrderRequest) -> VoidOrderResponse = voids::order;
        read get_order(GetOrderRequest) -> GetOrderResponse = get_order::handle;
        read list_orders(ListOrdersRequest) -> ListOrdersResponse = list_orders::handle;
        read get_order_history(GetOrderHistoryRequest) -> GetOrderHistoryResponse = get_order_history::handle;
    }
}

impl KitchenService for Api {
    type WatchKitchenStream = BoxStream<'static, Result<WatchKitchenResponse, Status>>;

    fn watch_kitchen<'s, 'a>(
        &'s self,
        request: Request<WatchKitchenRequest>,
    ) -> ::core::pin::Pin<Box<dyn Future<Output = Result<Response<Self::WatchKitchenStream>, Status>> + Send + 'a>>
    where
        's: 'a,
        Self: 'a,
    {
        // For whoever calls in this process; the network's requests pass [`watch_kitchen::Kitchen`] and are not decoded.
        Box::pin(async move {
            let parts = watch_kitchen::handle(self, request).await?;
            Ok(parts.map(|parts| parts.map(|part| part?.decode()).boxed()))
        })
    }

    methods! {
        mutate start_items(StartItemsRequest) -> StartItemsResponse = stations_do::start;
        mutate bump_items(BumpItemsRequest) -> BumpItemsResponse = stations_do::bump;
        mutate unbump_items(UnbumpItemsRequest) -> UnbumpItemsResponse = stations_do::unbump;
        mutate recall_ticket(RecallTicketRequest) -> RecallTicketResponse = stations_do::recall;
        mutate bump_order(BumpOrderRequest) -> BumpOrderResponse = stations_do::bump_order;
        mutate acknowledge_allergies(AcknowledgeAllergiesRequest) -> AcknowledgeAllergiesResponse =
            stations_do::acknowledge;
        read list_recent_tickets(ListRecentTicketsRequest) -> ListRecentTicketsResponse = look::recent;
        read get_all_day(GetAllDayRequest) -> GetAllDayResponse = look::all_day;
    }
}
