//! What holds after every sequence of commands.

use std::collections::{HashMap, HashSet};

use muster_orders::domain::board::{Board, Outcome};
use muster_orders::domain::order::change::change_item;
use muster_orders::domain::order::{course, fold, item, kitchen, moving, place, void};
use muster_orders::domain::{Event, money, ticket};
use muster_proto::orders::v1::{ChangeItemRequest, ItemQuantity, NewItem, Order, PrepState};
use proptest::prelude::*;
use prost_types::FieldMask;

use crate::diner::*;

#[derive(Debug, Clone)]
enum Command {
    Add {
        dish: usize,
        quantity: i32,
        course: i32,
        egg: bool,
    },
    Quantity {
        line: usize,
        quantity: i32,
    },
    Egg {
        line: usize,
        on: bool,
    },
    Void {
        line: usize,
        quantity: i32,
    },
    VoidAll,
    Hold(i32),
    Fire(i32),
    Start {
        line: usize,
        station: usize,
    },
    Bump {
        line: usize,
        station: usize,
    },
    Unbump {
        line: usize,
        station: usize,
    },
    Recall {
        station: usize,
    },
    HandOut {
        line: usize,
        force: bool,
    },
    Split {
        line: usize,
        quantity: i32,
    },
}

fn command() -> impl Strategy<Value = Command> {
    let (line, station) = (0..6_usize, 0..4_usize);
    prop_oneof![
        3 => (0..3_usize, 1..4, 0..3, any::<bool>())
            .prop_map(|(dish, quantity, course, egg)| Command::Add { dish, quantity, course, egg }),
        2 => (line.clone(), 1..6).prop_map(|(line, quantity)| Command::Quantity { line, quantity }),
        2 => (line.clone(), any::<bool>()).prop_map(|(line, on)| Command::Egg { line, on }),
        2 => (line.clone(), 0..3).prop_map(|(line, quantity)| Command::Void { line, quantity }),
        1 => Just(Command::VoidAll),
        1 => (1..3).prop_map(Command::Hold),
        2 => (1..3).prop_map(Command::Fire),
        4 => (line.clone(), station.clone()).prop_map(|(line, station)| Command::Start { line, station }),
        8 => (line.clone(), station.clone()).prop_map(|(line, station)| Command::Bump { line, station }),
        2 => (line.clone(), station.clone()).prop_map(|(line, station)| Command::Unbump { line, station }),
        2 => station.prop_map(|station| Command::Recall { station }),
        2 => (line.clone(), any::<bool>()).prop_map(|(line, force)| Command::HandOut { line, force }),
        2 => (line, 0..3).prop_map(|(line, quantity)| Command::Split { line, quantity }),
    ]
}

/// Two orders: the one that commands act on, and the one that lines are moved to.
struct Tables {
    book: Book,
    other: Book,
}

impl Tables {
    fn run(&mut self, command: &Command) {
        let Self { book, other } = self;
        let stations = [grill(), fry(), bar(), expo()];
        let pick = |line: usize| {
            book.order
                .items
                .get(line % book.order.items.len().max(1))
                .map(|line| line.id.clone())
        };
        let named = |line: usize| pick(line).into_iter().collect::<Vec<_>>();
        let part = |line, quantity| {
            pick(line)
                .map(|item_id| ItemQuantity { item_id, quantity })
                .into_iter()
                .collect::<Vec<_>>()
        };
        book.made += 1;
        let fresh = id(book.made);
        let mut ids = || fresh.clone();
        let decided = match *command {
            Command::Add {
                dish,
                quantity,
                course,
                egg,
            } => {
                let dish = [burger(), fries(), beer()][dish].clone();
                let egg = egg && dish == burger();
                let wanted = NewItem {
                    course,
                    ..want(book.made, dish, quantity)
                };
                let wanted = if egg { with(wanted, &[fried_egg()]) } else { wanted };
                place::add_items(book.shop(), &book.order, &[wanted], &mut ids).map(|event| vec![event])
            }
            Command::Quantity { line, quantity } => self::change(book, pick(line), quantity, None, &mut ids),
            Command::Egg { line, on } => self::change(book, pick(line), 0, Some(on), &mut ids),
            Command::Void { line, quantity } => {
                void::void_items(&book.order, &part(line, quantity), "why").map(|void| void.events)
            }
            Command::VoidAll => Ok(void::void_order(&book.order, "why").events),
            Command::Hold(number) => course::hold(&book.order, number),
            Command::Fire(number) => course::fire(&book.order, number),
            Command::Start { line, station } => kitchen::start(&book.order, &stations[station], &named(line)),
            Command::Bump { line, station } => {
                kitchen::bump(&book.kitchen, &book.order, &stations[station], &named(line))
            }
            Command::Unbump { line, station } => {
                kitchen::unbump(&book.kitchen, &book.order, &stations[station], &named(line))
            }
            Command::Recall { station } => kitchen::recall(&book.kitchen, &book.order, &stations[station]),
            Command::HandOut { line, force } => kitchen::hand_out(&book.kitchen, &book.order, &named(line), force),
            Command::Split { line, quantity } => {
                let moved = moving::move_items(&book.order, &other.order, &part(line, quantity), &mut ids);
                moved.map(|(out, into)| {
                    other.take(vec![into]);
                    vec![out]
                })
            }
        };
        if let Ok(events) = decided {
            book.take(events);
        }
    }
}

