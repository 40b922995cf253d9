//! L-06: no overflow and no negative trick. Sums and counts are really sent, and what was refused has changed nothing.

use muster_proto::orders::v1::{
    GetMenuRequest, GetMenuResponse, MenuItem, NewItem, Order, PlaceOrderRequest, PlaceOrderResponse,
    PutMenuItemRequest, PutMenuItemResponse,
};
use muster_proto::r#type::v1::Money;
use muster_tests::bad::cases::filled;
use muster_tests::bad::data::{NUMBERS, STRINGS};
use muster_tests::bad::rules::{FieldRules, Verdict, integer};
use muster_tests::client::Caller;
use muster_tests::contract::{Place, decode, methods, name_of, path_of, rule_of, with};
use muster_tests::journal::Journal;
use muster_tests::requests;
use muster_tests::town::{Shape, Town};
use muster_tests::world::World;
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};
use tonic::Code;

/// Every whole number of every request that changes something, by its place in a good one.
fn numbers(message: &DynamicMessage, way: &Place, found: &mut Vec<Place>) {
    for (field, value) in message
        .descriptor()
        .fields()
        .map(|field| (field.clone(), message.get_field(&field).into_owned()))
    {
        let step = |index| [way.clone(), vec![(field.clone(), index)]].concat();
        match value {
            Value::List(entries) => match entries.first() {
                Some(Value::Message(inner)) => numbers(inner, &step(Some(0)), found),
                Some(entry) if integer(entry).is_some() && !matches!(field.kind(), Kind::Enum(_)) => {
                    found.push(step(Some(0)))
                }
                _ => {}
            },
            Value::Message(inner) if message.has_field(&field) => numbers(&inner, &step(None), found),
            value if integer(&value).is_some() && !matches!(field.kind(), Kind::Enum(_)) => found.push(step(None)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_06_no_sum_or_count_beyond_its_bounds_is_ever_taken() {
    let world = World::of(Town::with_demo(Shape::AllInOne).await).await;
    let journal = Journal::of(&world.town).await;
    let (mut places, mut refused, mut taken, mut faults) = (0, 0, 0, Vec::new());
    for method in methods()
        .map(|method| path_of(&method))
        .filter(|method| rule_of(method).mutating && !rule_of(method).public)
    {
        let good = filled(&decode(&method, &requests::of(&method, &world.ours).body), 0);
        let mut found = Vec::new();
        numbers(&good, &Vec::new(), &mut found);
        places += found.len();
        for place in found {
            let field = &place.last().unwrap().0;
            for number in NUMBERS.iter() {
                let value = match field.kind() {
                    Kind::Int64 => Value::I64(*number),
                    _ => match i32::try_from(*number) {
                        Ok(number) => Value::I32(number),
                        Err(_) => continue,
                    },
                };
                if FieldRules::of(field).judge(field, &value) != Verdict::Refused {
                    taken += 1;
                    continue;
                }
                // Not a dry run: this must change nothing all by itself.
                let before = journal.tally().await;
                let body = with(&good, &place, value).encode_to_vec();
                let answer = world
                    .owner
                    .raw(&method, &body, &[("idempotency-key", &format!("l06-{refused}"))])
                    .await;
                refused += 1;
                let written = journal.tally().await.since(before);
                let honest = [Code::InvalidArgument, Code::OutOfRange].contains(&answer.code);
                if !honest || (written.events, written.records) != (0, 0) {
                    faults.push(format!(
                        "{method} {} = {number}: {:?} {written:?}",
                        name_of(&place),
                        answer.code
                    ));
                }
            }
        }
    }
    println!(
        "L-06: {places} numbers of requests: {refused} values refused with nothing written, {taken} within bounds"
    );
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(places > 20 && refused > 300);
    assert!(!world.town.logs().contains("panicked"));
}

/// The greatest prices and counts that fields take, put together: exact, or refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l_06_the_greatest_order_is_exact_or_refused() {
    let world = World::of(Town::with_demo(Shape::AllInOne).await).await;
    let menu: GetMenuResponse = ask(
        &world.owner,
        "MenuService/GetMenu",
        GetMenuRequest {
            location_id: world.ours.location.clone(),
            ..GetMenuRequest::default()
        },
    )
    .await
    .unwrap();
    let burger = menu
        .items
        .into_iter()
        .find(|item| item.id == world.ours.burger)
        .expect("a burger");
    let (mut exact, mut refused) = (0, 0);
    for price in NUMBERS.iter().copied() {
        let item = MenuItem {
            price: Some(Money {
                minor_units: price,
                currency_code: "USD".to_owned(),
            }),
            modifier_group_ids: vec![],
            ..burger.clone()
        };
        let put: Result<PutMenuItemResponse, _> = ask(
            &world.owner,
            "MenuService/PutMenuItem",
            PutMenuItemRequest {
                item: Some(item),
                ..PutMenuItemRequest::default()
            },
        )
        .await;
        let Ok(_) = put else {
            refused += 1;
            continue;
        };
        for (lines, quantity) in [(1, 1), (1, 999), (200, 999)] {
            let line = NewItem {
                menu_item_id: burger.id.clone(),
                quantity,
                ..NewItem::default()
            };
            let request = PlaceOrderRequest {
                location_id: world.ours.location.clone(),
                dining_option: 1,
                items: vec![line; lines],
                ..PlaceOrderRequest::default()
            };
            let placed: Result<PlaceOrderResponse, _> = ask(&world.owner, "OrderService/PlaceOrder", request).await;
            match placed {
                Ok(placed) => {
                    let want = i128::from(price) * i128::from(quantity) * i128::try_from(lines).unwrap();
                    assert_eq!(
                        total(&placed.order.unwrap()),
                        want,
                        "{lines} lines of {quantity} at {price}"
                    );
                    exact += 1;
                }
                Err(code) => {
                    assert!(
                        [Code::InvalidArgument, Code::OutOfRange, Code::FailedPrecondition].contains(&code),
                        "{price}: {code:?}"
                    );
                    refused += 1;
                }
            }
        }
    }
    println!("L-06: {exact} orders exact to the cent, {refused} prices and orders refused");
    assert!(exact > 30 && refused > 5);
    assert!(world.town.check().await.is_ok());
}

fn total(order: &Order) -> i128 {
    order.total.as_ref().map_or(0, |total| i128::from(total.minor_units))
}

async fn ask<M: Message, R: Message + Default>(caller: &Caller, method: &str, message: M) -> Result<R, Code> {
    let answer = caller
        .raw(&format!("/muster.orders.v1.{method}"), &message.encode_to_vec(), &[])
        .await;
    if answer.code == Code::Ok {
        Ok(answer.decode())
    } else {
        Err(answer.code)
    }
}

/// "NaN", "1e400", "１２", "1,000" and "0x10" have nowhere to go: no sum or count is a text or a float, in any message.
#[test]
fn l_06_no_number_is_a_text_or_a_float() {
    fn look(message: &MessageDescriptor, seen: &mut std::collections::BTreeSet<String>) {
        if !seen.insert(message.full_name().to_owned()) || !message.full_name().starts_with("muster.") {
            return;
        }
        for field in message.fields() {
            assert!(
                !matches!(field.kind(), Kind::Double | Kind::Float),
                "{}",
                field.full_name()
            );
            let like = ["price", "amount", "total", "minor_units", "quantity", "points", "rate"];
            assert!(
                field.kind() != Kind::String || !like.contains(&field.name()),
                "{}",
                field.full_name()
            );
            if let Kind::Message(inner) = field.kind() {
                look(&inner, seen);
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for method in methods() {
        look(&method.input(), &mut seen);
        look(&method.output(), &mut seen);
    }
    assert!(seen.len() > 100 && STRINGS.contains_key("huge exponent"));
}
