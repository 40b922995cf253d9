//! A lunch rush: orders placed through the gateway, by servers who are signed in like anybody else.

use std::time::Duration;

use muster_proto::orders::v1::order_service_client::OrderServiceClient;
use muster_proto::orders::v1::{Allergen, DiningOption, FireCourseRequest, NewItem, NewModifier, PlaceOrderRequest};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use super::menu::{DISHES, choices, item_id};
use super::{Client, Demo, SLUG, once, sign_in};

const SERVERS: &[&str] = &["sam", "priya", "tomasz"];
const GUESTS: &[&str] = &[
    "Alex", "Bea", "Chidi", "Dana", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas",
];
/// Access tokens live ten minutes; servers sign in again before that.
const SHIFT: Duration = Duration::from_secs(8 * 60);

/// Places so many orders a minute until `stop`. The same seed gives the same orders.
///
/// # Errors
/// If nobody can sign in; a refused order is logged and the rush goes on.
pub async fn run(
    channel: Channel,
    demo: Demo,
    per_minute: u32,
    seed: u64,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let pause = Duration::from_secs(60) / per_minute.max(1);
    loop {
        let mut servers = Vec::new();
        for login in SERVERS {
            servers.push(sign_in(&channel, SLUG, login).await?);
        }
        let shift_ends = tokio::time::sleep(SHIFT);
        tokio::pin!(shift_ends);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = &mut shift_ends => break,
                () = tokio::time::sleep(pause.mul_f64(dice.random_range(0.3..1.7))) => {}
            }
            let server = dice.random_range(0..servers.len());
            if let Some(server) = servers.get(server) {
                place(server, &demo, &mut dice).await;
            }
        }
    }
}

async fn place(server: &Client, demo: &Demo, dice: &mut ChaCha8Rng) {
    let order = order(demo, dice);
    let held = !order.held_courses.is_empty();
    let key = format!("{:032x}", dice.random::<u128>());
    let mut orders = OrderServiceClient::new(server.clone());
    match orders.place_order(once(&[&key], order)).await {
        Ok(answer) if held => {
            let order_id = answer.into_inner().order.map(|order| order.id).unwrap_or_default();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(90)).await;
                let fire = FireCourseRequest {
                    order_id,
                    course: 2,
                    ..FireCourseRequest::default()
                };
                if let Err(status) = orders.fire_course(once(&[&key, "fire"], fire)).await {
                    tracing::warn!(code = ?status.code(), reason = status.message(), "the course was not fired");
                }
            });
        }
        Ok(_) => {}
        Err(status) => tracing::warn!(code = ?status.code(), reason = status.message(), "an order was refused"),
    }
}

fn order(demo: &Demo, dice: &mut ChaCha8Rng) -> PlaceOrderRequest {
    let dine_in = dice.random_bool(0.65);
    let covers = dice.random_range(1..=4);
    let mut items: Vec<NewItem> = Vec::new();
    for seat in 1..=covers {
        items.extend((0..dice.random_range(1..=3)).map(|_| item(if dine_in { seat } else { 0 }, dice)));
    }
    let two_courses = dine_in && items.len() > 3 && dice.random_bool(0.3);
    if two_courses {
        items
            .iter_mut()
            .enumerate()
            .for_each(|(index, item)| item.course = if index % 3 == 2 { 2 } else { 1 });
    }
    let guest = GUESTS
        .get(dice.random_range(0..GUESTS.len()))
        .copied()
        .unwrap_or("Guest");
    let option = match (dine_in, dice.random_range(0..10)) {
        (true, _) => DiningOption::DineIn,
        (false, 0..=5) => DiningOption::Takeout,
        (false, 6..=8) => DiningOption::Delivery,
        (false, _) => DiningOption::Curbside,
    };
    PlaceOrderRequest {
        location_id: demo.location_id.clone(),
        dining_option: option as i32,
        channel: if dine_in { "floor" } else { "web" }.to_owned(),
        table: if dine_in {
            dice.random_range(1..=24).to_string()
        } else {
            String::new()
        },
        guest_name: if dine_in { String::new() } else { guest.to_owned() },
        covers: if dine_in { covers } else { 0 },
        items,
        held_courses: if two_courses { vec![2] } else { Vec::new() },
        ..PlaceOrderRequest::default()
    }
}

fn item(seat: i32, dice: &mut ChaCha8Rng) -> NewItem {
    let Some((_, name, _, _, groups, _)) = DISHES.get(dice.random_range(0..DISHES.len())) else {
        return NewItem::default();
    };
    let mut modifiers = Vec::new();
    for (least, most, ids) in choices(groups) {
        let count = dice.random_range(least..=most.min(2).max(least));
        let start = dice.random_range(0..ids.len());
        let chosen = ids.iter().cycle().skip(start).take(usize::try_from(count).unwrap_or(0));
        modifiers.extend(chosen.map(|id| NewModifier {
            modifier_id: id.clone(),
            quantity: 1,
        }));
    }
    let allergic = dice.random_bool(0.04);
    NewItem {
        menu_item_id: item_id(name),
        quantity: if dice.random_bool(0.85) { 1 } else { 2 },
        modifiers,
        seat,
        notes: if dice.random_bool(0.05) {
            "birthday at the table".to_owned()
        } else {
            String::new()
        },
        guest_allergies: if allergic {
            vec![Allergen::TreeNuts as i32]
        } else {
            Vec::new()
        },
        ..NewItem::default()
    }
}