fn change(
    book: &Book,
    line: Option<String>,
    quantity: i32,
    egg: Option<bool>,
    ids: &mut (dyn FnMut() -> String + Send),
) -> muster_orders::domain::Result<Vec<Event>> {
    let Some(old) = line.and_then(|id| item::find(&book.order, &id)) else {
        return Ok(Vec::new());
    };
    let path = if egg.is_some() { "modifiers" } else { "quantity" };
    let wanted = NewItem {
        id: String::new(),
        ..want(0, old.menu_item_id.clone(), quantity)
    };
    let wanted = if egg == Some(true) {
        with(wanted, &[fried_egg()])
    } else {
        wanted
    };
    let request = ChangeItemRequest {
        item_id: old.id.clone(),
        update_mask: Some(FieldMask {
            paths: vec![path.to_owned()],
        }),
        ..ChangeItemRequest::default()
    };
    change_item(book.shop(), &book.order, &request, &wanted, ids).map(|change| change.events)
}

fn start(with_expo: bool) -> Tables {
    let book = Book::place(with_expo, vec![want(201, burger(), 3), want(202, fries(), 2)], vec![2]);
    let mut other = Book::place(with_expo, vec![want(401, beer(), 1)], vec![]);
    other.order.id = id(101);
    other.made = 90_000;
    Tables { book, other }
}

/// Units of live lines that left NEW at a station, per menu item and station, over both orders; units once counted stay.
#[derive(Default)]
struct Cooked {
    state: HashMap<(String, String, String), PrepState>,
}

impl Cooked {
    /// No prep may come back to NEW, in the order where it is.
    fn see(&mut self, order: &Order) {
        for line in &order.items {
            for prep in &line.preps {
                let key = (order.id.clone(), line.id.clone(), prep.station_id.clone());
                let before = self.state.insert(key, prep.state());
                let reset = prep.state() == PrepState::New && before.is_some_and(|before| before != PrepState::New);
                assert!(!reset, "{} at {} is to be made a second time", line.id, prep.station_id);
            }
        }
    }
}

/// So many units of each menu item are ordered, live or voided, on both orders.
fn units(tables: &Tables) -> HashMap<String, i32> {
    let mut units = HashMap::new();
    for line in tables.book.order.items.iter().chain(&tables.other.order.items) {
        *units.entry(line.menu_item_id.clone()).or_default() += line.quantity + line.voided_quantity;
    }
    units
}

