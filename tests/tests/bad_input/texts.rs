//! B-04 and B-05: what people write is text, whatever it looks like, and comes back as it was.

use std::collections::BTreeMap;

use muster_proto::auth::v1::*;
use muster_proto::orders::v1::*;
use muster_proto::r#type::v1::Money;
use muster_tests::bad::data::{NAMES, SQL};
use muster_tests::both_shapes;
use muster_tests::client::Caller;
use muster_tests::raw::Raw;
use muster_tests::town::{Shape, Town};
use muster_tests::world::World;
use prost::Message;
use tonic::Code;
use unicode_normalization::UnicodeNormalization;

use crate::server_log::ServerLog;

async fn raw(caller: &Caller, method: &str, message: impl Message) -> Raw {
    caller
        .patiently(&format!("/muster.{method}"), &message.encode_to_vec(), &[])
        .await
}

async fn ask<R: Message + Default>(caller: &Caller, method: &str, message: impl Message) -> R {
    raw(caller, method, message).await.decode()
}

fn new_id() -> String {
    muster_kernel::clock::World::system().new_id().to_string()
}

/// What the contract says of names: NFC, no control characters, no blanks at the ends or twice.
fn kept(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").nfc().filter(|letter| !letter.is_control()).collect()
}

/// Texts that a field of so many letters takes.
fn that_fit(texts: &[String], letters: usize) -> impl Iterator<Item = &String> {
    texts
        .iter()
        .filter(move |text| text.chars().count() <= letters && !kept(text).is_empty())
}

both_shapes!(b_04_sql_is_text, async |town: Town| {
    let world = World::of(town).await;
    let owner = &world.owner;
    // As a name, in a list that is searched and paged: each finds itself, and nobody that a plain reading would not find.
    let mut people: BTreeMap<String, String> = BTreeMap::new();
    for (number, text) in that_fit(&SQL, 100).enumerate().step_by(3) {
        let request = CreatePersonRequest {
            display_name: text.clone(),
            login_name: format!("sql-{number}"),
            job_title: text.clone(),
            roles: vec![Role::Staff.into()],
            location_ids: vec![world.ours.location.clone()],
            ..CreatePersonRequest::default()
        };
        let created: CreatePersonResponse = ask(owner, "auth.v1.DirectoryService/CreatePerson", request).await;
        let person = created.person.unwrap();
        assert_eq!(person.display_name, kept(text));
        people.insert(person.person_id, text.clone());
    }
    for (id, text) in &people {
        let got: GetPersonResponse = ask(
            owner,
            "auth.v1.DirectoryService/GetPerson",
            GetPersonRequest { person_id: id.clone() },
        )
        .await;
        assert_eq!(got.person.unwrap().display_name, kept(text));
    }
    let everybody = all_people(owner, "").await;
    let mut searches = 0;
    for text in SQL.iter().filter(|text| text.chars().count() <= 100) {
        let found = all_people(owner, text).await;
        searches += 1;
        assert!(
            found.len() < everybody.len() || kept(text).is_empty() || !text.chars().any(char::is_alphanumeric),
            "{text:?} finds all"
        );
        for id in people.iter().filter(|(_, name)| *name == text).map(|(id, _)| id) {
            assert!(
                found.contains(id) || !text.chars().any(char::is_alphanumeric),
                "{text:?} does not find itself"
            );
        }
        // A token, a date and an id are not what they look like either.
        let page = ListPeopleRequest {
            page_token: text.clone(),
            ..ListPeopleRequest::default()
        };
        let orders = ListOrdersRequest {
            business_date: text.clone(),
            ..ListOrdersRequest::default()
        };
        let order = GetOrderRequest { order_id: text.clone() };
        for (method, answer) in [
            (
                "ListPeople",
                raw(owner, "auth.v1.DirectoryService/ListPeople", page).await,
            ),
            (
                "ListOrders",
                raw(owner, "orders.v1.OrderService/ListOrders", orders).await,
            ),
            ("GetOrder", raw(owner, "orders.v1.OrderService/GetOrder", order).await),
        ] {
            assert_eq!(answer.code, Code::InvalidArgument, "{method} {text:?}");
        }
    }
    // In an order: notes, table, guest and reason.
    let mut placed = 0;
    for text in SQL.iter().step_by(4).filter(|text| text.chars().count() <= 24) {
        let line = NewItem {
            menu_item_id: world.ours.burger.clone(),
            quantity: 1,
            notes: text.clone(),
            ..NewItem::default()
        };
        let request = PlaceOrderRequest {
            location_id: world.ours.location.clone(),
            dining_option: 1,
            table: text.clone(),
            guest_name: text.clone(),
            notes: text.clone(),
            reference: text.clone(),
            items: vec![line],
            ..PlaceOrderRequest::default()
        };
        let order = ask::<PlaceOrderResponse>(owner, "orders.v1.OrderService/PlaceOrder", request)
            .await
            .order
            .unwrap();
        let read = ask::<GetOrderResponse>(
            owner,
            "orders.v1.OrderService/GetOrder",
            GetOrderRequest { order_id: order.id },
        )
        .await
        .order
        .unwrap();
        for said in [
            &read.table,
            &read.guest_name,
            &read.notes,
            &read.reference,
            &read.items[0].notes,
        ] {
            assert_eq!(said, text);
        }
        placed += 1;
    }
    println!(
        "B-04: {} people, {searches} searches, tokens, dates and ids, {placed} orders",
        people.len()
    );
    assert!(people.len() > 100 && placed > 20);
    assert_eq!(
        world
            .town
            .logs()
            .lines()
            .find(|line| line.contains("internal error") || line.contains("syntax error")),
        None
    );
    if world.town.shape != Shape::AllInOne {
        ServerLog::of(&world.town).is_quiet().await;
    }
    world.town.check().await.expect("everything is still there");
});

