use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Frame as Part;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};

use super::wire::{Frame, Frames, put_ask};
use super::*;
use crate::edge::{self, Limits};
use crate::link::Link;
use crate::testing::eventually;

/// Counts what runs, until it is dropped.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

struct Runs;

impl Runs {
    fn new() -> Self {
        RUNNING.fetch_add(1, SeqCst);
        Self
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, SeqCst);
    }
}

fn ok() -> HeaderMap {
    HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )])
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let runs = Runs::new();
    let (head, body) = request.into_parts();
    // Who comes alone has a place of his own.
    let by_relay = head.extensions.get::<edge::Peer>().is_none();
    let mut response = match head.uri.path() {
        "/echo" => {
            // Nothing, where who asks by itself gave up while it asked.
            let all = body.collect().await.map_or_else(|_| Bytes::new(), |all| all.to_bytes());
            // Answers overtake each other.
            tokio::time::sleep(Duration::from_millis(u64::from(
                all.last().copied().unwrap_or_default() % 5,
            )))
            .await;
            let parts = [Ok::<_, Status>(Part::data(all)), Ok(Part::trailers(ok()))];
            Response::new(Body::new(StreamBody::new(futures::stream::iter(parts))))
        }
        "/large" => {
            let parts = [Ok::<_, Status>(Part::data(large())), Ok(Part::trailers(ok()))];
            Response::new(Body::new(StreamBody::new(futures::stream::iter(parts))))
        }
        "/broken" => {
            let parts = [
                Ok(Part::data(large())),
                Err(Status::internal("what nobody should be told")),
            ];
            Response::new(Body::new(StreamBody::new(futures::stream::iter(parts))))
        }
        "/hold" => std::future::pending().await,
        "/panic" => panic!("planted"),
        // Endless, a kibibyte at a time; the last header tells how much was asked for.
        _ => {
            let endless = futures::stream::repeat_with(|| Ok::<_, Status>(Part::data(Bytes::from_static(&[7; 1024]))));
            Response::new(Body::new(StreamBody::new(endless.inspect(move |_| {
                PRODUCED.fetch_add(1024, SeqCst);
                let _ = &runs;
            }))))
        }
    };
    if by_relay {
        response.headers_mut().insert("by-relay", HeaderValue::from_static("1"));
    }
    Ok(response)
}

/// More than a window.
fn large() -> Bytes {
    (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
}

static PRODUCED: AtomicUsize = AtomicUsize::new(0);

async fn serve(listener: TcpListener, stop: CancellationToken) {
    let limits = Limits {
        connections_per_address: usize::MAX,
        ..Limits::default()
    };
    edge::serve(listener, tower::service_fn(answer), limits, None, stop).await;
}

async fn start() -> (Link, String, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve(listener, stop.clone()));
    (Link::new(&format!("http://{address}")).unwrap(), address, stop, task)
}

fn request(path: &'static str, body: impl Into<Bytes>) -> Request<Body> {
    Request::post(path).body(Body::new(Full::new(body.into()))).unwrap()
}

static BY_RELAY: AtomicUsize = AtomicUsize::new(0);

/// Thousands of calls at once, of all lengths, half of them given up on their way: each gets its own answer, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_its_own_answer_whoever_gives_up() {
    let (link, ..) = start().await;
    let calls = (0..3_000_u32).map(|number| {
        let link = link.clone();
        tokio::spawn(async move {
            let length = [4, 60, 5_000, 20_000, 40_000, 200_000][number as usize % 6];
            let question: Bytes = number.to_le_bytes().into_iter().cycle().take(length).collect();
            let call = async {
                let response = link.call(request("/echo", question.clone())).await.unwrap();
                // Where much waits to be sent, short ones go alone too.
                if response.headers().contains_key("by-relay") {
                    BY_RELAY.fetch_add(1, SeqCst);
                    assert!(length < LONGEST_QUESTION, "{length} bytes");
                }
                let all = response.into_body().collect().await.unwrap();
                assert!(all.trailers().unwrap().contains_key("grpc-status"));
                all.to_bytes()
            };
            let patience = Duration::from_micros(if number % 2 == 0 {
                60_000_000
            } else {
                u64::from(number) * 7
            });
            match tokio::time::timeout(patience, call).await {
                Ok(answer) => assert!(answer == question, "call {number} got the answer to another"),
                Err(_) => assert_eq!(number % 2, 1),
            }
        })
    });
    let mut calls = futures::stream::iter(calls).buffer_unordered(100);
    while let Some(call) = calls.next().await {
        call.unwrap();
    }
    assert!(BY_RELAY.load(SeqCst) > 500, "{BY_RELAY:?} went by relay");
}

/// who does not read costs a window, and nobody else anything; who hangs up stops what it asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_holds_up_nobody() {
    let (link, ..) = start().await;
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(link.call(request("/endless", Bytes::new())).await.unwrap());
    }
    for number in 0..100_u8 {
        let response = link.call(request("/echo", vec![number; 60])).await.unwrap();
        assert_eq!(
            response.into_body().collect().await.unwrap().to_bytes(),
            vec![number; 60]
        );
    }
    let produced = PRODUCED.load(SeqCst);
    assert!(
        produced <= unread.len() * (WINDOW + PIECE),
        "{produced} bytes for nobody"
    );
    // Who reads goes on getting more.
    let mut read = 0;
    let mut body = unread.pop().unwrap().into_body();
    while read < 10 * WINDOW {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    drop((body, unread));
    let held = tokio::time::timeout(Duration::from_millis(50), link.call(request("/hold", Bytes::new()))).await;
    assert!(held.is_err());
    eventually(|| RUNNING.load(SeqCst) == 0).await;
}

