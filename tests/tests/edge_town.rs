//! The G items that need a whole town: deadlines that reach the database, many streams over one gateway, and the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::time::Duration;

use futures::StreamExt;
use muster_kernel::db::Place;
use muster_proto::orders::v1::{
    GetMenuRequest, GetMenuResponse, ListOrdersRequest, PlaceOrderResponse, WatchKitchenRequest,
};
use muster_tests::attack::resets::patiently;
use muster_tests::attack::wire::{Client, ask, message};
use muster_tests::client::{Caller, reason};
use muster_tests::stories::{two_burgers, watch};
use muster_tests::town::{Shape, Town};
use prost::Message;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::net::TcpStream;
use tonic::Code;

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const LIST: &str = "/muster.orders.v1.OrderService/ListOrders";
const WRITES: (&str, &str) = ("orders.events", "RowExclusiveLock");
const READS: (&str, &str) = ("orders.orders", "AccessShareLock");
const GET_MENU: &str = "/muster.orders.v1.MenuService/GetMenu";

fn kitchen(town: &Town) -> WatchKitchenRequest {
    WatchKitchenRequest {
        location_id: town.demo.location_id.clone(),
        ..WatchKitchenRequest::default()
    }
}

fn menu(town: &Town) -> GetMenuRequest {
    GetMenuRequest {
        location_id: town.demo.location_id.clone(),
        ..GetMenuRequest::default()
    }
}

/// A table that somebody holds, so that every statement on it waits, and a look at those that do. The owner sees every
/// statement and may hold a table. Readers of the log wait too, for another kind of lock; they are not the request's.
struct Held {
    holder: PgConnection,
    looker: PgConnection,
    table: &'static str,
    lock: &'static str,
}

impl Held {
    async fn hold(town: &Town, (table, lock): (&'static str, &'static str)) -> Self {
        let owner = town.setting("MUSTER_DATABASE__OWNER_URL").unwrap().to_owned();
        let mut holder = PgConnection::connect(&owner).await.unwrap();
        holder.execute("BEGIN").await.unwrap();
        let sql = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        holder.execute(AssertSqlSafe(sql)).await.unwrap();
        let looker = PgConnection::connect(&owner).await.unwrap();
        Self {
            holder,
            looker,
            table,
            lock,
        }
    }

    async fn waiting(&mut self) -> i64 {
        let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass AND mode = $2";
        let counted = sqlx::query_scalar(sql).bind(self.table).bind(self.lock);
        counted.fetch_one(&mut self.looker).await.unwrap()
    }

    /// After how long nobody waited any more; none if somebody still does after `limit`.
    async fn nobody_waits_within(&mut self, limit: Duration) -> Option<Duration> {
        let started = tokio::time::Instant::now();
        let ended = async {
            while self.waiting().await > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let ended = tokio::time::timeout(limit, ended).await;
        ended.ok().map(|()| started.elapsed())
    }

    async fn release(mut self) {
        self.holder.execute("ROLLBACK").await.unwrap();
    }
}

/// A deadline of 300 ms ends the statement at the database, with nothing left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_13_a_deadline_reaches_the_database() {
    let town = Town::with_demo(Shape::Split).await;
    let Place::Postgres { .. } = &town.places["orders"] else {
        panic!("PostgreSQL")
    };
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let _: PlaceOrderResponse = waiter.call_once(PLACE, "before", two_burgers(&town)).await.unwrap();

    let mut held = Held::hold(&town, WRITES).await;
    let started = tokio::time::Instant::now();
    // A raw client: a decent one gives up by itself, and would not show what the gateway says.
    let client = Client::connect(&town.gateway).await;
    let mut request = Client::request(PLACE);
    for (name, value) in [
        ("authorization", format!("Bearer {}", waiter.token)),
        ("grpc-timeout", "300m".to_owned()),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request.headers_mut().insert("idempotency-key", "late".parse().unwrap());
    let call = client.call(request, message(&two_burgers(&town).encode_to_vec()));
    let seen = async {
        let mut seen = 0;
        while started.elapsed() < Duration::from_millis(280) {
            seen = seen.max(held.waiting().await);
        }
        seen
    };
    let (answer, seen) = tokio::join!(call, seen);
    let took = started.elapsed();
    assert_eq!(answer.unwrap().grpc(), Some("4"), "DEADLINE_EXCEEDED");
    assert!(seen > 0, "the statement did wait");
    assert!(took < Duration::from_millis(600), "{took:?}");
    let in_time = held.nobody_waits_within(Duration::from_millis(500)).await;
    let after = started.elapsed() - Duration::from_millis(300);
    println!("G-13: answered {took:?} after the call; the statement had ended {after:?} after its deadline");
    held.release().await;
    assert!(in_time.is_some());
    // The key was not used up: the same request is done now, once.
    let done: PlaceOrderResponse = waiter.call_once(PLACE, "late", two_burgers(&town)).await.unwrap();
    let again: PlaceOrderResponse = waiter.call_once(PLACE, "late", two_burgers(&town)).await.unwrap();
    assert_eq!(done.order, again.order);
}

/// G-02: who takes requests back once their handlers work at the database leaves no statement behind, of reads or of
/// changes, however many there were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_statements_of_requests_that_were_taken_back_end_within_a_second() {
    let town = Town::with_demo(Shape::Split).await;
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let _: PlaceOrderResponse = waiter.call_once(PLACE, "before", two_burgers(&town)).await.unwrap();
    let all = ListOrdersRequest::default().encode_to_vec();
    let order = two_burgers(&town).encode_to_vec();
    for (method, body, kind) in [(LIST, all, READS), (PLACE, order, WRITES)] {
        let mut held = Held::hold(&town, kind).await;
        let client = Client::connect(&town.gateway).await;
        let mut open = Vec::new();
        let started = tokio::time::Instant::now();
        for number in 0..100 {
            let mut request = Client::request(method);
            let value = format!("Bearer {}", waiter.token).parse().unwrap();
            request.headers_mut().insert("authorization", value);
            let key = format!("{method}-{number}").parse().unwrap();
            request.headers_mut().insert("idempotency-key", key);
            let mut requests = client.requests.clone().ready().await.unwrap();
            let (response, mut stream) = requests.send_request(request, false).unwrap();
            stream.send_data(message(&body), true).unwrap();
            open.push((response, stream));
        }
        let mut waited = held.waiting().await;
        while waited == 0 {
            assert!(
                started.elapsed() < Duration::from_secs(1),
                "{method}: no statement waits"
            );
            waited = held.waiting().await;
        }
        for (_, stream) in &mut open {
            stream.send_reset(h2::Reason::CANCEL);
        }
        let count = open.len();
        drop(open);
        let ended = held.nobody_waits_within(Duration::from_secs(1)).await;
        println!(
            "G-02: {method}: {count} requests taken back; of {waited} statements that waited none did after {ended:?}"
        );
        held.release().await;
        assert!(ended.is_some(), "{method}: statements of nobody go on");
    }
    let _: PlaceOrderResponse = waiter.call_once(PLACE, "after", two_burgers(&town)).await.unwrap();
}