/// The ids of everybody whom a search finds, over all pages.
async fn all_people(owner: &Caller, query: &str) -> Vec<String> {
    let (mut ids, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListPeopleRequest {
            query: query.to_owned(),
            page_size: 200,
            page_token,
            ..ListPeopleRequest::default()
        };
        let page: ListPeopleResponse = ask(owner, "auth.v1.DirectoryService/ListPeople", request).await;
        ids.extend(page.people.into_iter().map(|person| person.person_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return ids;
        }
    }
}

/// More than 500 names: those of the list, and each with the next one.
fn names() -> Vec<String> {
    let pairs = NAMES
        .iter()
        .zip(NAMES.iter().skip(1))
        .map(|(first, last)| format!("{first} {last}"));
    let mut all: Vec<String> = NAMES
        .iter()
        .cloned()
        .chain(pairs)
        .filter(|name| name.chars().count() <= 80)
        .collect();
    all.push("Ж".repeat(80));
    all.push("👩‍🍳".repeat(20));
    all.push("e\u{301}".repeat(40));
    all
}

both_shapes!(b_05_names_may_be_anything_human, async |town: Town| {
    let world = World::of(town).await;
    let owner = &world.owner;
    let names = names();
    let mut people = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let request = CreatePersonRequest {
            display_name: name.clone(),
            login_name: format!("name-{number}"),
            roles: vec![Role::Staff.into()],
            location_ids: vec![world.ours.location.clone()],
            ..CreatePersonRequest::default()
        };
        let answer = raw(owner, "auth.v1.DirectoryService/CreatePerson", request).await;
        assert_eq!(answer.code, Code::Ok, "{name:?}: {}", answer.message);
        let person = answer.decode::<CreatePersonResponse>().person.unwrap();
        assert_eq!(person.display_name, kept(name), "stored");
        people.push((person.person_id, name));
        if number % 5 == 0 {
            menu_name(&world, name).await;
        }
    }
    for (id, name) in &people {
        let got: GetPersonResponse = ask(
            owner,
            "auth.v1.DirectoryService/GetPerson",
            GetPersonRequest { person_id: id.clone() },
        )
        .await;
        assert_eq!(got.person.unwrap().display_name, kept(name), "read again");
    }
    // Everybody is in the list, once, over many pages.
    let listed = all_people(owner, "").await;
    for (id, name) in &people {
        assert_eq!(listed.iter().filter(|listed| *listed == id).count(), 1, "{name}");
    }
    println!("B-05: {} names, {} in the list", people.len(), listed.len());
    assert!(people.len() >= 500);
});

/// The same name on the menu and on a ticket.
async fn menu_name(world: &World, name: &str) {
    let item = MenuItem {
        id: new_id(),
        category_id: world.ours.category.clone(),
        name: name.to_owned(),
        price: Some(Money {
            minor_units: 900,
            currency_code: "USD".to_owned(),
        }),
        ..MenuItem::default()
    };
    let menu_item_id = item.id.clone();
    let put: PutMenuItemResponse = ask(
        &world.owner,
        "orders.v1.MenuService/PutMenuItem",
        PutMenuItemRequest {
            item: Some(item),
            ..PutMenuItemRequest::default()
        },
    )
    .await;
    let stored = put.item.unwrap().name;
    assert!(stored == name || stored == kept(name), "{name:?} became {stored:?}");
    let line = NewItem {
        menu_item_id,
        quantity: 1,
        ..NewItem::default()
    };
    let request = PlaceOrderRequest {
        location_id: world.ours.location.clone(),
        dining_option: 1,
        items: vec![line],
        ..PlaceOrderRequest::default()
    };
    let order = ask::<PlaceOrderResponse>(&world.owner, "orders.v1.OrderService/PlaceOrder", request)
        .await
        .order
        .unwrap();
    assert_eq!(order.items[0].name, stored);
}
