//! Z-05: a tenant whose every text is a canary, and as many random calls of everybody of another tenant, who must never
//! see one: in no answer, no header, no trailer and no line of a log.
//!
//! By default 5,000 calls. The whole hundred thousand: `MUSTER_TEST_CANARY_CALLS=100000 cargo nextest run -p muster-tests --test
//! canaries`; the same calls again: `MUSTER_TEST_SEED=…`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they asked"
)]

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use muster_kernel::clock::World as Chance;
use muster_proto::RULES;
use muster_tests::bad::cases::filled;
use muster_tests::both_shapes;
use muster_tests::canary::{WORD, Watch, sing};
use muster_tests::client::Caller;
use muster_tests::contract::{decode, dry_run, methods, path_of, rule_of};
use muster_tests::raw::Raw;
use muster_tests::requests::{self, Things};
use muster_tests::town::Town;
use muster_tests::world::{Relation, Who, World};
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Code;

/// What the neighbour does so that there is something to see; each with the word in every text.
const SUNG: [&str; 14] = [
    "auth.v1.DirectoryService/CreateLocation",
    "auth.v1.DirectoryService/CreatePerson",
    "auth.v1.DirectoryService/UpdateLocation",
    "auth.v1.DirectoryService/UpdatePerson",
    "orders.v1.MenuService/PutCategory",
    "orders.v1.MenuService/PutModifierGroup",
    "orders.v1.MenuService/PutMenuItem",
    "orders.v1.StationService/PutStation",
    "orders.v1.StationService/PutRoutingRule",
    "orders.v1.OrderService/PlaceOrder",
    "orders.v1.OrderService/AddItems",
    "orders.v1.OrderService/MoveOrder",
    "orders.v1.OrderService/VoidItems",
    "orders.v1.KitchenService/BumpItems",
];
/// Hashing takes a tenth of a second: these are asked less often.
const SLOW: [&str; 4] = ["/SignIn", "/ChangePassword", "/Reauthenticate", "/SetPassword"];
/// The key under which the neighbour has sent what others send too.
const KEY: &str = "a key of two tenants";

/// Fills the neighbour's tenant, and answers what of it nobody else may see.
async fn fill(world: &World) -> Watch {
    for (number, method) in SUNG.iter().cycle().take(3 * SUNG.len()).enumerate() {
        let method = format!("/muster.{method}");
        let things = Things {
            tag: format!("c{number}"),
            ..world.theirs.clone()
        };
        let case = requests::of(&method, &things);
        let song = sing(&decode(&method, &case.body), number);
        let answer = world
            .neighbour
            .patiently(
                &method,
                &song.encode_to_vec(),
                &[("idempotency-key", &format!("{KEY} {number}"))],
            )
            .await;
        // An order that was voided is not voided again; the first time round everything is new.
        let again = number >= SUNG.len() && [Code::FailedPrecondition, Code::AlreadyExists].contains(&answer.code);
        assert!(
            answer.code == Code::Ok || again,
            "{method}: {:?} {} {}",
            answer.code,
            answer.reason(),
            answer.message
        );
    }
    let ours: BTreeSet<&str> = world
        .ours
        .ids()
        .iter()
        .chain(&world.elsewhere.ids())
        .map(|(_, id)| *id)
        .collect::<BTreeSet<_>>();
    let ids = world
        .theirs
        .ids()
        .into_iter()
        .map(|(_, id)| id)
        .filter(|id| id.len() == 36 && !ours.contains(id));
    Watch {
        // The demo made these two, and no request can change them.
        words: vec![WORD.to_owned(), "Next Door".to_owned(), "Ned Neumann".to_owned()],
        ids: ids.map(str::to_owned).collect(),
    }
}

/// Everything that the neighbour can read. It warms every cache, and shows that there is something to see: answers how
/// many methods sing.
async fn read_all(world: &World) -> BTreeSet<String> {
    let mut singing = BTreeSet::new();
    for rule in RULES.iter().filter(|rule| !rule.mutating && !rule.public) {
        let answer = world
            .neighbour
            .raw(rule.method, &requests::of(rule.method, &world.theirs).body, &[])
            .await;
        if answer
            .body
            .windows(WORD.len())
            .any(|part| part.eq_ignore_ascii_case(WORD.as_bytes()))
        {
            singing.insert(rule.method.to_owned());
        }
    }
    singing
}

