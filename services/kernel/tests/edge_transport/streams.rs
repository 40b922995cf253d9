//! G-01 and G-02: how many requests at once, and what becomes of those who take theirs back.

use std::time::Duration;

use bytes::Bytes;
use muster_kernel::edge::Limits;
use muster_kernel::testing::eventually;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::resets::patiently;
use crate::server::Server;
use crate::wire::{Client, END_HEADERS, END_STREAM, closed_within, frame, frames, header_block, hello, kind, say};

const MANY: u32 = 2_000;

fn requests(path: &str, count: u32) -> Vec<u8> {
    let block = header_block(path);
    let mut all = hello();
    (0..count).for_each(|number| all.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &block)));
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_the_bare_stack_runs_as_many_handlers_as_it_is_asked_to() {
    let server = Server::start(Limits::bare()).await;
    let _socket = say(&server.address, &requests("/hold", MANY)).await;
    eventually(|| server.running() == MANY as usize).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_at_most_128_handlers_run_for_one_connection() {
    let server = Server::start(Limits::default()).await;
    let mut socket = say(&server.address, &requests("/hold", 300)).await;
    let frames = frames(&mut socket, Duration::from_millis(300)).await;
    let refusals = frames
        .iter()
        .filter(|(kind, _, _, reason)| *kind == kind::RST_STREAM && *reason == [0, 0, 0, 7]);
    let refused = refusals.count();
    println!("G-01: {} handlers at most, {refused} refused", server.most());
    assert_eq!((server.most(), refused), (128, 172));
    drop(socket);
    eventually(|| server.running() == 0).await;
    // Who goes on is cut, and has not reached more handlers.
    let mut socket = say(&server.address, &requests("/hold", MANY)).await;
    assert!(closed_within(&mut socket, Duration::from_secs(2)).await.is_some());
    assert_eq!(server.most(), 128);
    eventually(|| server.running() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_who_respects_the_limit_gets_everything() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(&server.address).await;
    client.call(Client::request("/"), Bytes::new()).await.unwrap();
    let all = (0..400).map(|_| client.call(Client::request("/wait/20"), Bytes::new()));
    let answers = futures::future::join_all(all).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().is_ok_and(|answer| answer.status == 200))
    );
    assert!(server.most() <= 128);
}

/// A gateway's one connection is everybody's: neither one share of streams nor the resets of some may end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_01_the_connection_of_a_gateway_has_room_for_everybody() {
    let limits = Limits {
        connections_per_address: usize::MAX,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let socket = say(&server.address, &requests("/hold", MANY)).await;
    eventually(|| server.running() == MANY as usize).await;
    drop(socket);
    eventually(|| server.running() == 0).await;
    assert_eq!(patient(&server, 600).await, 600);
}

