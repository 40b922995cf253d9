//! G-12 and G-19: rates, and how much at once.

use std::time::Duration;

use muster_kernel::config::Config;
use muster_proto::authz::v1::Permission;

use crate::rig::Rig;
use crate::wire::{Client, message};

fn wide(config: &mut Config) {
    (config.gateway.address_per_second, config.gateway.address_burst) = (100_000, 100_000);
    (config.gateway.principal_per_second, config.gateway.principal_burst) = (100_000, 100_000);
    (config.gateway.tenant_per_second, config.gateway.tenant_burst) = (100_000, 100_000);
}

/// How many of 300 requests were let in; each of the others was refused with a hint when to come again.
async fn admitted(rig: &Rig, headers: impl Fn(usize) -> Vec<(&'static str, String)>) -> usize {
    let client = Client::connect(&rig.address).await;
    let mut count = 0;
    for number in 0..300 {
        let headers = headers(number);
        let headers: Vec<(&'static str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = client.call(rig.request(&headers), message(b"")).await.unwrap();
        match answer.grpc() {
            Some("0") => count += 1,
            Some("8") => assert!(answer.headers.contains_key("grpc-status-details-bin")),
            other => panic!("{other:?}"),
        }
    }
    count
}

fn none(_: usize) -> Vec<(&'static str, String)> {
    vec![]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_12_each_limit_holds_by_itself() {
    for which in ["address", "principal", "tenant"] {
        let rig = Rig::start(|config| {
            wide(config);
            let gateway = &mut config.gateway;
            match which {
                "address" => (gateway.address_per_second, gateway.address_burst) = (1, 20),
                "principal" => (gateway.principal_per_second, gateway.principal_burst) = (1, 20),
                _ => (gateway.tenant_per_second, gateway.tenant_burst) = (1, 20),
            }
        })
        .await;
        let count = admitted(&rig, none).await;
        println!("G-12: {which}: {count} of 300 with a burst of 20");
        assert!((20..30).contains(&count), "{which}: {count}");
        assert_eq!(rig.seen(), count, "what was refused reached nobody");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_12_what_a_client_says_of_its_address_changes_nothing() {
    let strict = |config: &mut Config| {
        wide(config);
        (config.gateway.address_per_second, config.gateway.address_burst) = (1, 20);
    };
    let rig = Rig::start(strict).await;
    let spoofed = |number: usize| {
        let address = format!("203.0.{}.{}", number / 250, number % 250 + 1);
        vec![
            ("x-forwarded-for", address.clone()),
            ("x-real-ip", address.clone()),
            ("forwarded", format!("for={address}")),
            ("muster-client", format!("{address};1;00")),
        ]
    };
    let count = admitted(&rig, spoofed).await;
    assert!((20..30).contains(&count), "{count}");
    // Behind one proxy only what the proxy added, at the right, counts.
    let rig = Rig::start(|config| {
        strict(config);
        config.gateway.trusted_hops = 1;
    })
    .await;
    let left = |number: usize| {
        vec![(
            "x-forwarded-for",
            format!("203.0.113.{}, 198.51.100.7", number % 250 + 1),
        )]
    };
    let count = admitted(&rig, left).await;
    assert!((20..30).contains(&count), "{count}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g_19_a_tenant_has_only_so_much_at_once_and_the_next_one_does_not_wait() {
    let rig = Rig::start(wide).await;
    let clients = [Client::connect(&rig.address).await, Client::connect(&rig.address).await];
    let calls = (0..200).map(|number: usize| clients[number % 2].call(rig.request(&[("act", "sleep")]), message(b"")));
    let others = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let client = Client::connect(&rig.address).await;
        let mut request = rig.request(&[]);
        let tenant = serde_json::json!("01890a5d-ac96-774b-bcce-b302099a80aa");
        request.headers_mut().insert(
            "authorization",
            format!("Bearer {}", rig.forger.with_claim("tid", tenant))
                .parse()
                .unwrap(),
        );
        let started = tokio::time::Instant::now();
        let answer = client.call(request, message(b"")).await.unwrap();
        let took = started.elapsed();
        let mut change = rig.request(&[]);
        let rights = serde_json::json!([Permission::OrdersPlace as i32]);
        let token = format!("Bearer {}", rig.forger.with_claim("per", rights));
        change.headers_mut().insert("authorization", token.parse().unwrap());
        *change.uri_mut() = change
            .uri()
            .to_string()
            .replace("GetOrder", "PlaceOrder")
            .parse()
            .unwrap();
        let change = client.call(change, message(b"")).await.unwrap();
        (answer.grpc().map(str::to_owned), took, change.grpc().map(str::to_owned))
    };
    let (answers, (other, took, change)) = tokio::join!(futures::future::join_all(calls), others);
    let count = |code| {
        answers
            .iter()
            .filter(|answer| answer.as_ref().is_ok_and(|answer| answer.grpc() == Some(code)))
            .count()
    };
    println!(
        "G-19: of 200 at once {} ran and {} were refused; the neighbour's took {took:?}",
        count("0"),
        count("8")
    );
    // The last quarter of 128 is for changes, and one of those is let in meanwhile.
    assert_eq!((count("0"), count("8")), (96, 104));
    assert_eq!(change.as_deref(), Some("0"));
    assert_eq!(other.as_deref(), Some("0"));
    assert!(took < Duration::from_millis(200), "{took:?}");
    assert_eq!(rig.ask(&[]).await.grpc(), Some("0"), "turns come back");
}
