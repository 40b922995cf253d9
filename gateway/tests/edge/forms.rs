//! G-14: one reading of every request, at the gateway and behind it, or none.

use crate::rig::{METHOD, Rig};
use crate::wire::{Client, ask, message};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_14_what_could_be_read_in_two_ways_is_not_read() {
    let rig = Rig::start(|_| {}).await;
    let head = format!(
        "POST {METHOD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/grpc-web\r\n",
        rig.forger.good()
    );
    let body = "0\r\n\r\nPOST /smuggled HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
    let cases: Vec<(&str, String)> = vec![
        (
            "CL and TE",
            format!(
                "{head}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{body}",
                body.len()
            ),
        ),
        (
            "TE and CL",
            format!(
                "{head}transfer-encoding: chunked\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
        ),
        (
            "two lengths",
            format!("{head}content-length: 5\r\ncontent-length: 6\r\n\r\n\0\0\0\0\0\0"),
        ),
        (
            "a list of lengths",
            format!("{head}content-length: 5, 6\r\n\r\n\0\0\0\0\0\0"),
        ),
        ("a signed length", format!("{head}content-length: +5\r\n\r\n\0\0\0\0\0")),
        ("a hex length", format!("{head}content-length: 0x5\r\n\r\n\0\0\0\0\0")),
        (
            "chunked not last",
            format!("{head}transfer-encoding: chunked, identity\r\n\r\n{body}"),
        ),
        (
            "an unknown coding",
            format!("{head}transfer-encoding: xchunked\r\n\r\n{body}"),
        ),
        (
            "a folded header",
            format!("{head}x: a\r\n b\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"),
        ),
        (
            "a blank before the colon",
            format!("{head}content-length : 5\r\n\r\n\0\0\0\0\0"),
        ),
        (
            "a NUL in a value",
            format!("{head}x: a\0b\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"),
        ),
        (
            "a CR in a value",
            format!("{head}x: a\rb\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"),
        ),
        (
            "a chunk size that overflows",
            format!("{head}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        ),
        (
            "a blank in the path",
            format!("POST {METHOD} x HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"),
        ),
        ("HTTP/0.9", format!("POST {METHOD}\r\n\r\n")),
        ("another protocol", format!("POST {METHOD} HTTP/3.7\r\nhost: x\r\n\r\n")),
    ];
    for (what, bytes) in cases {
        let seen = rig.seen();
        let answer = ask(&rig.address, bytes.as_bytes()).await;
        let answers = answer.matches("HTTP/1.").count();
        assert!(answers <= 1, "{what} was read as {answers} requests: {answer}");
        let taken = rig.seen() - seen;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.0 400");
        println!("G-14: {what}: {}", answer.lines().next().unwrap_or("closed"));
        assert!(refused || (taken <= 1 && answers == 1), "{what}: {answer}");
        assert!(!answer.contains("smuggled"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_14_a_method_has_one_name() {
    let rig = Rig::start(|_| {}).await;
    let client = Client::connect(&rig.address).await;
    for path in [
        "/muster.orders.v1.OrderService/GetOrder/",
        "//muster.orders.v1.OrderService/GetOrder",
        "/muster.orders.v1.OrderService//GetOrder",
        "/muster.orders.v1.orderservice/GetOrder",
        "/muster.orders.v1.OrderService/getorder",
        "/MUSTER.orders.v1.OrderService/GetOrder",
        "/muster.orders.v1.OrderService%2fGetOrder",
        "/muster.orders.v1.OrderService/%47etOrder",
        "/muster.auth.v1.TrustService/../../muster.orders.v1.OrderService/GetOrder",
        "/./muster.orders.v1.OrderService/GetOrder",
        "/muster.orders.v1.OrderService/GetOrder;x=1",
        "/muster.log.v1.LogService/Tail",
        "/muster.orders.v1.OrderService",
        "/grpc.health.v1.Health/../../muster.orders.v1.OrderService/GetOrder",
        "/grpc.reflection.v1.ServerReflection/../x",
        "*",
    ] {
        let mut request = rig.request(&[]);
        let Ok(uri) = format!("http://localhost{path}").parse() else {
            continue;
        };
        *request.uri_mut() = uri;
        let answer = client.call(request, message(b"")).await;
        let Ok(answer) = answer else { continue };
        assert!(
            ["7", "12", "16"].contains(&answer.grpc().unwrap_or("12")),
            "{path}: {answer:?}"
        );
        assert_ne!(answer.grpc(), Some("0"), "{path}");
    }
    assert_eq!(rig.seen(), 0, "none of them is another name of a method");
    // A query is not part of a method's name, and a token in it is none.
    let mut request = rig.request(&[]);
    *request.uri_mut() = format!("http://localhost{METHOD}?x=1").parse().unwrap();
    assert_eq!(client.call(request, message(b"")).await.unwrap().grpc(), Some("0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_14_headers_of_a_connection_end_with_it_and_ours_come_from_us_alone() {
    let rig = Rig::start(|_| {}).await;
    let head = format!(
        "POST {METHOD} HTTP/1.1\r\nhost: evil\r\nauthorization: Bearer {}\r\ncontent-type: application/grpc\r\n\
         connection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nx-hop: 1\r\n\
         upgrade: h2c\r\nmuster-service: orders.1.00\r\nmuster-client: 6.6.6.6;1;00\r\nx-muster-tenant: 1\r\n\
         x-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\nte: gzip\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0",
        rig.forger.good()
    );
    let answer = ask(&rig.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    for gone in [
        "keep-alive:",
        "proxy-connection:",
        "x-hop:",
        "upgrade:",
        "x-muster-tenant:",
        "6.6.6.6",
        "orders.1.00",
        "te: gzip",
        "evil",
    ] {
        assert!(!answer.contains(gone), "{gone} went on: {answer}");
    }
    assert!(answer.contains("muster-client: 127.0.0.1;"), "{answer}");
}

/// RFC 9113, 8.2.2: such a message is malformed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_14_http2_with_the_headers_of_http1_is_refused() {
    use crate::wire::{END_HEADERS, END_STREAM, frame, frames, header_block, hello, kind, say};
    let rig = Rig::start(|_| {}).await;
    for (name, value) in [
        ("connection", "x"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "1"),
        ("upgrade", "h2c"),
        ("X-Upper", "1"),
        ("a\nb", "1"),
        ("x", "a\r\nb"),
        ("x", "a\0b"),
        ("te", "gzip"),
    ] {
        let mut block = header_block(METHOD);
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
        let bytes = [hello(), frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &block)].concat();
        let mut socket = say(&rig.address, &bytes).await;
        let frames = frames(&mut socket, std::time::Duration::from_millis(150)).await;
        let refused = frames
            .iter()
            .any(|(kind, ..)| [kind::RST_STREAM, kind::GOAWAY].contains(kind));
        // 0x88 is `:status 200` of HPACK; a refusal by the lock is one as well.
        assert!(refused || rig.seen() == 0, "{name}: {value:?}");
        println!(
            "G-14: h2 {name}: {value:?}: {}",
            if refused { "reset" } else { "answered by the lock" }
        );
    }
    assert_eq!(rig.seen(), 0);
}