/// Both frames of a request at once, often. Answers when the connection is closed.
async fn take_back_at_once(server: &Server) {
    let block = header_block("/hold");
    let mut all = hello();
    for number in 0..50_000 {
        all.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &block));
        all.extend(frame(kind::RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    let (mut reading, mut writing) = say(&server.address, &[]).await.into_split();
    tokio::spawn(async move { writing.write_all(&all).await });
    let mut sink = Vec::new();
    let closed = timeout(
        Duration::from_secs(5),
        tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut sink),
    );
    assert!(closed.await.is_ok(), "the connection is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_requests_taken_back_at_once_end_the_connection() {
    let server = Server::start(Limits::default()).await;
    take_back_at_once(&server).await;
    println!("G-02 (a): {} handlers started", server.started());
    assert!(server.started() <= 500, "{} handlers started", server.started());
    eventually(|| server.running() == 0).await;
}

/// The patient form: each request is taken back only once its handler runs. Answers how many there were.
async fn patient(server: &Server, most: usize) -> usize {
    let already = server.started();
    let client = Client::connect(&server.address).await;
    for count in 0..most {
        let Ok(mut requests) = client.requests.clone().ready().await else {
            return count;
        };
        let Ok((response, mut stream)) = requests.send_request(Client::request("/hold"), false) else {
            return count;
        };
        let before = std::time::Duration::from_millis(200);
        let _ = tokio::time::timeout(
            before,
            eventually(|| server.started() > already + count || client.is_over()),
        )
        .await;
        stream.send_reset(h2::Reason::CANCEL);
        drop(response);
        if client.is_over() {
            return count + 1;
        }
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_the_bare_stack_never_ends_the_patient_form() {
    let server = Server::start(Limits::bare()).await;
    assert_eq!(patient(&server, 1_000).await, 1_000);
    assert_eq!(server.started(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_the_patient_form_ends_the_connection_and_nobody_else_notices() {
    let server = Server::start(Limits::default()).await;
    let other = Client::connect(&server.address).await;
    let well = async {
        for _ in 0..200 {
            let answer = other.call(Client::request("/wait/1"), Bytes::new()).await.unwrap();
            assert_eq!(answer.status, 200);
        }
    };
    let attack = async {
        let before = server.started();
        let client = Client::connect(&server.address).await;
        let mut count = 0;
        while !client.is_over() && count < 2_000 {
            let Ok(mut requests) = client.requests.clone().ready().await else {
                break;
            };
            let Ok((_, mut stream)) = requests.send_request(Client::request("/hold"), false) else {
                break;
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
            stream.send_reset(h2::Reason::CANCEL);
            count += 1;
        }
        println!(
            "G-02 (b): cut after {count} of them; {} handlers started in all",
            server.started() - before
        );
        count
    };
    let ((), count) = tokio::join!(well, attack);
    assert!(count <= 500, "{count}");
    eventually(|| server.running() == 0).await;
}

async fn over(client: &Client) -> Duration {
    let began = Instant::now();
    client.call(Client::request("/over"), Bytes::new()).await.unwrap();
    began.elapsed()
}

/// Who asks for more than his share is told so at once, at first. If he goes on, he waits for it, and nobody else does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_who_does_not_heed_refusals_waits_for_the_next() {
    let server = Server::start(Limits::default()).await;
    let deaf = Client::connect(&server.address).await;
    let other = Client::connect(&server.address).await;
    let wait = Duration::from_millis(250);
    let mut times = futures::future::join_all((0..60).map(|_| over(&deaf))).await;
    times.sort();
    println!("G-02: refused in {:?}, and in {:?} who goes on", times[25], times[59]);
    assert_eq!(times.iter().filter(|time| **time >= wait).count(), 10, "{times:?}");
    assert!(over(&other).await < wait, "another connection has its own record");
    let answer = deaf.call(Client::request("/"), Bytes::new());
    assert!(
        timeout(wait, answer).await.is_ok(),
        "what he may ask is answered at once"
    );
}

/// A patient attacker who may ask for very little: he is refused before he takes back, until he has to wait for that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_refusals_taken_back_end_the_connection() {
    let server = Server::start(Limits::default()).await;
    let end = Instant::now() + Duration::from_secs(20);
    let socket = TcpStream::connect(&server.address).await.unwrap();
    let asked = patiently(socket, || (Client::request("/over"), Vec::new()), end).await;
    println!("G-02: cut after {asked} refusals");
    assert!(Instant::now() < end, "he goes on for ever");
    assert!(asked < 1_000, "{asked}");
}

/// Whoever was cut, by us or by the HTTP/2 library, is heard again only after a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_who_was_cut_waits_before_he_is_heard_again() {
    for patiently in [true, false] {
        let server = Server::start(Limits::default()).await;
        if patiently {
            assert!(patient(&server, 2_000).await < 2_000, "he is cut");
        } else {
            take_back_at_once(&server).await;
        }
        let began = Instant::now();
        let client = Client::connect(&server.address).await;
        client.call(Client::request("/"), Bytes::new()).await.unwrap();
        let waited = began.elapsed();
        println!("G-02: heard again after {waited:?}");
        assert!(waited > Duration::from_millis(300) && waited < Duration::from_secs(4));
    }
}

/// Somebody who changes their mind now and then is not an attacker.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_who_takes_back_less_than_half_stays() {
    let server = Server::start(Limits::default()).await;
    let client = Client::connect(&server.address).await;
    for _ in 0..600 {
        for _ in 0..2 {
            client.call(Client::request("/"), Bytes::new()).await.unwrap();
        }
        let before = server.started();
        let (_, mut stream) = client
            .requests
            .clone()
            .ready()
            .await
            .unwrap()
            .send_request(Client::request("/hold"), false)
            .unwrap();
        eventually(|| server.started() > before).await;
        stream.send_reset(h2::Reason::CANCEL);
    }
    assert!(!client.is_over());
    let mut quiet = say(&server.address, b"").await;
    assert_eq!(closed_within(&mut quiet, Duration::from_millis(50)).await, None);
}

/// Whoever leaves a page takes back all that it has asked, in one breath.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_who_takes_back_everything_once_stays() {
    let server = Server::start(Limits::default()).await;
    let block = header_block("/hold");
    let mut all = hello();
    for number in 0..100 {
        all.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &block));
    }
    for number in 0..100 {
        all.extend(frame(kind::RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8]));
    }
    all.extend(frame(kind::HEADERS, END_HEADERS | END_STREAM, 201, &header_block("/")));
    let mut socket = say(&server.address, &all).await;
    let frames = frames(&mut socket, Duration::from_millis(500)).await;
    let answered = |(kind, _, stream, _): &(u8, u8, u32, Vec<u8>)| (*kind, *stream) == (kind::HEADERS, 201);
    assert!(frames.iter().any(answered), "no answer after all was taken back");
    eventually(|| server.running() == 0).await;
}

/// Whoever is refused at once, again and again, has his question on its way by then: that is no fault of his.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_18_who_is_answered_before_all_is_said_keeps_the_connection() {
    const BURST: u32 = 100;
    let server = Server::start(Limits::default()).await;
    let mut socket = say(&server.address, &hello()).await;
    for burst in 0..8 {
        let streams = (0..BURST).map(|number| 2 * (burst * BURST + number) + 1);
        let heads = streams
            .clone()
            .flat_map(|stream| frame(kind::HEADERS, END_HEADERS, stream, &header_block("/")));
        socket.write_all(&heads.collect::<Vec<u8>>()).await.unwrap();
        assert_eq!(
            answers(&mut socket, BURST as usize).await,
            BURST as usize,
            "in burst {burst}"
        );
        let bodies = streams.flat_map(|stream| frame(kind::DATA, END_STREAM, stream, &[0; 5]));
        socket.write_all(&bodies.collect::<Vec<u8>>()).await.unwrap();
    }
    let last = frame(
        kind::HEADERS,
        END_HEADERS | END_STREAM,
        2 * 8 * BURST + 1,
        &header_block("/"),
    );
    socket.write_all(&last).await.unwrap();
    assert_eq!(answers(&mut socket, 1).await, 1);
}

/// Waits until so many streams were answered to their end, or nothing comes for a second. Answers how many were.
async fn answers(socket: &mut TcpStream, wanted: usize) -> usize {
    let ended = |(kind, flags, ..): &&(u8, u8, u32, Vec<u8>)| *kind <= kind::HEADERS && flags & END_STREAM != 0;
    let mut count = 0;
    for _ in 0..20 {
        let seen = frames(socket, Duration::from_millis(50)).await;
        count += seen.iter().filter(ended).count();
        if count >= wanted {
            break;
        }
    }
    count
}
