//! What the caller may not see looks like nothing: every id of every request, replaced by another tenant's, by another
//! location's, and by one of nothing, must be answered with the same bytes (Z-03, Z-07).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::collections::BTreeSet;

use muster_proto::auth::v1::{ListPeopleRequest, UpdatePersonRequest};
use muster_proto::orders::v1::{
    AddItemsRequest, ChangeItemRequest, ItemQuantity, ListOrdersRequest, MoveItemsRequest, NewItem, PlaceOrderRequest,
    PutRoutingRuleRequest, RoutingRule,
};
use muster_tests::both_shapes;
use muster_tests::client::Caller;
use muster_tests::contract::{Place, decode, dry_run, methods, name_of, path_of, rule_of, strings, with};
use muster_tests::raw::Raw;
use muster_tests::requests::{self, Case, Things};
use muster_tests::town::Town;
use muster_tests::world::{Relation, Who, World};
use prost::Message;
use prost_reflect::{Kind, MessageDescriptor, Value};
use tonic::Code;

/// Ids that the client makes: one that is not there yet is a new thing, whoever else has a thing of that id.
const MADE_BY_CLIENTS: [&str; 10] = [
    "PutCategory category.id",
    "PutMenuItem item.id",
    "PutStation station.id",
    "PutRoutingRule rule.id",
    "PutModifierGroup",
    "PlaceOrder order_id",
    "PlaceOrder items[0].id",
    "AddItems items[0].id",
    "ChangeItem item.id",
    "MoveItems new_order_id",
];
/// Ids that only narrow what is shown or matched: an unknown one shows and matches nothing.
const FILTERS: [&str; 11] = [
    // Who serves is a word on the ticket, not a reference.
    "PlaceOrder server.id",
    "MoveOrder server.id",
    "PutRoutingRule rule.item_ids",
    "PutRoutingRule rule.category_ids",
    "PutRoutingRule rule.modifier_ids",
    "ListPeople location_id",
    "ListDevices location_id",
    "WatchKitchen station_ids",
    "ListRecentTickets station_ids",
    "GetAllDay station_ids",
    "ApprovePairing station_ids",
];

/// Requests with the ids that the smallest ones leave out. Those that clients make are taken already, so these requests
/// are good only with another id in place.
fn with_more_ids(things: &Things) -> Vec<Case> {
    let case = |method: &str, body: Vec<u8>| Case {
        method: format!("/muster.{method}"),
        object: "",
        body,
    };
    let line = |id: &str| NewItem {
        id: id.to_owned(),
        menu_item_id: things.burger.clone(),
        quantity: 3,
        ..NewItem::default()
    };
    let place = PlaceOrderRequest {
        order_id: things.order.clone(),
        location_id: things.location.clone(),
        dining_option: 1,
        items: vec![line(&things.plain)],
        ..PlaceOrderRequest::default()
    };
    let add = AddItemsRequest {
        order_id: things.order.clone(),
        items: vec![line(&things.plain)],
        validate_only: false,
    };
    let change = ChangeItemRequest {
        order_id: things.order.clone(),
        item_id: things.plain.clone(),
        item: Some(line(&things.done)),
        ..ChangeItemRequest::default()
    };
    let part = ItemQuantity {
        item_id: things.plain.clone(),
        quantity: 1,
    };
    let split = MoveItemsRequest {
        order_id: things.order.clone(),
        items: vec![part],
        new_order_id: things.to_order.clone(),
        ..MoveItemsRequest::default()
    };
    let rule = RoutingRule {
        id: things.rule.clone(),
        location_id: things.location.clone(),
        name: "Salted".to_owned(),
        modifier_ids: vec![things.modifier.clone()],
        station_ids: vec![things.fry.clone()],
        ..RoutingRule::default()
    };
    let rule = PutRoutingRuleRequest {
        rule: Some(rule),
        ..PutRoutingRuleRequest::default()
    };
    let person = UpdatePersonRequest {
        person_id: things.person.clone(),
        location_ids: vec![things.location.clone()],
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["location_ids".to_owned()],
        }),
        ..UpdatePersonRequest::default()
    };
    vec![
        case("orders.v1.OrderService/PlaceOrder", place.encode_to_vec()),
        case("orders.v1.OrderService/AddItems", add.encode_to_vec()),
        case("orders.v1.OrderService/ChangeItem", change.encode_to_vec()),
        case("orders.v1.OrderService/MoveItems", split.encode_to_vec()),
        case("orders.v1.StationService/PutRoutingRule", rule.encode_to_vec()),
        case("auth.v1.DirectoryService/UpdatePerson", person.encode_to_vec()),
    ]
}

