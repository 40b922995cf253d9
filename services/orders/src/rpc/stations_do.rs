//! What stations do: the commands of `KitchenService`.

use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{
    AcknowledgeAllergiesRequest, AcknowledgeAllergiesResponse, BumpItemsRequest, BumpItemsResponse, BumpOrderRequest,
    BumpOrderResponse, KitchenResult, Order, RecallTicketRequest, RecallTicketResponse, StartItemsRequest,
    StartItemsResponse, UnbumpItemsRequest, UnbumpItemsResponse,
};

use super::{Api, book};
use crate::domain::order::kitchen;
use crate::domain::routing::Kitchen;
use crate::domain::{Event, Result as Decided, ticket};
use crate::error::OrdersError;

/// Reads the order, decides, writes, and tells what became of its tickets.
async fn act(
    api: &Api,
    unit: &mut UnitOfWork,
    order_id: &str,
    decide: impl FnOnce(&Kitchen, &Order) -> Decided<Vec<Event>>,
) -> Result<Option<KitchenResult>, Error> {
    let (order, open) = book::look_up(api, unit, order_id).await?;
    let events = decide(&open.kitchen, &order)?;
    let order = book::update(unit, &open.kitchen, order, events).await?;
    Ok(Some(result(&order, &open.kitchen)))
}

fn result(order: &Order, kitchen: &Kitchen) -> KitchenResult {
    let tickets = ticket::open_tickets(order, kitchen);
    let open = |station_id: &str| tickets.iter().any(|ticket| ticket.station_id == station_id);
    let closed = kitchen.live().filter(|station| !open(&station.id));
    let removed_ticket_ids = closed.map(|station| ticket::id(&order.id, &station.id)).collect();
    KitchenResult {
        order_id: order.id.clone(),
        order_version: order.version,
        tickets,
        removed_ticket_ids,
    }
}

/// The station is known here.
fn known(kitchen: &Kitchen, station_id: &str) -> Decided<()> {
    kitchen
        .station(station_id)
        .map(drop)
        .ok_or(OrdersError::StationNotFound)
}

/// The station still has a screen: what is put back on it is seen.
fn live(kitchen: &Kitchen, station_id: &str) -> Decided<()> {
    let station = kitchen.station(station_id).filter(|station| !station.archived);
    station.map(drop).ok_or(OrdersError::StationNotFound)
}

/// A station begins with lines.
pub async fn start(api: &Api, unit: &mut UnitOfWork, request: &StartItemsRequest) -> Result<StartItemsResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| {
        known(kitchen, &request.station_id)?;
        kitchen::start(order, &request.station_id, &request.item_ids)
    };
    Ok(StartItemsResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}

/// A station is done with lines.
pub async fn bump(api: &Api, unit: &mut UnitOfWork, request: &BumpItemsRequest) -> Result<BumpItemsResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| {
        known(kitchen, &request.station_id)?;
        kitchen::bump(kitchen, order, &request.station_id, &request.item_ids)
    };
    Ok(BumpItemsResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}

/// A station takes its bump back.
pub async fn unbump(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &UnbumpItemsRequest,
) -> Result<UnbumpItemsResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| {
        live(kitchen, &request.station_id)?;
        kitchen::unbump(kitchen, order, &request.station_id, &request.item_ids)
    };
    Ok(UnbumpItemsResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}

/// A done ticket comes back.
pub async fn recall(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &RecallTicketRequest,
) -> Result<RecallTicketResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| {
        live(kitchen, &request.station_id)?;
        kitchen::recall(kitchen, order, &request.station_id)
    };
    Ok(RecallTicketResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}

/// Expo hands lines out.
pub async fn bump_order(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &BumpOrderRequest,
) -> Result<BumpOrderResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| kitchen::hand_out(kitchen, order, &request.item_ids, request.force);
    Ok(BumpOrderResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}

/// A station takes note of what the guest must not eat.
pub async fn acknowledge(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &AcknowledgeAllergiesRequest,
) -> Result<AcknowledgeAllergiesResponse, Error> {
    let decide = |kitchen: &Kitchen, order: &Order| {
        known(kitchen, &request.station_id)?;
        kitchen::acknowledge(order, &request.station_id, &request.item_ids)
    };
    Ok(AcknowledgeAllergiesResponse {
        result: act(api, unit, &request.order_id, decide).await?,
    })
}
