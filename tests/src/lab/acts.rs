//! What clients of the load do, and how often.

use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_proto::orders::v1::*;
use prost::Message;
use rand::RngExt;
use uuid::Uuid;

use super::Dice;
use super::floor::{Floor, Known};
use super::history::Call;
use crate::raw::Raw;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Places an order of one to three lines.
    Place,
    /// Adds a line to one that was acknowledged.
    Add,
    /// Moves one to another table.
    Move,
    /// Hands one out.
    Bump,
    /// Calls a ticket back.
    Recall,
    /// Counts a dish.
    Stock,
    /// Reads the menu.
    Menu,
    /// Lists open orders.
    List,
    /// Looks at an order.
    Get,
    /// Renews its session.
    Refresh,
}

/// Who may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trade {
    /// Takes orders.
    Waiter,
    /// Makes them.
    Cook,
}

impl Kind {
    /// Its name in the history.
    pub fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Add => "add",
            Self::Move => "move",
            Self::Bump => "bump",
            Self::Recall => "recall",
            Self::Stock => "stock",
            Self::Menu => "menu",
            Self::List => "list",
            Self::Get => "get",
            Self::Refresh => "refresh",
        }
    }

    /// The path of its method.
    pub fn path(self) -> &'static str {
        match self {
            Self::Place => "/muster.orders.v1.OrderService/PlaceOrder",
            Self::Add => "/muster.orders.v1.OrderService/AddItems",
            Self::Move => "/muster.orders.v1.OrderService/MoveOrder",
            Self::Bump => "/muster.orders.v1.KitchenService/BumpOrder",
            Self::Recall => "/muster.orders.v1.KitchenService/RecallTicket",
            Self::Stock => "/muster.orders.v1.MenuService/SetStock",
            Self::Menu => "/muster.orders.v1.MenuService/GetMenu",
            Self::List => "/muster.orders.v1.OrderService/ListOrders",
            Self::Get => "/muster.orders.v1.OrderService/GetOrder",
            Self::Refresh => "/muster.auth.v1.SessionService/RefreshSession",
        }
    }

    /// Whether it changes something, and carries a key.
    pub fn is_mutating(self) -> bool {
        !matches!(self, Self::Menu | Self::List | Self::Get | Self::Refresh)
    }

    /// Whether a good answer means that something was written.
    pub fn leaves_an_event(self) -> bool {
        self.is_mutating() && self != Self::Recall
    }

    /// Who may do it.
    pub fn trade(self) -> Trade {
        match self {
            Self::Bump | Self::Recall | Self::Stock => Trade::Cook,
            _ => Trade::Waiter,
        }
    }
}

/// How often what is done, in parts of the sum.
#[derive(Debug, Clone)]
pub struct Mix(pub Vec<(Kind, u32)>);

impl Mix {
    /// A shift: mostly orders coming and going. As many go as are placed or called back.
    pub fn shift() -> Self {
        Self(vec![
            (Kind::Place, 28),
            (Kind::Add, 6),
            (Kind::Move, 8),
            (Kind::Bump, 30),
            (Kind::Recall, 2),
            (Kind::Stock, 4),
            (Kind::Menu, 6),
            (Kind::List, 4),
            (Kind::Get, 8),
            (Kind::Refresh, 4),
        ])
    }

    /// What is done next.
    pub fn throw(&self, dice: &mut Dice) -> Kind {
        let sum: u32 = self.0.iter().map(|(_, parts)| parts).sum();
        let mut left = dice.random_range(0..sum.max(1));
        for (kind, parts) in &self.0 {
            if left < *parts {
                return *kind;
            }
            left -= parts;
        }
        Kind::Menu
    }
}

/// What the clients know together: the menu, and the orders that they were told are there.
pub struct Shop {
    location: String,
    dishes: Vec<String>,
    counted: String,
    floor: Mutex<Floor>,
}

impl Shop {
    /// A restaurant with this menu.
    pub fn new(location: &str, menu: GetMenuResponse) -> Self {
        let asks = |item: &MenuItem| {
            let group = |id| menu.modifier_groups.iter().find(|group| group.id == id);
            let mut groups = item.modifier_group_ids.iter().filter_map(|id| group(id.clone()));
            groups.any(|group| group.min > 0)
        };
        let mut dishes: Vec<String> = menu
            .items
            .iter()
            .filter(|item| !asks(item))
            .map(|item| item.id.clone())
            .collect();
        dishes.sort();
        let counted = dishes.pop().expect("a menu with a dish that asks nothing");
        assert!(!dishes.is_empty(), "a menu with dishes that ask nothing");
        Self {
            location: location.to_owned(),
            dishes,
            counted,
            floor: Mutex::default(),
        }
    }

    /// Somebody's turn to do such a thing: about what. While no order is known, a waiter who needs one places it, and a cook reads
    /// the menu.
    pub fn choose(&self, kind: Kind, dice: &mut Dice) -> Act {
        let known = match kind {
            Kind::Add | Kind::Move | Kind::Get => self.floor().any_open(dice),
            Kind::Bump => self.floor().take_open(dice),
            Kind::Recall => self.floor().take_handed_out(dice),
            _ => None,
        };
        match (known, kind) {
            (Some(known), _) => self.about(kind, &known, dice),
            (None, Kind::Place | Kind::Add | Kind::Move | Kind::Get) => self.place(dice),
            (None, _) => self.alone(kind, dice),
        }
    }

    fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, dice: &mut Dice) -> Act {
        let order = id(dice);
        let items = (0..dice.random_range(1..=3)).map(|_| self.line(dice)).collect();
        let request = PlaceOrderRequest {
            order_id: order.to_string(),
            location_id: self.location.clone(),
            dining_option: DiningOption::DineIn.into(),
            table: dice.random_range(1..=40).to_string(),
            items,
            ..PlaceOrderRequest::default()
        };
        Act::new(Kind::Place, &request, Some(order))
    }

    fn line(&self, dice: &mut Dice) -> NewItem {
        let dish = self.dishes.get(dice.random_range(0..self.dishes.len()));
        NewItem {
            id: id(dice).to_string(),
            menu_item_id: dish.cloned().unwrap_or_default(),
            quantity: dice.random_range(1..=2),
            ..NewItem::default()
        }
    }

    fn about(&self, kind: Kind, known: &Known, dice: &mut Dice) -> Act {
        let (order_id, order) = (known.order.to_string(), Some(known.order));
        match kind {
            Kind::Add => {
                let line = self.line(dice);
                let item = line.id.parse().ok();
                let request = AddItemsRequest {
                    order_id,
                    items: vec![line],
                    validate_only: false,
                };
                Act {
                    item,
                    ..Act::new(kind, &request, order)
                }
            }
            Kind::Move => {
                let request = MoveOrderRequest {
                    order_id,
                    table: format!("T{:x}", dice.random::<u64>()),
                    ..MoveOrderRequest::default()
                };
                Act::new(kind, &request, order)
            }
            Kind::Bump => {
                let request = BumpOrderRequest {
                    order_id,
                    item_ids: known.items.clone(),
                    force: true,
                    validate_only: false,
                };
                Act::new(kind, &request, order)
            }
            Kind::Recall => {
                let request = RecallTicketRequest {
                    order_id,
                    station_id: known.station.clone(),
                    validate_only: false,
                };
                Act::new(kind, &request, order)
            }
            _ => Act::new(kind, &GetOrderRequest { order_id }, order),
        }
    }

    fn alone(&self, kind: Kind, dice: &mut Dice) -> Act {
        let location_id = self.location.clone();
        match kind {
            Kind::Stock => {
                let request = SetStockRequest {
                    location_id,
                    menu_item_id: self.counted.clone(),
                    state: StockState::Countdown.into(),
                    remaining: dice.random_range(1..9_000),
                    validate_only: false,
                };
                Act::new(kind, &request, None)
            }
            Kind::List => {
                let request = ListOrdersRequest {
                    location_id,
                    open_only: true,
                    page_size: 20,
                    ..ListOrdersRequest::default()
                };
                Act::new(kind, &request, None)
            }
            // The token of a refresh is put in by its client.
            Kind::Refresh => Act::new(kind, &GetMenuRequest::default(), None),
            _ => {
                let request = GetMenuRequest {
                    location_id,
                    include_archived: false,
                };
                Act::new(Kind::Menu, &request, None)
            }
        }
    }

    /// It was refused, for certain. What a cook had in his hand somebody tries again: an order that he forgot would be on the
    /// board for ever.
    pub fn keep(&self, call: &Call) {
        if let (Kind::Bump | Kind::Recall, Some(order)) = (call.kind, call.order) {
            self.floor().put_back(order);
        }
    }

    /// A good answer came.
    pub fn learn(&self, call: &Call, answer: &Raw) {
        let order = call.order.unwrap_or_default();
        match call.kind {
            Kind::Place => {
                let placed = answer.decode::<PlaceOrderResponse>().order.unwrap_or_default();
                let station = placed.items.first().and_then(|line| line.preps.first());
                self.floor().placed(Known {
                    order,
                    items: placed.items.iter().map(|line| line.id.clone()).collect(),
                    station: station.map(|prep| prep.station_id.clone()).unwrap_or_default(),
                });
            }
            Kind::Add => self.floor().added(order, call.item.unwrap_or_default().to_string()),
            Kind::Bump => {
                let named = BumpOrderRequest::decode(call.body.as_slice()).expect("what the lab asked");
                let result = answer.decode::<BumpOrderResponse>().result.unwrap_or_default();
                self.floor().handed_back(order, &result, &named.item_ids);
            }
            Kind::Recall => {
                let result = answer.decode::<RecallTicketResponse>().result.unwrap_or_default();
                self.floor().handed_back(order, &result, &[]);
            }
            _ => {}
        }
    }
}

/// A request that is about to be made.
#[derive(Debug, Clone)]
pub struct Act {
    /// What.
    pub kind: Kind,
    /// The encoded message.
    pub body: Vec<u8>,
    /// The order concerned.
    pub order: Option<Uuid>,
    /// The line that it adds.
    pub item: Option<Uuid>,
}

impl Act {
    fn new(kind: Kind, request: &impl Message, order: Option<Uuid>) -> Self {
        Self {
            kind,
            body: request.encode_to_vec(),
            order,
            item: None,
        }
    }
}

fn id(dice: &mut Dice) -> Uuid {
    uuid::Builder::from_random_bytes(dice.random()).into_uuid()
}