/// G-02: who may ask for little, and takes back what he is refused for, is cut off; so much is not his to ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_who_takes_back_refusals_is_cut_off() {
    let few = [
        ("MUSTER_GATEWAY__PRINCIPAL_PER_SECOND", "50"),
        ("MUSTER_GATEWAY__PRINCIPAL_BURST", "200"),
    ];
    let town = Town::with_settings(Shape::AllInOne, &few).await;
    let sam = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let request = || {
        let mut request = Client::request(GET_MENU);
        let value = format!("Bearer {}", sam.token).parse().unwrap();
        request.headers_mut().insert("authorization", value);
        (request, menu(&town).encode_to_vec())
    };
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    let socket = TcpStream::connect(&town.gateway).await.unwrap();
    let asked = patiently(socket, request, end).await;
    println!("G-02: cut off after {asked} calls");
    assert!(tokio::time::Instant::now() < end, "he goes on for ever");
}

/// One gateway has one connection to a service, for everybody. Open screens must not use it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_a_gateway_carries_more_than_one_connections_share() {
    let town = Town::with_demo(Shape::Split).await;
    let mut cook = Caller::sign_in(town.channel().await, "juniper", "kenji").await;
    let mut screens = Vec::new();
    for number in 1..=300 {
        let mut screen = watch(&cook, kitchen(&town)).await.unwrap();
        screen.next().await.unwrap().unwrap();
        screens.push(screen);
        if number % 100 == 0 {
            // Each of the clients' own connections takes 128 at most.
            cook.channel = town.channel().await;
        }
    }
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let started = tokio::time::Instant::now();
    let _: GetMenuResponse = waiter.call(GET_MENU, menu(&town)).await.unwrap();
    println!(
        "G-01: with {} open screens a call takes {:?}",
        screens.len(),
        started.elapsed()
    );
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// Streams are told that the end is near, requests end, and the process with them, in good order.
async fn drain(shape: Shape) {
    let mut town = Town::with_demo(shape).await;
    let cook = Caller::sign_in(town.channel().await, "juniper", "kenji").await;
    let mut screen = watch(&cook, kitchen(&town)).await.unwrap();
    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let _: PlaceOrderResponse = waiter.call_once(PLACE, "before", two_burgers(&town)).await.unwrap();
    let in_time = menu(&town);
    // Somebody who never goes by themselves.
    let idle = Client::connect(&town.gateway).await;
    let (first, then) = match shape {
        Shape::AllInOne | Shape::Together => ("all", vec![]),
        Shape::Split => ("orders", vec!["gateway", "auth"]),
    };
    let last = async {
        loop {
            match screen.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return status,
                None => panic!("a stream ends with a word"),
            }
        }
    };
    // First it says that it is not ready, and still answers, so that balancers look elsewhere.
    let gateway = town.gateway.clone();
    let lame = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let ready = ask(
            &gateway,
            b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await;
        let call = waiter.call::<_, GetMenuResponse>(GET_MENU, in_time).await;
        (ready.lines().next().unwrap_or_default().to_owned(), call.is_ok())
    };
    let last = tokio::time::timeout(Duration::from_secs(25), last);
    let (last, (ended, took), (ready, answered)) = tokio::join!(last, town.terminate(first), lame);
    if shape == Shape::AllInOne {
        assert_eq!(ready, "HTTP/1.1 503 Service Unavailable");
    }
    assert!(answered, "requests are answered until the end begins");
    let status = last.expect("the stream ends");
    println!(
        "G-18: {shape:?}: {first} ended after {took:?} with {ended}; the stream with {:?}",
        reason(&status)
    );
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(ended.code(), Some(0));
    assert!(took < Duration::from_secs(20), "{took:?}");
    for roles in then {
        let (ended, took) = town.terminate(roles).await;
        println!("G-18: {shape:?}: {roles} ended after {took:?} with {ended}");
        assert_eq!(ended.code(), Some(0));
        assert!(took < Duration::from_secs(20), "{roles}: {took:?}");
    }
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_18_a_town_in_one_process_stops_in_peace() {
    drain(Shape::AllInOne).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_18_a_split_town_stops_in_peace() {
    drain(Shape::Split).await;
}