/// Random numbers that a seed gives again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }
}

/// A call that somebody of the watched tenant makes, or, where it is planted, the neighbour.
struct Call {
    method: &'static str,
    who: Option<Who>,
    body: Vec<u8>,
    key: Option<String>,
}

/// A random call. `tokens` are page tokens that were seen before, by anybody.
fn call(world: &World, dice: &mut Dice, tokens: &BTreeMap<String, Vec<String>>) -> Call {
    let method = loop {
        let method = dice.pick(RULES).method;
        if !SLOW.iter().any(|slow| method.ends_with(slow)) || dice.roll(40) == 0 {
            break method;
        }
    };
    let who = *dice.pick(&Who::ALL);
    let relation = *dice.pick(&[
        Relation::Own,
        Relation::Own,
        Relation::Peer,
        Relation::Elsewhere,
        Relation::Foreign,
        Relation::Missing,
    ]);
    let mut things = world.related(who, relation);
    let mixed = dice.roll(8) == 0;
    if mixed {
        // Ours and theirs in one request.
        things.order.clone_from(&world.theirs.order);
        things.burger.clone_from(&world.theirs.burger);
    }
    let mut message = decode(method, &requests::of(method, &things).body);
    if dice.roll(4) == 0 {
        message = filled(&message, 0);
    }
    let set = |message: &mut DynamicMessage, name: &str, value: Value| {
        if message.descriptor().get_field_by_name(name).is_some() {
            message.set_field_by_name(name, value);
        }
    };
    set(
        &mut message,
        "page_size",
        Value::I32(i32::try_from(dice.roll(201)).unwrap()),
    );
    if let Some(known) = tokens.get(method).filter(|known| !known.is_empty())
        && dice.roll(2) == 0
    {
        set(&mut message, "page_token", Value::String(dice.pick(known).clone()));
    }
    if dice.roll(6) == 0 {
        set(&mut message, "location_id", Value::String(String::new()));
    }
    if dice.roll(3) == 0 {
        let words = ["k", "kana", WORD, "ned", "next door", "olive", ""];
        set(&mut message, "query", Value::String((*dice.pick(&words)).to_owned()));
    }
    // Ids of the menu are the client's: who really puts a dish under another tenant's id has a dish of that id.
    let own = relation == Relation::Own && !mixed;
    let wet = own && dice.roll(6) == 0 && method.contains("MenuService") && !method.ends_with("ArchiveMenuItem");
    let body = if wet {
        message.encode_to_vec()
    } else {
        dry_run(method, &message.encode_to_vec())
    };
    // What answers were kept under is looked for under the neighbour's own keys too.
    let key = (dice.roll(3) == 0).then(|| format!("{KEY} {}", dice.roll(3 * SUNG.len())));
    Call {
        method,
        who: Some(who),
        body,
        key,
    }
}

async fn make(world: &World, call: &Call) -> Raw {
    let principal = call.who.map(|who| &world.principals[&who]);
    let caller = match call.who {
        Some(who) => world.caller(who, &world.gateway),
        None => Caller {
            channel: world.gateway.clone(),
            token: world.neighbour.token.clone(),
        },
    };
    let mut metadata = principal
        .map(muster_tests::world::Principal::metadata)
        .unwrap_or_default();
    if let Some(key) = &call.key {
        metadata.push(("idempotency-key", key));
    }
    caller.raw(call.method, &call.body, &metadata).await
}

/// The page token of an answer, where there is one.
fn next_page(method: &str, answer: &Raw) -> Option<String> {
    let output = methods().find(|known| path_of(known) == method)?.output();
    output.get_field_by_name("next_page_token")?;
    let answer = DynamicMessage::decode(output, answer.body.as_slice()).ok()?;
    let token = answer.get_field_by_name("next_page_token")?.as_str()?.to_owned();
    (!token.is_empty()).then_some(token)
}

