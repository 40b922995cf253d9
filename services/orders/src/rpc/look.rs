//! `KitchenService.ListRecentTickets` and `GetAllDay`.

use std::cmp::Reverse;

use chrono::TimeDelta;
use muster_kernel::Error;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::{
    GetAllDayRequest, GetAllDayResponse, ListRecentTicketsRequest, ListRecentTicketsResponse, Ticket,
};

use super::Api;
use crate::domain::time::{key, micros};
use crate::domain::{all_day as counts, ticket};
use crate::store::order;

/// A bumped ticket can be looked up for so long.
const RECENT: TimeDelta = TimeDelta::minutes(15);
/// So many bumped tickets are shown.
const MOST_TICKETS: usize = 50;

/// The tickets that were bumped last.
pub async fn recent(
    api: &Api,
    unit: &mut UnitOfWork,
    request: &ListRecentTicketsRequest,
) -> Result<ListRecentTicketsResponse, Error> {
    let open = api.open(unit, &request.location_id).await?;
    let (tenant, since) = (unit.tenant()?, (unit.now() - RECENT).timestamp_micros());
    let orders = order::bumped_since(unit.conn().await?, tenant, open.location.id, since).await?;
    let wanted = |ticket: &Ticket| {
        let here = request.station_ids.is_empty() || request.station_ids.contains(&ticket.station_id);
        here && !ticket::is_open(ticket) && micros(ticket.bumped_at.as_ref()) >= since
    };
    let all = orders.iter().flat_map(|order| ticket::tickets(order, &open.kitchen));
    let mut tickets: Vec<Ticket> = all.filter(wanted).collect();
    tickets.sort_by_cached_key(|ticket| (Reverse(key(ticket.bumped_at.as_ref())), ticket.id.clone()));
    tickets.truncate(MOST_TICKETS);
    Ok(ListRecentTicketsResponse { tickets })
}

/// How many of each item are still to be made.
pub async fn all_day(api: &Api, unit: &mut UnitOfWork, request: &GetAllDayRequest) -> Result<GetAllDayResponse, Error> {
    let open = api.open(unit, &request.location_id).await?;
    let tenant = unit.tenant()?;
    let orders = order::on_board(unit.conn().await?, tenant, open.location.id).await?;
    let counts::AllDay { items, modifiers } = counts::count(orders.iter(), &request.station_ids);
    Ok(GetAllDayResponse { items, modifiers })
}