#[tokio::test]
async fn a_long_answer_comes_whole_and_a_broken_one_without_an_end() {
    let (link, ..) = start().await;
    let response = link.call(request("/large", Bytes::new())).await.unwrap();
    assert!(response.headers().contains_key("by-relay"));
    let all = response.into_body().collect().await.unwrap();
    assert_eq!(all.trailers(), Some(&ok()));
    assert!(all.to_bytes() == large());
    let response = link.call(request("/broken", Bytes::new())).await.unwrap();
    let all = response.into_body().collect().await.unwrap();
    assert_eq!(all.trailers(), None);
    assert!(all.to_bytes() == large());
}

#[tokio::test]
async fn who_panics_says_that_there_is_no_answer() {
    let (link, ..) = start().await;
    let response = link.call(request("/panic", Bytes::new())).await.unwrap();
    assert_eq!(
        Status::from_header_map(response.headers()).unwrap().code(),
        Code::Internal
    );
}

/// a role that stops answers what it was asked, and those who come meanwhile are served by the one after it.
#[tokio::test]
async fn a_role_that_leaves_answers_and_the_next_one_takes_over() {
    let (link, address, stop, task) = start().await;
    let stream = link.call(request("/endless", Bytes::new())).await.unwrap();
    let echo = |number: u8| {
        let link = link.clone();
        async move {
            let response = link.call(request("/echo", vec![number; 60])).await?;
            Ok::<_, Status>(response.into_body().collect().await?.to_bytes())
        }
    };
    // On both connections.
    for number in 0..2 {
        assert_eq!(echo(number).await.unwrap(), vec![number; 60]);
    }
    let asked: Vec<_> = (0..50_u8).map(|number| tokio::spawn(echo(number | 4))).collect();
    tokio::task::yield_now().await;
    stop.cancel();
    for answered in asked {
        assert_eq!(answered.await.unwrap().unwrap().len(), 60);
    }
    let next = loop {
        if let Ok(listener) = TcpListener::bind(&address).await {
            break listener;
        }
        tokio::task::yield_now().await;
    };
    tokio::spawn(serve(next, CancellationToken::new()));
    for number in 0..4 {
        assert_eq!(echo(number).await.unwrap(), vec![number; 60]);
    }
    assert!(!task.is_finished(), "a stream still runs on it");
    drop(stream);
    tokio::time::timeout(Duration::from_secs(5), task)
        .await
        .expect("it ends when the last call has")
        .unwrap();
}

/// Somebody who speaks nonsense on a relay loses that relay, and the role nothing.
#[tokio::test]
async fn nonsense_ends_a_relay_and_nothing_else() {
    let (link, address, ..) = start().await;
    let mut twice = BytesMut::new();
    (0..2).for_each(|_| put_ask(9, b"/hold", &HeaderMap::new(), b"", &mut twice));
    let mut answer = BytesMut::new();
    Frame::Piece(Bytes::new()).put(1, &mut answer);
    for nonsense in [&b"GET / HTTP/1.1\r\n\r\n"[..], &twice, &answer] {
        let (response, _questions) = says(&address, nonsense).await;
        let ended = async {
            match response.await {
                Ok(response) => response.into_body().data().await.expect("no end in peace").is_err(),
                Err(_) => true,
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(5), ended).await;
        assert!(ended.expect("at once"));
    }
    let response = link.call(request("/echo", vec![1; 60])).await.unwrap();
    assert!(response.headers().contains_key("by-relay"));
}

async fn says(address: &str, words: &[u8]) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut calls, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let open = Request::post(PLACE).body(()).unwrap();
    let (response, mut questions) = calls.send_request(open, false).unwrap();
    questions.send_data(Bytes::copy_from_slice(words), false).unwrap();
    (response, questions)
}

/// A question that cannot be read is refused alone: those who share the relay with it are answered.
#[tokio::test]
async fn one_bad_question_is_refused_alone() {
    let (_, address, ..) = start().await;
    let mut words = BytesMut::new();
    put_ask(1, b"no path\n", &HeaderMap::new(), b"", &mut words);
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("a"), HeaderValue::from_static("!"))]);
    let from = words.len();
    put_ask(2, b"/echo", &headers, b"", &mut words);
    let place = words[from..].iter().position(|byte| *byte == b'!').unwrap();
    words[from + place] = b'\n';
    put_ask(3, b"/echo", &HeaderMap::new(), b"whole", &mut words);
    let (response, _questions) = says(&address, &words).await;
    let mut answers = response.await.unwrap().into_body();
    let (mut frames, mut read) = (Frames::default(), std::collections::BTreeMap::new());
    while read.len() < 3 {
        let come = tokio::time::timeout(Duration::from_secs(5), answers.data())
            .await
            .expect("in time");
        frames.take(&come.unwrap().unwrap());
        while let Some((call, frame)) = frames.next().unwrap() {
            read.insert(call, frame);
        }
    }
    for call in [1, 2] {
        let Some(Frame::End(trailers)) = read.get(&call) else {
            panic!("{read:?}")
        };
        assert_eq!(Status::from_header_map(trailers).unwrap().code(), Code::InvalidArgument);
    }
    assert!(matches!(&read[&3], Frame::Answer { data, trailers: Some(_), .. } if data == "whole"));
}
