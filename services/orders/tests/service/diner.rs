//! A service with a small diner in it, and short words for its methods.

use std::sync::Arc;

use muster_kernel::identity::Caller;
use muster_kernel::one_by_one::OneByOne;
use muster_kernel::testing::{Lab, owner};
use muster_orders::hub::Hub;
use muster_orders::rpc::Api;
use muster_orders::store::location::Location;
use muster_orders::store::numbers::Numbers;
use muster_orders::store::seen::SeenLocations;
use muster_orders::store::seen_order::SeenOrders;
use muster_orders::store::shop::Shelf;
use muster_orders::store::{self, location};
use muster_proto::orders::v1::kitchen_service_server::KitchenService;
use muster_proto::orders::v1::menu_service_server::MenuService;
use muster_proto::orders::v1::order_service_server::OrderService;
use muster_proto::orders::v1::station_service_server::StationService;
use muster_proto::orders::v1::*;
use muster_proto::r#type::v1::Money;
use tonic::{Request, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

pub const TENANT: Uuid = Uuid::from_u128(0xA);
pub const OTHER: Uuid = Uuid::from_u128(0xB);
pub const HERE: Uuid = Uuid::from_u128(1);
pub const THERE: Uuid = Uuid::from_u128(2);

pub fn id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

pub fn here() -> String {
    HERE.to_string()
}

pub fn grill() -> String {
    id(11)
}
pub fn fry() -> String {
    id(12)
}
pub fn expo() -> String {
    id(14)
}
pub fn burger() -> String {
    id(31)
}
pub fn fries() -> String {
    id(32)
}

pub fn usd(minor_units: i64) -> Option<Money> {
    Some(Money {
        minor_units,
        currency_code: "USD".into(),
    })
}

/// The service in its lab.
pub struct Diner {
    pub api: Api,
    pub lab: Lab,
}

/// A request of this caller, as the lock lets it in.
pub fn by<M>(caller: &Caller, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

/// A request of somebody who may do everything.
pub fn ask<M>(message: M) -> Request<M> {
    by(&owner(TENANT), message)
}

/// Somebody who works at one location only.
pub fn worker(location: Uuid) -> Caller {
    Caller {
        locations: vec![location],
        ..owner(TENANT)
    }
}

/// The stable reason of a refusal.
pub fn reason<T>(outcome: Result<T, Status>) -> String {
    let status = outcome.err().expect("a refusal");
    status.get_details_error_info().expect("a reason").reason
}

/// The field of a refusal.
pub fn field<T>(outcome: Result<T, Status>) -> String {
    let status = outcome.err().expect("a refusal");
    status.get_details_bad_request().expect("a field").field_violations[0]
        .field
        .clone()
}

pub fn station(number: u128, name: &str, kind: StationKind, default_station: bool) -> Station {
    let (id, location_id, name) = (id(number), here(), name.to_owned());
    Station {
        id,
        location_id,
        name,
        kind: kind.into(),
        default_station,
        ..Station::default()
    }
}

/// What of a category is made at FRY.
pub fn fried(number: u128, name: &str, category: u128) -> RoutingRule {
    RoutingRule {
        id: id(number),
        location_id: here(),
        name: name.into(),
        category_ids: vec![id(category)],
        station_ids: vec![fry()],
        ..RoutingRule::default()
    }
}

pub fn want(number: u128, menu_item_id: String, quantity: i32) -> NewItem {
    NewItem {
        id: id(number),
        menu_item_id,
        quantity,
        ..NewItem::default()
    }
}

impl Diner {
    /// The service with two locations, and nothing else.
    pub async fn empty(lab: Lab) -> Self {
        let deps = &lab.deps;
        let shelf = Shelf::new(&deps.caches);
        let (db, world, bell) = (deps.db.clone(), deps.world.clone(), deps.bell.clone());
        let hub = Arc::new(Hub::new(db, world, bell, shelf.rows().clone()));
        tokio::spawn(Arc::clone(&hub).follow(deps.stop.clone()));
        let (door, pages) = (deps.door.clone(), deps.pages.clone());
        for (tenant, id) in [(TENANT, HERE), (TENANT, THERE), (OTHER, HERE)] {
            let mut unit = lab.unit_of(tenant);
            location::put(unit.conn().await.unwrap(), tenant, &Self::location(id))
                .await
                .unwrap();
            unit.finish().await.unwrap();
        }
        Self {
            api: Api {
                seen: SeenLocations::new(deps.db.clone()),
                orders: SeenOrders::new(deps.db.clone()),
                turns: OneByOne::default(),
                numbers: Numbers::default(),
                door,
                pages,
                shelf,
                hub,
            },
            lab,
        }
    }

    pub fn location(id: Uuid) -> Location {
        let (name, zone, currency) = ("Main St".into(), "America/New_York".into(), "USD".into());
        Location {
            id,
            version: 1,
            name,
            zone,
            currency,
            open: true,
            kitchen_revision: 0,
        }
    }

    /// With grill (default), fry, expo; burgers and fries; fries go to fry.
    pub async fn open(lab: Lab) -> Self {
        // What a test awaits does not hold all that is done here.
        Box::pin(Self::furnished(lab)).await
    }

    async fn furnished(lab: Lab) -> Self {
        let diner = Self::empty(lab).await;
        for (number, name) in [(21, "Mains"), (22, "Sides")] {
            let category = Category {
                id: id(number),
                name: name.into(),
                ..Category::default()
            };
            let request = PutCategoryRequest {
                category: Some(category),
                ..PutCategoryRequest::default()
            };
            diner.api.put_category(ask(request)).await.unwrap();
        }
        let bacon = Modifier {
            id: id(51),
            name: "Bacon".into(),
            price_delta: usd(250),
            ..Modifier::default()
        };
        let extras = ModifierGroup {
            id: id(61),
            name: "Extras".into(),
            modifiers: vec![bacon],
            ..Default::default()
        };
        let request = PutModifierGroupRequest {
            modifier_group: Some(extras),
            ..Default::default()
        };
        diner.api.put_modifier_group(ask(request)).await.unwrap();
        for (item, category, name, price) in [(31, 21, "Burger", 1200), (32, 22, "Fries", 400)] {
            diner.put_item(item, category, name, price).await;
        }
        let stations = [
            station(11, "GRILL", StationKind::Prep, true),
            station(12, "FRY", StationKind::Prep, false),
            station(14, "EXPO", StationKind::Expo, false),
        ];
        for station in stations {
            diner.put_station(station).await.unwrap();
        }
        diner.put_rule(fried(41, "Fried", 22)).await.unwrap();
        diner
    }

    pub async fn put_item(&self, item: u128, category: u128, name: &str, price: i64) -> MenuItem {
        let item = MenuItem {
            id: id(item),
            category_id: id(category),
            name: name.into(),
            price: usd(price),
            modifier_group_ids: vec![id(61)],
            ..MenuItem::default()
        };
        let request = PutMenuItemRequest {
            item: Some(item),
            ..PutMenuItemRequest::default()
        };
        self.api
            .put_menu_item(ask(request))
            .await
            .unwrap()
            .into_inner()
            .item
            .unwrap()
    }

    pub async fn put_station(&self, station: Station) -> Result<Station, Status> {
        let request = PutStationRequest {
            station: Some(station),
            ..PutStationRequest::default()
        };
        Ok(self.api.put_station(ask(request)).await?.into_inner().station.unwrap())
    }

    pub async fn put_rule(&self, rule: RoutingRule) -> Result<RoutingRule, Status> {
        let request = PutRoutingRuleRequest {
            rule: Some(rule),
            ..PutRoutingRuleRequest::default()
        };
        Ok(self
            .api
            .put_routing_rule(ask(request))
            .await?
            .into_inner()
            .rule
            .unwrap())
    }

    pub async fn place(&self, order: u128, items: Vec<NewItem>) -> Result<Order, Status> {
        let request = PlaceOrderRequest {
            order_id: id(order),
            location_id: here(),
            dining_option: DiningOption::DineIn.into(),
            table: "12".into(),
            items,
            ..PlaceOrderRequest::default()
        };
        Ok(self.api.place_order(ask(request)).await?.into_inner().order.unwrap())
    }

    /// Order 100: two burgers (201) and fries (202).
    pub async fn lunch(&self) -> Order {
        self.place(100, vec![want(201, burger(), 2), want(202, fries(), 1)])
            .await
            .unwrap()
    }

    pub async fn get(&self, order: u128) -> Order {
        let request = GetOrderRequest { order_id: id(order) };
        self.api
            .get_order(ask(request))
            .await
            .unwrap()
            .into_inner()
            .order
            .unwrap()
    }

    pub async fn bump(&self, order: u128, station_id: String, items: &[u128]) -> Result<KitchenResult, Status> {
        let item_ids = items.iter().copied().map(id).collect();
        let request = BumpItemsRequest {
            order_id: id(order),
            station_id,
            item_ids,
            validate_only: false,
        };
        Ok(self.api.bump_items(ask(request)).await?.into_inner().result.unwrap())
    }

    pub async fn set_stock(&self, item: String, state: StockState, remaining: i32) -> StockLevel {
        let request = SetStockRequest {
            location_id: here(),
            menu_item_id: item,
            state: state.into(),
            remaining,
            validate_only: false,
        };
        self.api
            .set_stock(ask(request))
            .await
            .unwrap()
            .into_inner()
            .stock
            .unwrap()
    }

    pub async fn stock(&self) -> Vec<StockLevel> {
        let request = GetMenuRequest {
            location_id: here(),
            include_archived: false,
        };
        self.api.get_menu(ask(request)).await.unwrap().into_inner().stock
    }

    /// The orders of a location that its kitchen must know, as the store has them.
    pub async fn on_board(&self) -> Vec<Order> {
        let mut unit = self.lab.unit_of(TENANT);
        store::order::on_board(unit.conn().await.unwrap(), TENANT, HERE)
            .await
            .unwrap()
    }
}
