//! The domain itself, led by the model's steps; and the bugs that are planted to see whether they are found.

use std::collections::HashMap;

use muster_kernel::testing::model::Model;
use muster_orders::domain::menu::Menu;
use muster_orders::domain::order::change::change_item;
use muster_orders::domain::order::line::Shop;
use muster_orders::domain::order::place::{self, Head};
use muster_orders::domain::order::{Meta, apply, course, fold, item, kitchen, moving, void};
use muster_orders::domain::routing::Kitchen;
use muster_orders::domain::{Event, Result, money, ticket};
use muster_proto::orders::v1::{
    Allergen, ChangeItemRequest, CourseState, DiningOption, ItemQuantity, NewItem, Order, OrderItem, OrderStatus,
    PlaceOrderRequest, PrepState, TicketItem,
};
use prost_types::{FieldMask, Timestamp};

use crate::checks::{self, Work};
use crate::diner::{actor, bar, beer, burger, expo, fried_egg, fries, fry, grill, here, id, menu, want, with};
use crate::lines::{LineSeen, OrderSeen};
use crate::reference::{Does, TwoTables};

/// A bug of this test's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// A recalled dish is new again: it would be cooked a second time.
    RecalledIsNew,
    /// What was taken back is still paid for.
    VoidedIsPaid,
    /// A dish leaves the grill although nobody noted the guest's allergy.
    AllergyIsPassedOver,
    /// A moved dish forgets how far it was.
    MoveForgets,
    /// A dish of a course that waits is sent at once.
    HeldIsSent,
    /// What happens twice is counted twice: a bump that was queued offline.
    EmptyBumpCounts,
    /// The order stays FULFILLED when a dish comes back.
    StatusIsStale,
    /// Taking one back takes all.
    PartIsWhole,
    /// The row is not the fold: an event is lost between them.
    LostEvent,
    /// A ticket forgets the first dish that is undone.
    TicketForgets,
    /// A screen does not hear of dishes that come back.
    ScreenSleeps,
    /// A moved dish is left where it was, too.
    MoveCopies,
}

pub const PLANTS: [Plant; 12] = [
    Plant::RecalledIsNew,
    Plant::VoidedIsPaid,
    Plant::AllergyIsPassedOver,
    Plant::MoveForgets,
    Plant::HeldIsSent,
    Plant::EmptyBumpCounts,
    Plant::StatusIsStale,
    Plant::PartIsWhole,
    Plant::LostEvent,
    Plant::TicketForgets,
    Plant::ScreenSleeps,
    Plant::MoveCopies,
];

pub struct Diner {
    plant: Option<Plant>,
    menu: Menu,
    kitchen: Kitchen,
    orders: [Order; 2],
    logs: [Vec<(Event, Meta)>; 2],
    clock: i64,
    made: u32,
}

impl Diner {
    /// Two tables with an order each, as the model begins.
    pub fn open(with_expo: bool, plant: Option<Plant>) -> Self {
        let mut diner = Self {
            plant,
            menu: menu(),
            kitchen: crate::diner::kitchen(with_expo),
            orders: Default::default(),
            logs: Default::default(),
            clock: 0,
            made: 0,
        };
        for (table, dish) in [(0, burger()), (1, beer())] {
            diner.made += 1;
            let request = PlaceOrderRequest {
                location_id: here(),
                dining_option: DiningOption::DineIn.into(),
                items: vec![want(diner.made, dish, 2)],
                ..PlaceOrderRequest::default()
            };
            let head = Head {
                id: id(100 + table),
                number: 42,
                business_date: "2026-11-20".into(),
            };
            let placed = place::place(diner.shop(), &request, head, &mut String::new).unwrap();
            diner.take(table as usize, placed);
        }
        diner
    }

