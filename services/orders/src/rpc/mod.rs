//! The services of the contract: thin, one handler per method.

mod add_items;
mod archive_menu_item;
mod archive_station;
mod book;
mod change_item;
mod courses;
mod get_menu;
mod get_order;
mod get_order_history;
mod list_orders;
mod list_stations;
mod look;
mod move_items;
mod move_order;
mod place_order;
mod put_menu;
mod put_station;
mod routing_rules;
mod services;
mod set_stock;
mod stations_do;
mod stock;
mod voids;
mod watch_kitchen;

use std::sync::Arc;

use muster_kernel::Error;
use muster_kernel::door::Door;
use muster_kernel::one_by_one::OneByOne;
use muster_kernel::page::Pages;
use muster_kernel::uow::UnitOfWork;
use uuid::Uuid;
pub use watch_kitchen::Kitchen;

use crate::error::OrdersError;
use crate::hub::Hub;
use crate::store::by_id::Key;
use crate::store::numbers::Numbers;
use crate::store::seen::SeenLocations;
use crate::store::seen_order::SeenOrders;
use crate::store::shop::{Open, Shelf};
use crate::store::stock::Levels;
use crate::store::{id, location};

/// The handlers, and what they share. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// Checks requests and gives units of work.
    pub door: Door,
    /// Makes page tokens.
    pub pages: Pages,
    /// Menus and kitchens.
    pub shelf: Shelf,
    /// Locations, their menu's revision and stock, for units that share a transaction.
    pub seen: SeenLocations,
    /// Orders as they are, for units that share a transaction.
    pub orders: SeenOrders,
    /// Who changes what somebody else is changing waits for his turn.
    pub turns: OneByOne<(Uuid, Thing)>,
    /// The short numbers of new orders.
    pub numbers: Numbers,
    /// The kitchens that are watched.
    pub hub: Arc<Hub>,
}

/// What is changed by one after the other, of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thing {
    /// An order.
    Order(Uuid),
    /// What is left of an item at a location.
    Level(Uuid, Uuid),
}

impl Api {
    /// Waits until nobody else in this process changes a thing. First of all: who waits holds nothing.
    async fn wait(&self, unit: &mut UnitOfWork, thing: Thing) -> Result<(), Error> {
        let turn = self.turns.turn((unit.tenant()?, thing)).await;
        unit.keep(turn);
        Ok(())
    }

    /// The location of a request, for a caller who works there.
    async fn open(&self, unit: &mut UnitOfWork, location_id: &str) -> Result<Open, Error> {
        let (tenant, location) = (unit.tenant()?, id(location_id)?);
        unit.caller().reach_location(location, missing_location)?;
        let open = self.shelf.open(unit.conn().await?, tenant, location).await?;
        open.ok_or_else(missing_location)
    }

    /// The same, for a unit that routes: the kitchen stays as it is until the unit ends.
    async fn hold(&self, unit: &mut UnitOfWork, location_id: &str) -> Result<Open, Error> {
        let (tenant, location) = (unit.tenant()?, id(location_id)?);
        unit.caller().reach_location(location, missing_location)?;
        let open = self.shelf.hold(unit.conn().await?, tenant, location).await?;
        open.ok_or_else(missing_location)
    }

    /// The same and the stock, for an order that shares its transaction with others: what it goes by must still be so at
    /// its end. Other units hold it.
    async fn look_round(&self, unit: &mut UnitOfWork, location_id: &str) -> Result<Basis, Error> {
        let (tenant, location) = (unit.tenant()?, id(location_id)?);
        unit.caller().reach_location(location, missing_location)?;
        if unit.is_grouped()
            && let Some(basis) = self.glance(unit, (tenant, location)).await?
        {
            return Ok(basis);
        }
        let open = self.hold(unit, location_id).await?;
        let levels = stock::levels(unit, location).await?;
        Ok(Basis {
            open,
            levels: Arc::new(levels),
            remembered: false,
        })
    }

    /// What is remembered or asked for together with others. None where it is not all at hand.
    async fn glance(&self, unit: &mut UnitOfWork, key: Key) -> Result<Option<Basis>, Error> {
        let known = self.seen.known(&key);
        let remembered = known.is_some();
        let seen = match known {
            Some(seen) => seen,
            None => match self.seen.ask(key).await? {
                Some(seen) => seen,
                None => return Ok(None),
            },
        };
        let Some(open) = self.shelf.at_hand(key.0, &seen.location, seen.menu_revision) else {
            self.seen.forget(&key);
            return Ok(None);
        };
        unit.require(location::unchanged(&seen.location, seen.menu_revision));
        let memory = self.seen.clone();
        unit.when_undone(move || memory.forget(&key));
        Ok(Some(Basis {
            open,
            levels: Arc::clone(&seen.levels),
            remembered,
        }))
    }
}

/// What a new order goes by.
struct Basis {
    open: Open,
    levels: Arc<Levels>,
    /// It is from an earlier order, and may be old.
    remembered: bool,
}

/// A location that is missing, or that the caller does not work at: the same answer.
fn missing_location() -> Error {
    OrdersError::LocationNotFound.into()
}

/// Refuses what the caller may not see with the answer for what is not there.
fn reach(unit: &UnitOfWork, location: Uuid, missing: OrdersError) -> Result<(), Error> {
    unit.caller().reach_location(location, || missing.into())
}

/// A part of a request that the contract's checks have let through.
fn given<'a, M>(part: &'a Option<M>, field: &'static str) -> Result<&'a M, Error> {
    part.as_ref()
        .ok_or_else(|| Error::invalid(field, "REQUIRED", "must be given"))
}
