//! G-16 and G-17: what browsers are told.

use muster_kernel::config::Config;

use crate::rig::{METHOD, Rig};
use crate::wire::{Answer, Client, ask, message};

const OURS: &str = "https://shop.example";

fn allowed(config: &mut Config) {
    config.gateway.cors_origins = vec![OURS.to_owned()];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_16_every_answer_keeps_a_page_to_itself() {
    let rig = Rig::start(|_| {}).await;
    for path in [
        "/",
        "/kitchen",
        "/kitchen/",
        "/kitchen/index.html",
        "/kitchen/none.js",
        "/no/such/page",
        "/healthz",
        "/.well-known/jwks.json",
    ] {
        for method in ["GET", "HEAD", "PUT"] {
            let answer = ask(
                &rig.address,
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
            )
            .await;
            let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
            for wanted in [
                "default-src 'none'",
                "script-src 'self'",
                "frame-ancestors 'none'",
                "object-src 'none'",
                "base-uri 'none'",
                "x-content-type-options: nosniff",
                "referrer-policy: no-referrer",
                "cross-origin-opener-policy: same-origin",
                "cross-origin-resource-policy: same-origin",
                "permissions-policy: ",
            ] {
                assert!(head.contains(wanted), "{method} {path} lacks {wanted}: {head}");
            }
            for unwanted in [
                "unsafe-inline",
                "unsafe-eval",
                "server:",
                "x-powered-by",
                "access-control-allow-origin",
            ] {
                assert!(!head.contains(unwanted), "{method} {path} has {unwanted}: {head}");
            }
        }
    }
    let answer = rig.ask(&[]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!answer.headers.contains_key("server"));
    // Over TLS every answer says so; without it the header would mean nothing.
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

async fn preflight(rig: &Rig, origin: &str) -> Answer {
    let request = http::Request::options(format!("http://localhost{METHOD}"))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,x-grpc-web",
        );
    let client = Client::connect(&rig.address).await;
    client
        .call(request.body(()).unwrap(), bytes::Bytes::new())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_17_only_exactly_the_sites_that_are_set_may_call() {
    let rig = Rig::start(allowed).await;
    let ours = preflight(&rig, OURS).await;
    assert_eq!(
        (
            ours.status,
            ours.headers["access-control-allow-origin"].to_str().unwrap()
        ),
        (204, OURS)
    );
    assert_eq!(ours.headers["access-control-allow-methods"], "POST");
    for foreign in [
        "null",
        "https://evil.example",
        "https://shop.example.evil.test",
        "https://xshop.example",
        "https://sub.shop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example/",
        "https://SHOP.example",
        "*",
        "",
        "https://shop.example, https://evil.example",
    ] {
        let answer = preflight(&rig, foreign).await;
        assert_eq!(answer.status, 403, "{foreign}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{foreign}");
        let answer = rig
            .ask(&[("origin", foreign), ("content-type", "application/grpc-web+proto")])
            .await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{foreign}");
    }
    let client = Client::connect(&rig.address).await;
    let request = rig.request(&[("origin", OURS), ("content-type", "application/grpc-web+proto")]);
    let answer = client.call(request, message(b"")).await.unwrap();
    assert_eq!(answer.headers["access-control-allow-origin"], OURS);
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
    let mut exposed: Vec<&str> = exposed.split(", ").collect();
    exposed.sort_unstable();
    assert_eq!(
        exposed,
        ["grpc-message", "grpc-status", "grpc-status-details-bin", "x-request-id"]
    );
    assert!(
        answer.headers.get_all("vary").iter().any(|value| value == "origin"),
        "caches keep them apart"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_17_by_default_no_site_may() {
    let rig = Rig::start(|_| {}).await;
    assert_eq!(preflight(&rig, OURS).await.status, 403);
}