/// So many units of each menu item a station is yet to touch.
fn untouched(tables: &Tables) -> HashMap<(String, String), i32> {
    let mut untouched = HashMap::new();
    for line in tables.book.order.items.iter().chain(&tables.other.order.items) {
        for prep in line.preps.iter().filter(|prep| prep.state() == PrepState::New) {
            *untouched
                .entry((line.menu_item_id.clone(), prep.station_id.clone()))
                .or_default() += line.quantity;
        }
    }
    untouched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_made_twice(commands in prop::collection::vec(command(), 1..40), with_expo: bool) {
        let mut tables = start(with_expo);
        let mut cooked = Cooked::default();
        for command in &commands {
            let (before, ordered) = (untouched(&tables), units(&tables));
            tables.run(command);
            cooked.see(&tables.book.order);
            cooked.see(&tables.other.order);
            // Work appears only by ordering more, or by a modifier that adds a station.
            let more = units(&tables);
            for ((dish, station), count) in untouched(&tables) {
                let was = before.get(&(dish.clone(), station.clone())).copied().unwrap_or(0);
                let bought = more.get(&dish).copied().unwrap_or(0) - ordered.get(&dish).copied().unwrap_or(0);
                let rerouted = matches!(command, Command::Egg { .. });
                prop_assert!(rerouted || count <= was + bought, "{dish} at {station}: {was} became {count}");
            }
            if matches!(command, Command::Split { .. }) {
                prop_assert_eq!(more, ordered, "moving neither makes nor loses anything");
            }
        }
    }

    #[test]
    fn the_projection_is_the_fold(commands in prop::collection::vec(command(), 1..40), with_expo: bool) {
        let mut tables = start(with_expo);
        commands.iter().for_each(|command| tables.run(command));
        let folded = fold(tables.book.log.iter().map(|(event, meta)| (event, meta))).unwrap();
        prop_assert_eq!(&folded, &tables.book.order);
        let total: i64 = folded.items.iter().map(|line| money::units(line.line_total.as_ref())).sum();
        prop_assert_eq!(total, money::units(folded.total.as_ref()));
        prop_assert_eq!(folded.version, tables.book.log.len() as i64);
    }

    #[test]
    fn tickets_hold_exactly_what_was_sent_and_is_undone(
        commands in prop::collection::vec(command(), 1..40),
        with_expo: bool,
    ) {
        let mut tables = start(with_expo);
        for command in &commands {
            tables.run(command);
            let Book { order, kitchen, .. } = &tables.book;
            for station in kitchen.live_prep() {
                let sent = order.items.iter().filter(|line| item::is_fired(line));
                let undone = sent.filter(|line| item::prep(line, &station.id).is_some_and(|prep| !item::is_done(prep)));
                let undone: HashSet<&str> = undone.map(|line| line.id.as_str()).collect();
                let ticket = ticket::open_tickets(order, kitchen).into_iter().find(|one| one.station_id == station.id);
                let items = ticket.map(|ticket| ticket.items).unwrap_or_default();
                let shown = items.iter().filter(|line| line.state() != PrepState::Done);
                prop_assert_eq!(shown.map(|line| line.item_id.as_str()).collect::<HashSet<_>>(), undone);
            }
        }
    }

    #[test]
    fn a_board_that_follows_shows_what_a_board_that_loads_shows(
        commands in prop::collection::vec(command(), 1..40),
        with_expo: bool,
        joined in 0..20_usize,
    ) {
        let mut tables = start(with_expo);
        commands.iter().for_each(|command| tables.run(command));
        let Book { order, kitchen, log, .. } = &tables.book;
        let joined = joined.min(log.len());
        let early = fold(log.iter().take(joined).map(|(event, meta)| (event, meta)));
        let mut board = Board::new(kitchen.clone(), early.into_iter().collect(), vec![]);
        let mut screen: HashMap<String, _> = board.tickets(&HashSet::new()).into_iter().map(|one| (one.id.clone(), one)).collect();
        for (index, (event, meta)) in log.iter().enumerate() {
            let change = match board.apply_order(&order.id, event, meta) {
                Outcome::Changed(change) | Outcome::Known(change) => *change,
                Outcome::Missing => {
                    let now = fold(log.iter().take(index + 1).map(|(event, meta)| (event, meta))).unwrap();
                    board.put_order(now, event, meta.at)
                }
            };
            change.removed_ticket_ids.iter().for_each(|id| drop(screen.remove(id)));
            screen.extend(change.tickets.into_iter().map(|one| (one.id.clone(), one)));
        }
        let mut shown: Vec<_> = screen.into_values().collect();
        let mut expected = ticket::open_tickets(order, kitchen);
        shown.sort_by(|a, b| a.id.cmp(&b.id));
        expected.sort_by(|a, b| a.id.cmp(&b.id));
        prop_assert_eq!(shown, expected);
    }
}
