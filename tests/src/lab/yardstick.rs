//! How quick the machine is just now: a virtual machine shares its processors with others, and may do in one minute half of
//! what it did in the one before.

use std::time::Duration;

use muster_proto::orders::v1::{NewItem, PlaceOrderRequest};
use prost::Message;
use tokio::time::Instant;

/// So many do it at once, as many as there are processors to be shared.
const THREADS: usize = 2;
const FOR: Duration = Duration::from_millis(250);

/// How often a second a request is read and written, while nothing else is done.
pub async fn speed() -> f64 {
    let working: Vec<_> = (0..THREADS).map(|_| tokio::task::spawn_blocking(work)).collect();
    let mut done = 0.0;
    for work in working {
        done += work.await.expect("work is done");
    }
    done
}

fn work() -> f64 {
    let item = NewItem {
        id: "5f0c6a52-8d0f-4d0e-9a63-0a5f8f5f3c11".to_owned(),
        menu_item_id: "0b9de1f4-4f3e-4d57-8f0a-0c8ad0f1b7aa".to_owned(),
        quantity: 2,
        ..NewItem::default()
    };
    let request = PlaceOrderRequest {
        items: vec![item; 8],
        ..PlaceOrderRequest::default()
    };
    let (began, mut bytes, mut rounds) = (Instant::now(), request.encode_to_vec(), 0_u32);
    while began.elapsed() < FOR {
        let read = PlaceOrderRequest::decode(bytes.as_slice()).expect("what was written");
        bytes = read.encode_to_vec();
        rounds += 1;
    }
    f64::from(rounds) / began.elapsed().as_secs_f64()
}