/// Makes so many random calls and answers what was seen. With `plant`, one of them is made as the neighbour.
async fn watch(
    world: &World,
    watch: &Watch,
    dice: &mut Dice,
    count: usize,
    plant: Option<usize>,
) -> (Vec<String>, BTreeMap<String, usize>) {
    let (mut seen, mut codes) = (Vec::new(), BTreeMap::new());
    let mut tokens: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut done = 0;
    while done < count {
        let mut calls: Vec<Call> = (0..100.min(count - done)).map(|_| call(world, dice, &tokens)).collect();
        if let Some(number) = plant.filter(|number| (done..done + calls.len()).contains(number)) {
            let method = "/muster.orders.v1.MenuService/GetMenu";
            calls[number - done] = Call {
                method,
                who: None,
                body: requests::of(method, &world.theirs).body,
                key: None,
            };
        }
        done += calls.len();
        let asks = calls.iter().map(|call| async move { (call, make(world, call).await) });
        let answers: Vec<(&Call, Raw)> = stream::iter(asks).buffer_unordered(12).collect().await;
        for (call, answer) in &answers {
            *codes.entry(format!("{:?}", answer.code)).or_default() += 1;
            if let Some(word) = watch.seen(answer, &call.body) {
                seen.push(format!("{:?} at {} sees {word:?}", call.who, call.method));
            }
            if answer.code == Code::Ok
                && !rule_of(call.method).streaming
                && let Some(token) = next_page(call.method, answer)
            {
                let known = tokens.entry(call.method.to_owned()).or_default();
                known.push(token);
                known.drain(..known.len().saturating_sub(20));
            }
        }
        // The neighbour is at work all the while, in the same caches and on the same connections.
        if done % 500 == 0 {
            for (method, token) in neighbours_tokens(world).await {
                tokens.entry(method).or_default().push(token);
            }
        }
    }
    (seen, codes)
}

/// Reads everything as the neighbour, and answers page tokens of theirs.
async fn neighbours_tokens(world: &World) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    for rule in RULES
        .iter()
        .filter(|rule| !rule.mutating && !rule.public && !rule.streaming)
    {
        let mut request = decode(rule.method, &requests::of(rule.method, &world.theirs).body);
        if request.descriptor().get_field_by_name("page_size").is_some() {
            request.set_field_by_name("page_size", Value::I32(1));
        }
        let answer = world.neighbour.raw(rule.method, &request.encode_to_vec(), &[]).await;
        tokens.extend(next_page(rule.method, &answer).map(|token| (rule.method.to_owned(), token)));
    }
    tokens
}

both_shapes!(z_05_nobody_sees_a_canary, async |town: Town| {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let seed = number("MUSTER_TEST_SEED").unwrap_or_else(|| u64::from_le_bytes(Chance::system().random::<8>()) | 1);
    let count = usize::try_from(number("MUSTER_TEST_CANARY_CALLS").unwrap_or(5_000)).unwrap() / 2;
    println!("MUSTER_TEST_SEED={seed} makes the same calls again");
    let world = World::of(town).await;
    let canaries = fill(&world).await;
    let singing = read_all(&world).await;
    println!(
        "Z-05: {} methods show the neighbour's canaries to the neighbour: {singing:?}",
        singing.len()
    );
    assert!(singing.len() >= 12, "there is too little to see: {singing:?}");
    let (mut dice, started) = (Dice(seed), tokio::time::Instant::now());
    let (seen, codes) = watch(&world, &canaries, &mut dice, count, None).await;
    println!(
        "Z-05: {count} calls in {:?}: {codes:?}; {} of them saw a canary",
        started.elapsed(),
        seen.len()
    );
    assert_eq!(seen, [""; 0]);
    assert_eq!(canaries.logged(&world.town.logs()), None, "a log tells");
    // And the look is good: one call of the neighbour's among the others is found.
    let (seen, _) = watch(&world, &canaries, &mut dice, 300, Some(137)).await;
    assert_eq!(seen.len(), 1, "the planted leak: {seen:?}");
    assert!(
        seen[0].starts_with("None at /muster.orders.v1.MenuService/GetMenu"),
        "{seen:?}"
    );
    assert!(canaries.logged(&format!("a\nname={}\n", WORD.to_uppercase())).is_some());
});