/// Every id of every request of the contract: strings whose name says so.
fn ids_of_contract() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for method in methods() {
        collect(&method.input(), method.name().to_owned() + " ", &mut names);
    }
    names
}

fn collect(message: &MessageDescriptor, prefix: String, names: &mut BTreeSet<String>) {
    for field in message.fields() {
        let name = format!("{prefix}{}", field.name());
        match field.kind() {
            Kind::Message(inner) if inner.full_name().starts_with("muster.") => collect(&inner, name + ".", names),
            Kind::String if ["id", "ids"].contains(&field.name().rsplit('_').next().unwrap()) => {
                names.insert(name);
            }
            _ => {}
        }
    }
}

/// Another value for an id: the same request about somebody else's thing.
struct Swap {
    place: Place,
    ours: String,
    kind: &'static str,
}

fn swaps(case: &Case, things: &Things) -> Vec<Swap> {
    let message = decode(&case.method, &case.body);
    let known = things.ids();
    strings(&message)
        .into_iter()
        .filter_map(|(place, ours)| {
            let (kind, _) = known.iter().find(|(_, id)| *id == ours)?;
            Some(Swap { place, ours, kind })
        })
        .collect()
}

fn id_in<'t>(things: &'t Things, kind: &str) -> &'t str {
    things
        .ids()
        .iter()
        .find(|(known, _)| *known == kind)
        .expect("a kind of thing")
        .1
}

async fn ask(caller: &Caller, case: &Case, swap: &Swap, id: &str) -> Raw {
    let message = with(
        &decode(&case.method, &case.body),
        &swap.place,
        Value::String(id.to_owned()),
    );
    let body = dry_run(&case.method, &message.encode_to_vec());
    caller.patiently(&case.method, &body, &[]).await.anonymised(id, "<id>")
}

/// A good answer to a change carries moments, and a stream goes on by itself: there, only the code is compared.
fn comparable(case: &Case, answer: Raw) -> Raw {
    let rule = rule_of(&case.method);
    if answer.code == Code::Ok && (rule.mutating || rule.streaming) {
        return Raw {
            body: Vec::new(),
            ..answer
        };
    }
    answer
}