    fn shop(&self) -> Shop<'_> {
        Shop {
            menu: &self.menu,
            kitchen: &self.kitchen,
            currency: "USD",
        }
    }

    /// Does one step, and shows what became of both orders.
    ///
    /// # Errors
    /// When an order is not the fold of its events.
    pub fn act(&mut self, table: usize, does: &Does) -> std::result::Result<<TwoTables as Model>::Seen, String> {
        self.made += 1;
        let before = Work::of(&self.orders);
        let done = match self.decide(table, does) {
            Ok(events) => {
                events.into_iter().for_each(|(table, event)| self.take(table, event));
                Ok(())
            }
            Err(error) => Err(error.reason()),
        };
        Work::of(&self.orders).follows(&before, does)?;
        for (order, log) in self.orders.iter().zip(&self.logs) {
            self.tickets(order)?;
            if refold(self.plant, log).as_ref() != Some(order) {
                return Err(format!("after {does:?} the order is not the fold of its events"));
            }
            let lines: i64 = order
                .items
                .iter()
                .map(|line| money::units(line.line_total.as_ref()))
                .sum();
            if lines != money::units(order.total.as_ref()) {
                return Err(format!("after {does:?} the total is not the sum of the lines"));
            }
        }
        Ok((done, self.orders.each_ref().map(show)))
    }

    fn tickets(&self, order: &Order) -> std::result::Result<(), String> {
        let mut open = ticket::open_tickets(order, &self.kitchen);
        if self.plant == Some(Plant::TicketForgets) {
            let undone = |items: &[TicketItem]| items.iter().position(|line| line.state() != PrepState::Done);
            for ticket in &mut open {
                undone(&ticket.items).map(|place| ticket.items.remove(place));
            }
        }
        checks::tickets(order, &self.kitchen, &open)
    }

    /// Whether screens that joined somewhere on the way show both orders as they are. Plants that spoil the row are not
    /// seen by them: they read events.
    ///
    /// # Errors
    /// What they show in its place.
    pub fn screens(&self) -> std::result::Result<(), String> {
        let asleep = self.plant == Some(Plant::ScreenSleeps);
        if self.plant.is_some() && !asleep {
            return Ok(());
        }
        let back = |event: &Event| matches!(event, Event::ItemsUnbumped(_) | Event::TicketRecalled(_));
        for (order, log) in self.orders.iter().zip(&self.logs) {
            let joined = self.made as usize % (log.len() + 1);
            checks::board(order, &self.kitchen, log, joined, |event| !(asleep && back(event)))?;
        }
        Ok(())
    }

    fn decide(&self, table: usize, does: &Does) -> Result<Vec<(usize, Event)>> {
        let order = &self.orders[table];
        let named = |line: usize| order.items.get(line).map_or(id(0), |line| line.id.clone());
        let part = |line, quantity| {
            [ItemQuantity {
                item_id: named(line),
                quantity,
            }]
        };
        let station = |number: usize| [grill(), fry(), bar(), expo()][number].clone();
        let mut ids = || id(self.made);
        let events = match *does {
            Does::Add {
                dish,
                quantity,
                course,
                egg,
                allergy,
            } => {
                let wanted = want(self.made, [burger(), fries(), beer()][dish].clone(), quantity);
                let wanted = if egg && dish == 0 {
                    with(wanted, &[fried_egg()])
                } else {
                    wanted
                };
                let guest_allergies = if allergy { vec![Allergen::Eggs.into()] } else { vec![] };
                let wanted = NewItem {
                    course,
                    guest_allergies,
                    ..wanted
                };
                vec![place::add_items(self.shop(), order, &[wanted], &mut ids)?]
            }
            Does::Quantity { line, quantity } => self.change(order, &named(line), "quantity", quantity, false)?,
            Does::Egg { line, on } => self.change(order, &named(line), "modifiers", 0, on)?,
            Does::Void { line, quantity } => {
                let quantity = if self.plant == Some(Plant::PartIsWhole) {
                    0
                } else {
                    quantity
                };
                void::void_items(order, &part(line, quantity), "why")?.events
            }
            Does::VoidAll => void::void_order(order, "why").events,
            Does::Hold(number) => course::hold(order, number)?,
            Does::Fire(number) => course::fire(order, number)?,
            Does::Start { line, station: at } => kitchen::start(order, &station(at), &[named(line)])?,
            Does::Note { line, station: at } => kitchen::acknowledge(order, &station(at), &[named(line)])?,
            Does::Bump { line, station: at } => self.bump(order, &station(at), &[named(line)])?,
            Does::Unbump { line, station: at } => kitchen::unbump(&self.kitchen, order, &station(at), &[named(line)])?,
            Does::Recall { station: at } => kitchen::recall(&self.kitchen, order, &station(at))?,
            Does::HandOut { line, force } => kitchen::hand_out(&self.kitchen, order, &[named(line)], force)?,
            Does::Move { line, quantity } => {
                let other = &self.orders[1 - table];
                let (out, mut into) = moving::move_items(order, other, &part(line, quantity), &mut ids)?;
                if let (Some(Plant::MoveForgets), Event::ItemsMovedIn(into)) = (self.plant, &mut into) {
                    let preps = into.items.iter_mut().flat_map(|line| &mut line.preps);
                    preps.for_each(|prep| *prep = item::new_prep(&prep.station_id));
                }
                if self.plant == Some(Plant::MoveCopies) {
                    return Ok(vec![(1 - table, into)]);
                }
                return Ok(vec![(table, out), (1 - table, into)]);
            }
        };
        Ok(events.into_iter().map(|event| (table, event)).collect())
    }

    fn bump(&self, order: &Order, station_id: &str, item_ids: &[String]) -> Result<Vec<Event>> {
        match kitchen::bump(&self.kitchen, order, station_id, item_ids) {
            Err(error)
                if self.plant == Some(Plant::AllergyIsPassedOver) && error.reason() == "ALLERGY_NOT_ACKNOWLEDGED" =>
            {
                kitchen::acknowledge(order, station_id, item_ids)
            }
            Ok(events) if self.plant == Some(Plant::EmptyBumpCounts) && events.is_empty() => {
                Ok(vec![Event::ItemsBumped(muster_proto::orders::v1::ItemsBumped {
                    station_id: station_id.to_owned(),
                    item_ids: item_ids.to_vec(),
                })])
            }
            decided => decided,
        }
    }

    fn change(&self, order: &Order, line: &str, path: &str, quantity: i32, egg: bool) -> Result<Vec<Event>> {
        let sold = item::find(order, line).map(|line| line.menu_item_id.clone());
        let wanted = NewItem {
            id: String::new(),
            ..want(0, sold.unwrap_or_default(), quantity)
        };
        let wanted = if egg { with(wanted, &[fried_egg()]) } else { wanted };
        let request = ChangeItemRequest {
            item_id: line.to_owned(),
            update_mask: Some(FieldMask {
                paths: vec![path.to_owned()],
            }),
            ..ChangeItemRequest::default()
        };
        change_item(self.shop(), order, &request, &wanted, &mut || id(self.made)).map(|change| change.events)
    }

    /// Folds an event, as the store does.
    fn take(&mut self, table: usize, event: Event) {
        self.clock += 1;
        let order = &mut self.orders[table];
        let meta = Meta {
            version: order.version + 1,
            at: Timestamp {
                seconds: self.clock,
                nanos: 0,
            },
            actor: actor(),
        };
        fold_one(self.plant, order, &event, &meta);
        if self.plant != Some(Plant::LostEvent) || !matches!(event, Event::CourseHeld(_)) {
            self.logs[table].push((event, meta));
        }
    }
}

