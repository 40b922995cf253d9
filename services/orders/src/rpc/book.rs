//! Reading an order for a decision, and writing what was decided.

use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::time::to_proto;
use muster_kernel::uow::UnitOfWork;
use muster_proto::orders::v1::Order;

use super::{Api, Thing, reach};
use crate::domain::order::place::Head;
use crate::domain::order::{Meta, apply};
use crate::domain::routing::Kitchen;
use crate::domain::time::business_date;
use crate::domain::{Event, ticket};
use crate::error::OrdersError;
use crate::events::{actor, of_order};
use crate::store::seen_order::SeenOrder;
use crate::store::shop::Open;
use crate::store::{id, location, order};

/// An order that the caller may see.
pub async fn read(unit: &mut UnitOfWork, order_id: &str) -> Result<Order, Error> {
    let (tenant, key) = (unit.tenant()?, id(order_id)?);
    let order = order::find(unit.conn().await?, tenant, key)
        .await?
        .ok_or(OrdersError::OrderNotFound)?;
    reach(unit, id(&order.location_id)?, OrdersError::OrderNotFound)?;
    Ok(order)
}

/// The same, asked for together with others and outside of any transaction.
pub async fn see(api: &Api, unit: &UnitOfWork, order_id: &str) -> Result<Arc<SeenOrder>, Error> {
    let seen = api.orders.ask((unit.tenant()?, id(order_id)?)).await?;
    let seen = seen.ok_or(OrdersError::OrderNotFound)?;
    reach(unit, seen.location.id, OrdersError::OrderNotFound)?;
    Ok(seen)
}

/// An order with its location, menu and kitchen.
pub async fn open(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<(Order, Open), Error> {
    let order = read(unit, order_id).await?;
    let open = api.open(unit, &order.location_id).await?;
    Ok((order, open))
}

/// The same in turn, for a unit that routes or undoes: the kitchen stays as it is until the unit ends.
pub async fn hold(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<(Order, Open), Error> {
    api.wait(unit, Thing::Order(id(order_id)?)).await?;
    held(api, unit, order_id).await
}

async fn held(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<(Order, Open), Error> {
    let order = read(unit, order_id).await?;
    let open = api.hold(unit, &order.location_id).await?;
    Ok((order, open))
}

/// The same, for a unit that changes nothing but the order, so that it can share its transaction with others: what it goes
/// by must still be so at its end. Other units hold it.
pub async fn look_up(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<(Order, Open), Error> {
    api.wait(unit, Thing::Order(id(order_id)?)).await?;
    if unit.is_grouped()
        && let Some(found) = glance(api, unit, order_id).await?
    {
        return Ok(found);
    }
    held(api, unit, order_id).await
}

/// The order, asked for together with others, if all that belongs to it is at hand.
async fn glance(api: &Api, unit: &mut UnitOfWork, order_id: &str) -> Result<Option<(Order, Open)>, Error> {
    let seen = see(api, unit, order_id).await?;
    let Some(open) = api.shelf.at_hand(unit.tenant()?, &seen.location, seen.menu_revision) else {
        return Ok(None);
    };
    unit.require(location::unchanged(&seen.location, seen.menu_revision));
    Ok(Some((seen.order.clone(), open)))
}

/// The head of a new order: an id, the next number, and today.
pub async fn new_head(api: &Api, unit: &mut UnitOfWork, open: &Open, order_id: &str) -> Result<Head, Error> {
    let id = if order_id.is_empty() {
        unit.new_id().to_string()
    } else {
        order_id.to_owned()
    };
    let business_date = business_date(unit.now(), &open.location.zone);
    let number = api.numbers.next(unit, open.location.id, &business_date).await?;
    Ok(Head {
        id,
        number,
        business_date,
    })
}

/// Folds what was decided for a new order and writes it.
pub async fn insert(unit: &mut UnitOfWork, kitchen: &Kitchen, events: Vec<Event>) -> Result<Order, Error> {
    let order = fold(unit, Order::default(), events)?;
    let on_board = ticket::is_on_board(&order, kitchen);
    unit.write(order::new_row(&order, on_board)?).await?;
    Ok(order)
}

/// Folds what was decided into an order and writes it. Without events the order stays as it is.
pub async fn update(
    unit: &mut UnitOfWork,
    kitchen: &Kitchen,
    order: Order,
    events: Vec<Event>,
) -> Result<Order, Error> {
    if events.is_empty() {
        return Ok(order);
    }
    let read_at = order.version;
    let order = fold(unit, order, events)?;
    let on_board = ticket::is_on_board(&order, kitchen);
    unit.write(order::changed_row(&order, read_at, on_board)?).await?;
    Ok(order)
}

fn fold(unit: &mut UnitOfWork, mut order: Order, events: Vec<Event>) -> Result<Order, Error> {
    let (at, actor) = (to_proto(unit.now()), actor(&unit.caller().actor()));
    for event in events {
        let meta = Meta {
            version: order.version + 1,
            at,
            actor: actor.clone(),
        };
        apply(&mut order, &event, &meta);
        unit.append(of_order(id(&order.id)?, id(&order.location_id)?, meta.version, event));
    }
    Ok(order)
}

/// New ids for lines, made by the unit of work.
pub fn ids(unit: &UnitOfWork) -> impl FnMut() -> String + Send + use<> {
    let world = unit.world().clone();
    move || world.new_id().to_string()
}
