//! G-10, G-11 and G-13: honest status codes, and nothing of ours in them.

use std::time::{Duration, Instant};

use http::Request;
use muster_kernel::config::Config;

use crate::rig::{METHOD, Rig};
use crate::wire::{Answer, Client, message};

const UNAVAILABLE: &str = "14";

fn quiet(answer: &Answer) {
    let shown = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    for secret in [
        "10.0.0.7",
        "127.0.0.1",
        "h2 ",
        "hyper",
        "tonic",
        "tokio",
        "transport error",
        "Protobuf message:",
        "planted",
        ".rs",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_the_table() {
    let rig = Rig::start(|_: &mut Config| {}).await;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("act", "")], "0"),
        (&[("act", "hang"), ("grpc-timeout", "100m")], "4"),
        (&[("act", "cancelled")], "4"),
        (&[("act", "too-large")], "8"),
        (&[("act", "malformed")], "3"),
        (&[("act", "transport")], UNAVAILABLE),
        (&[("act", "broken")], UNAVAILABLE),
        (&[("act", "unfinished")], UNAVAILABLE),
        (&[("act", "panic")], "13"),
        (&[("grpc-timeout", "1s")], "3"),
        (&[("grpc-timeout", "123456789S")], "3"),
        (&[("grpc-timeout", "")], "3"),
        (&[("grpc-timeout", "-1S")], "3"),
    ];
    for (headers, expected) in cases {
        let headers: Vec<(&'static str, &str)> = headers.to_vec();
        let answer = rig.ask(&headers).await;
        assert_eq!(answer.status, 200, "{headers:?}");
        assert_eq!(answer.grpc(), Some(*expected), "{headers:?}: {answer:?}");
        if *expected != "0" {
            assert!(
                answer.headers.contains_key("grpc-status-details-bin"),
                "{headers:?} tells no reason"
            );
            // What the service's first message holds is its own affair.
            quiet(&Answer { body: vec![], ..answer });
        }
    }
    let unknown = {
        let client = Client::connect(&rig.address).await;
        let mut request = rig.request(&[]);
        *request.uri_mut() = "http://localhost/muster.orders.v1.OrderService/NoSuch".parse().unwrap();
        client.call(request, message(b"")).await.unwrap()
    };
    assert_eq!(unknown.grpc(), Some("12"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_10_a_service_that_is_gone_is_unavailable() {
    let rig = Rig::start(|_| {}).await;
    assert_eq!(rig.ask(&[]).await.grpc(), Some("0"));
    let (held, ()) = tokio::join!(rig.ask(&[("act", "hang")]), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        rig.service.cancel();
    });
    assert_eq!(held.grpc(), Some(UNAVAILABLE), "{held:?}");
    quiet(&held);
    let after = rig.ask(&[]).await;
    assert_eq!(after.grpc(), Some(UNAVAILABLE), "{after:?}");
    quiet(&after);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::disallowed_methods, reason = "it measures")]
async fn g_13_a_deadline_holds_and_shrinks_on_its_way() {
    let rig = Rig::start(|_| {}).await;
    let started = Instant::now();
    assert_eq!(
        rig.ask(&[("act", "hang"), ("grpc-timeout", "300m")]).await.grpc(),
        Some("4")
    );
    let took = started.elapsed();
    println!("G-13: a call of 300 ms ended after {took:?}");
    assert!(
        (Duration::from_millis(300)..Duration::from_millis(700)).contains(&took),
        "{took:?}"
    );
    for (asked, passed) in [(None, "10000m"), (Some("99H"), "60000m"), (Some("2S"), "2000m")] {
        let headers: Vec<(&'static str, &str)> = asked.map(|asked| ("grpc-timeout", asked)).into_iter().collect();
        let seen = String::from_utf8_lossy(&rig.ask(&headers).await.body).into_owned();
        assert!(seen.contains(&format!("grpc-timeout: {passed}")), "{asked:?}: {seen}");
    }
}

/// What a client takes back, the service's own connection does not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_02_resets_of_one_client_do_not_touch_the_others() {
    let rig = Rig::start(|config| {
        (config.gateway.address_per_second, config.gateway.address_burst) = (100_000, 100_000);
        (config.gateway.principal_per_second, config.gateway.principal_burst) = (100_000, 100_000);
        (config.gateway.tenant_per_second, config.gateway.tenant_burst) = (100_000, 100_000);
    })
    .await;
    let other = Client::connect(&rig.address).await;
    let well = async {
        for number in 0..300 {
            let answer = other.call(rig.request(&[("act", "")]), message(b"")).await.unwrap();
            assert_eq!(answer.grpc(), Some("0"), "request {number}: {answer:?}");
        }
    };
    let attack = async {
        let mut count = 0;
        for _ in 0..3 {
            let client = Client::connect(&rig.address).await;
            while !client.is_over() && count < 3_000 {
                let Ok(mut requests) = client.requests.clone().ready().await else {
                    break;
                };
                let Ok((_, mut stream)) = requests.send_request(rig.request(&[("act", "hang")]), false) else {
                    break;
                };
                tokio::time::sleep(Duration::from_millis(1)).await;
                stream.send_reset(h2::Reason::CANCEL);
                count += 1;
            }
        }
        count
    };
    let ((), count) = tokio::join!(well, attack);
    println!("G-02: three connections cut after {count} requests taken back; nobody else noticed");
    assert!(count <= 1_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_06_only_grpc_is_grpc() {
    let rig = Rig::start(|_| {}).await;
    let client = Client::connect(&rig.address).await;
    let ask = async |method: &str, types: &[&str]| {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://localhost{METHOD}"));
        request = request.header("authorization", format!("Bearer {}", rig.forger.good()));
        for content_type in types {
            request = request.header("content-type", *content_type);
        }
        client
            .call(request.body(()).unwrap(), message(b""))
            .await
            .unwrap()
            .status
    };
    for good in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc-web",
        "application/grpc-web+proto",
    ] {
        assert_eq!(ask("POST", &[good]).await, 200, "{good}");
    }
    let seen = rig.seen();
    for bad in [
        "application/json",
        "text/plain",
        "",
        "application/grpc+json",
        "application/grpc; charset=utf-8",
        "APPLICATION/GRPC",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/grpcx",
        "application/grpc-webx",
    ] {
        assert_eq!(ask("POST", &[bad]).await, 415, "{bad}");
    }
    assert_eq!(ask("POST", &[]).await, 415);
    assert_eq!(ask("POST", &["application/grpc", "text/plain"]).await, 415);
    assert_eq!(ask("POST", &["text/plain", "application/grpc"]).await, 415);
    for method in ["GET", "PUT", "PATCH", "DELETE", "HEAD", "TRACE", "OPTIONS"] {
        let status = ask(method, &["application/grpc"]).await;
        assert!([405, 404].contains(&status), "{method}: {status}");
    }
    assert_eq!(rig.seen(), seen, "none of them reached a service");
}