/// The order that these events make.
fn refold(plant: Option<Plant>, log: &[(Event, Meta)]) -> Option<Order> {
    if plant.is_none() {
        return fold(log.iter().map(|(event, meta)| (event, meta)));
    }
    let mut order = Order::default();
    for (event, meta) in log {
        fold_one(plant, &mut order, event, meta);
    }
    Some(order)
}

/// Folds one event, and spoils the order as the planted bug would: in the row and in the replay alike.
fn fold_one(plant: Option<Plant>, order: &mut Order, event: &Event, meta: &Meta) {
    let before = order.status;
    apply(order, event, meta);
    let called_back = matches!(event, Event::ItemsUnbumped(_) | Event::TicketRecalled(_));
    match plant {
        Some(Plant::RecalledIsNew) if called_back => {
            let preps = order.items.iter_mut().flat_map(|line| &mut line.preps);
            let recalled = preps.filter(|prep| prep.recalled_at.is_some());
            recalled.for_each(|prep| prep.state = PrepState::New.into());
        }
        Some(Plant::StatusIsStale) if called_back && before == i32::from(OrderStatus::Fulfilled) => {
            order.status = before;
        }
        Some(Plant::HeldIsSent) if matches!(event, Event::ItemsAdded(_)) => {
            let last = order.items.iter_mut().last();
            last.into_iter()
                .for_each(|line| _ = line.fired_at.get_or_insert(meta.at));
        }
        Some(Plant::VoidedIsPaid) => {
            let mut total = 0;
            for line in &mut order.items {
                let units = money::times(money::units(line.unit_price.as_ref()), line.quantity);
                line.line_total = Some(money::of(units, "USD"));
                total += units;
            }
            order.total = Some(money::of(total, "USD"));
        }
        _ => {}
    }
}

fn show(order: &Order) -> OrderSeen {
    let status = order.status().as_str_name().trim_start_matches("ORDER_STATUS_");
    let lines = order.items.iter().map(show_line).collect();
    let courses = order
        .courses
        .iter()
        .map(|course| (course.number, course.state() == CourseState::Held));
    (
        status,
        money::units(order.total.as_ref()),
        order.version,
        lines,
        courses.collect(),
    )
}

fn show_line(line: &OrderItem) -> LineSeen {
    let stations: HashMap<String, usize> = [grill(), fry(), bar()].into_iter().zip(0..).collect();
    let stage = |state| match state {
        PrepState::Done => 2,
        PrepState::Started => 1,
        _ => 0,
    };
    let mark = |prep: &muster_proto::orders::v1::Prep| {
        (
            stations[&prep.station_id],
            stage(prep.state()),
            prep.allergy_acknowledged_at.is_some(),
        )
    };
    let mut marks: Vec<_> = line.preps.iter().map(mark).collect();
    marks.sort_unstable();
    let number = line.id.rsplit('-').next().unwrap().parse().unwrap();
    let price = money::units(line.unit_price.as_ref());
    let (live, fired) = (item::is_live(line), item::is_fired(line));
    (
        number,
        line.quantity,
        line.voided_quantity,
        live,
        fired,
        line.fulfilled_at.is_some(),
        price,
        marks,
    )
}
