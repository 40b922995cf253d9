//! Words that stories share.

use std::time::Duration;

use futures::{Stream, StreamExt};
use muster_proto::orders::v1::kitchen_service_client::KitchenServiceClient;
use muster_proto::orders::v1::{DiningOption, NewItem, PlaceOrderRequest, WatchKitchenRequest, WatchKitchenResponse};
use tonic::{Request, Status};

use crate::client::Caller;
use crate::town::Town;

/// Two mushroom burgers for table 12.
pub fn two_burgers(town: &Town) -> PlaceOrderRequest {
    let item = NewItem {
        menu_item_id: muster::demo::burger(),
        quantity: 2,
        ..NewItem::default()
    };
    PlaceOrderRequest {
        location_id: town.demo.location_id.clone(),
        dining_option: DiningOption::DineIn as i32,
        table: "12".to_owned(),
        items: vec![item],
        ..PlaceOrderRequest::default()
    }
}

/// Watches the demo's kitchen.
///
/// # Errors
/// What the opening of the stream answers.
pub async fn watch(
    caller: &Caller,
    request: WatchKitchenRequest,
) -> Result<impl Stream<Item = Result<WatchKitchenResponse, Status>> + Unpin + use<>, Status> {
    let mut request = Request::new(request);
    let token = format!("Bearer {}", caller.token).parse().expect("a token is ASCII");
    request.metadata_mut().insert("authorization", token);
    Ok(KitchenServiceClient::new(caller.channel.clone())
        .watch_kitchen(request)
        .await?
        .into_inner())
}

/// The next message of a stream for which `pick` finds something; fails after ten seconds.
pub async fn until<T, M>(
    stream: &mut (impl Stream<Item = Result<M, Status>> + Unpin),
    mut pick: impl FnMut(M) -> Option<T>,
) -> T {
    let found = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let message = stream
                .next()
                .await
                .expect("the stream goes on")
                .expect("the stream is well");
            if let Some(found) = pick(message) {
                return found;
            }
        }
    });
    found.await.expect("it comes within ten seconds")
}
