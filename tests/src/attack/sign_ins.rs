//! Many who sign in at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use muster::demo::{PASSWORD, SLUG};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};
use tonic_types::StatusExt;

use crate::client::{reason, sign_in};

/// So many stand at the door.
pub const AT_ONCE: usize = 500;
/// Who was let in, and who was refused without a word about when to come again, comes after this time.
const AGAIN: Duration = Duration::from_secs(1);
const PEOPLE: [&str; 6] = ["sam", "priya", "tomasz", "kenji", "rosa", "mara"];

/// Signs in again and again, all at once, until the end; how often each answer was given. Each comes from an address of
/// its own. The first few are people who exist; the others are of businesses that do not, and cost as much.
pub async fn storm(address: &str, end: Instant) -> BTreeMap<String, u32> {
    let all = (0..AT_ONCE).map(|number| async move {
        let [.., high, low] = number.to_be_bytes();
        let from = std::net::Ipv4Addr::new(127, 1, high, low);
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        let channel = endpoint.local_address(Some(from.into())).connect_lazy();
        let nowhere = format!("nowhere-{number}");
        match PEOPLE.get(number) {
            Some(login) => one(&channel, SLUG, login, end).await,
            None => one(&channel, &nowhere, "nobody", end).await,
        }
    });
    let told = join_all(all).await;
    let mut sum = BTreeMap::new();
    for (what, count) in told.into_iter().flatten() {
        *sum.entry(what).or_default() += count;
    }
    sum
}

async fn one(channel: &Channel, slug: &str, login: &str, end: Instant) -> BTreeMap<String, u32> {
    let mut told: BTreeMap<String, u32> = BTreeMap::new();
    while let Ok(answer) = timeout_at(end, sign_in(channel, slug, login, PASSWORD)).await {
        let (what, pause) = match &answer {
            Ok(_) => ("signed in".to_owned(), AGAIN),
            Err(status) if reason(status).1 == "SIGN_IN_REFUSED" => ("hashed in vain".to_owned(), AGAIN),
            Err(status) => (format!("{:?} {}", status.code(), reason(status).1), wait(status)),
        };
        *told.entry(what).or_default() += 1;
        if timeout_at(end, sleep(pause)).await.is_err() {
            break;
        }
    }
    told
}

/// When to come again, as the refusal says.
fn wait(status: &Status) -> Duration {
    let hint = status.get_details_retry_info().and_then(|info| info.retry_delay);
    hint.unwrap_or(AGAIN)
}