both_shapes!(what_is_not_mine_looks_like_nothing, async |town: Town| {
    let world = World::of(town).await;
    let (mut faults, mut asked, mut seen) = (Vec::new(), 0, BTreeSet::new());
    for (who, others) in [
        (Who::Owner, vec!["foreign"]),
        (Who::Manager, vec!["foreign", "elsewhere"]),
    ] {
        let caller = world.caller(who, &world.gateway);
        let ours = world.related(who, Relation::Own);
        // Somebody below the caller, so that a manager gets as far as the locations.
        let colleague = Things {
            person: world.peers.person.clone(),
            ..ours.clone()
        };
        let cases = requests::all(&ours).into_iter().map(|case| (case, &ours));
        for (case, ours) in cases.chain(with_more_ids(&colleague).into_iter().map(|case| (case, &colleague))) {
            for swap in swaps(&case, ours) {
                let name = format!("{} {}", case.method.rsplit('/').next().unwrap(), name_of(&swap.place));
                let nothing = comparable(
                    &case,
                    ask(&caller, &case, &swap, id_in(&world.missing, swap.kind)).await,
                );
                seen.insert(name.clone());
                for other in &others {
                    let things = if *other == "foreign" {
                        &world.theirs
                    } else {
                        &world.elsewhere
                    };
                    let id = id_in(things, swap.kind);
                    // The menu is one for the whole tenant, and a code is nobody's until it is decided on.
                    if id == swap.ours || (*other == "elsewhere" && swap.kind == "code") {
                        continue;
                    }
                    let theirs = comparable(&case, ask(&caller, &case, &swap, id).await);
                    asked += 1;
                    let free = MADE_BY_CLIENTS
                        .iter()
                        .chain(&FILTERS)
                        .any(|free| name.starts_with(free));
                    let own_location =
                        *other == "elsewhere" && MADE_BY_CLIENTS.iter().any(|made| name.starts_with(made));
                    if theirs != nothing && !own_location {
                        faults.push(format!("{who:?} {other} {name}:\n  {theirs:?}\n  nothing: {nothing:?}"));
                    }
                    if theirs.code == Code::Ok && !free {
                        faults.push(format!("{who:?} {other} {name}: let through"));
                    }
                }
            }
        }
    }
    println!("{asked} swaps of {} ids", seen.len());
    assert!(faults.is_empty(), "{} of {asked}:\n{}", faults.len(), faults.join("\n"));
    let with_object = requests::all(&world.ours)
        .into_iter()
        .filter(|case| !case.object.is_empty());
    for case in with_object {
        let name = case.method.rsplit('/').next().unwrap().to_owned();
        assert!(
            seen.iter().any(|seen| seen.starts_with(&format!("{name} "))),
            "{name} was not asked"
        );
    }
    let plain = |name: &String| {
        name.chars()
            .filter(|letter| !matches!(letter, '[' | ']' | '0'..='9'))
            .collect::<String>()
    };
    let seen: BTreeSet<String> = seen.iter().map(plain).collect();
    let unasked: Vec<String> = ids_of_contract()
        .into_iter()
        .filter(|name| !seen.contains(name))
        .collect();
    assert_eq!(unasked, [""; 0], "give these ids a place in the requests");
});

both_shapes!(a_page_token_belongs_to_its_tenant, async |town: Town| {
    let world = World::of(town).await;
    let lists = [
        (
            "/muster.auth.v1.DirectoryService/ListPeople",
            people as fn(&str) -> Vec<u8>,
        ),
        (
            "/muster.orders.v1.OrderService/ListOrders",
            orders as fn(&str) -> Vec<u8>,
        ),
    ];
    for (method, request) in lists {
        let first = world.neighbour.raw(method, &request(""), &[]).await;
        let token = next_page(method, &first);
        assert!(!token.is_empty(), "{method} has one page only");
        assert_eq!(world.neighbour.raw(method, &request(&token), &[]).await.code, Code::Ok);
        let theirs = world.owner.raw(method, &request(&token), &[]).await;
        let garbage = world.owner.raw(method, &request("AAAA"), &[]).await;
        assert_eq!(theirs.code, Code::InvalidArgument, "{method}");
        assert_eq!(theirs, garbage, "{method}");
    }
});

fn people(token: &str) -> Vec<u8> {
    ListPeopleRequest {
        page_size: 1,
        page_token: token.to_owned(),
        ..ListPeopleRequest::default()
    }
    .encode_to_vec()
}

fn orders(token: &str) -> Vec<u8> {
    ListOrdersRequest {
        page_size: 1,
        page_token: token.to_owned(),
        ..ListOrdersRequest::default()
    }
    .encode_to_vec()
}

fn next_page(method: &str, answer: &Raw) -> String {
    let descriptor = methods().find(|known| path_of(known) == method).unwrap().output();
    let message = prost_reflect::DynamicMessage::decode(descriptor, answer.body.as_slice()).unwrap();
    message
        .get_field_by_name("next_page_token")
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}
