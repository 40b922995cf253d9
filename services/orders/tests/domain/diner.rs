//! A small diner: grill, fry, bar and expo; burgers, fries and beer. And an order book that decides and folds.

use muster_orders::domain::menu::Menu;
use muster_orders::domain::order::line::Shop;
use muster_orders::domain::order::place::Head;
use muster_orders::domain::order::{Meta, apply, item, place};
use muster_orders::domain::routing::Kitchen;
use muster_orders::domain::{Event, Result, money, ticket};
use muster_proto::orders::v1::{
    Actor, ActorKind, Allergen, Category, DiningOption, MenuItem, Modifier, ModifierGroup, NewItem, NewModifier, Order,
    OrderItem, PlaceOrderRequest, RoutingRule, Station, StationKind, Ticket,
};
use prost_types::Timestamp;

/// A UUID with this number at its end.
pub fn id(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012}")
}

/// The location.
pub fn here() -> String {
    id(1)
}

pub fn grill() -> String {
    id(11)
}
pub fn fry() -> String {
    id(12)
}
pub fn bar() -> String {
    id(13)
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
pub fn beer() -> String {
    id(33)
}

pub fn bacon() -> String {
    id(51)
}
pub fn no_onion() -> String {
    id(52)
}
pub fn fried_egg() -> String {
    id(53)
}

pub fn station(number: u32, name: &str, kind: StationKind, default_station: bool) -> Station {
    Station {
        id: id(number),
        location_id: here(),
        name: name.into(),
        kind: kind.into(),
        default_station,
        version: 1,
        ..Station::default()
    }
}

pub fn rule(number: u32, name: &str, station_ids: &[String]) -> RoutingRule {
    RoutingRule {
        id: id(number),
        location_id: here(),
        name: name.into(),
        priority: number as i32,
        station_ids: station_ids.to_vec(),
        version: 1,
        ..RoutingRule::default()
    }
}

pub fn kitchen(with_expo: bool) -> Kitchen {
    let mut stations = vec![
        station(11, "GRILL", StationKind::Prep, true),
        station(12, "FRY", StationKind::Prep, false),
        station(13, "BAR", StationKind::Prep, false),
    ];
    if with_expo {
        stations.push(station(14, "EXPO", StationKind::Expo, false));
    }
    let fried = RoutingRule {
        category_ids: vec![id(22)],
        ..rule(41, "Fried", &[fry()])
    };
    let drinks = RoutingRule {
        category_ids: vec![id(23)],
        ..rule(42, "Drinks", &[bar()])
    };
    let eggs = RoutingRule {
        modifier_ids: vec![fried_egg()],
        ..rule(43, "Eggs", &[fry()])
    };
    Kitchen::new(stations, vec![eggs, drinks, fried])
}

pub fn menu() -> Menu {
    let category = |number, name: &str| Category {
        id: id(number),
        name: name.into(),
        ..Category::default()
    };
    let dish = |number, category, name: &str, kitchen_name: &str, price| MenuItem {
        id: id(number),
        category_id: id(category),
        name: name.into(),
        kitchen_name: kitchen_name.into(),
        price: Some(money::of(price, "USD")),
        ..MenuItem::default()
    };
    let extra = |number, name: &str, delta: i64| Modifier {
        id: id(number),
        name: name.into(),
        price_delta: (delta != 0).then(|| money::of(delta, "USD")),
        ..Modifier::default()
    };
    let egg = Modifier {
        allergens: vec![Allergen::Eggs.into()],
        ..extra(53, "Fried egg", 150)
    };
    let extras = ModifierGroup {
        id: id(61),
        name: "Extras".into(),
        max: 5,
        modifiers: vec![extra(51, "Bacon", 250), extra(52, "No onion", 0), egg],
        ..ModifierGroup::default()
    };
    let burger = MenuItem {
        modifier_group_ids: vec![id(61)],
        allergens: vec![Allergen::Gluten.into(), Allergen::Milk.into()],
        ..dish(31, 21, "Burger", "BRGR", 1200)
    };
    let old = MenuItem {
        archived: true,
        ..dish(34, 21, "Old special", "", 900)
    };
    Menu::new(
        vec![category(21, "Mains"), category(22, "Sides"), category(23, "Drinks")],
        vec![
            burger,
            dish(32, 22, "Fries", "", 400),
            dish(33, 23, "Beer", "", 600),
            old,
        ],
        vec![extras],
    )
}

pub fn want(number: u32, menu_item_id: String, quantity: i32) -> NewItem {
    NewItem {
        id: id(number),
        menu_item_id,
        quantity,
        ..NewItem::default()
    }
}

pub fn with(mut wanted: NewItem, modifier_ids: &[String]) -> NewItem {
    let chosen = |id: &String| NewModifier {
        modifier_id: id.clone(),
        quantity: 1,
    };
    wanted.modifiers = modifier_ids.iter().map(chosen).collect();
    wanted
}

/// An order, its events, and the time, which moves on by a second with each event.
pub struct Book {
    pub menu: Menu,
    pub kitchen: Kitchen,
    pub order: Order,
    pub log: Vec<(Event, Meta)>,
    pub clock: i64,
}

pub fn actor() -> Actor {
    Actor {
        kind: ActorKind::Person.into(),
        id: id(7),
    }
}

impl Book {
    /// An order with these lines: number 42 at table 12.
    pub fn place(with_expo: bool, items: Vec<NewItem>, held_courses: Vec<i32>) -> Self {
        let mut book = Self {
            menu: menu(),
            kitchen: kitchen(with_expo),
            order: Order::default(),
            log: Vec::new(),
            clock: 1000,
        };
        let request = PlaceOrderRequest {
            location_id: here(),
            dining_option: DiningOption::DineIn.into(),
            table: "12".into(),
            items,
            held_courses,
            ..PlaceOrderRequest::default()
        };
        let head = Head {
            id: id(100),
            number: 42,
            business_date: "2026-11-20".into(),
        };
        let placed = place::place(book.shop(), &request, head, &mut || id(9999)).unwrap();
        book.take(vec![placed]);
        book
    }

    pub fn shop(&self) -> Shop<'_> {
        Shop {
            menu: &self.menu,
            kitchen: &self.kitchen,
            currency: "USD",
        }
    }

    /// Folds events, as the store does.
    pub fn take(&mut self, events: Vec<Event>) {
        for event in events {
            self.clock += 1;
            let at = Timestamp {
                seconds: self.clock,
                nanos: 0,
            };
            let meta = Meta {
                version: self.order.version + 1,
                at,
                actor: actor(),
            };
            apply(&mut self.order, &event, &meta);
            self.log.push((event, meta));
        }
    }

    /// Folds what was decided, and says how many events that was.
    pub fn does(&mut self, decided: Result<Vec<Event>>) -> usize {
        let events = decided.unwrap();
        let count = events.len();
        self.take(events);
        count
    }

    pub fn line(&self, number: u32) -> &OrderItem {
        item::find(&self.order, &id(number)).unwrap()
    }

    pub fn ticket(&self, station_id: &str) -> Option<Ticket> {
        ticket::open_tickets(&self.order, &self.kitchen)
            .into_iter()
            .find(|ticket| ticket.station_id == station_id)
    }

    /// Whether the order's ticket is on that screen.
    pub fn shows(&self, station_id: &str) -> bool {
        self.ticket(station_id).is_some()
    }
}

/// The reason of a refusal.
pub fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> &'static str {
    outcome.unwrap_err().reason()
}
