//! The main job: a waiter's order is in the kitchen before he has put his pen away, and next door sees nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use muster_proto::orders::v1::{
    GetOrderRequest, GetOrderResponse, KitchenChangeCause, PlaceOrderResponse, WatchKitchenRequest,
    watch_kitchen_response,
};
use muster_tests::both_shapes;
use muster_tests::client::{Caller, reason};
use muster_tests::stories::{two_burgers, until, watch};
use muster_tests::town::Town;
use tonic::Code;

const PLACE: &str = "/muster.orders.v1.OrderService/PlaceOrder";
const GET: &str = "/muster.orders.v1.OrderService/GetOrder";

both_shapes!(an_order_reaches_the_kitchen_and_nobody_else, async |town: Town| {
    let cook = Caller::sign_in(town.channel().await, "juniper", "kenji").await;
    let request = WatchKitchenRequest {
        location_id: town.demo.location_id.clone(),
        ..WatchKitchenRequest::default()
    };
    let mut screen = watch(&cook, request).await.unwrap();
    let snapshot = until(&mut screen, |message| match message.message {
        Some(watch_kitchen_response::Message::Snapshot(snapshot)) => Some(snapshot),
        _ => None,
    });
    assert_eq!(snapshot.await.tickets.len(), 0);

    let waiter = Caller::sign_in(town.channel().await, "juniper", "sam").await;
    let placed: PlaceOrderResponse = waiter.call_once(PLACE, "pen-away", two_burgers(&town)).await.unwrap();
    let order = placed.order.unwrap();
    let change = until(&mut screen, |message| match message.message {
        Some(watch_kitchen_response::Message::Change(change)) => Some(change),
        _ => None,
    })
    .await;
    assert_eq!(change.cause(), KitchenChangeCause::New);
    assert_eq!(change.number, 1);
    assert!(change.tickets.iter().all(|ticket| ticket.order_id == order.id));
    let names: Vec<&str> = change
        .tickets
        .iter()
        .flat_map(|t| &t.items)
        .map(|i| i.name.as_str())
        .collect();
    assert!(names.contains(&"SHROOM BURGER"), "{names:?}");

    let again: PlaceOrderResponse = waiter.call_once(PLACE, "pen-away", two_burgers(&town)).await.unwrap();
    assert_eq!(again.order.unwrap(), order, "the same key, the same answer");

    let neighbour = Caller::sign_in(town.channel().await, "nextdoor", "olive").await;
    let ask = |id: String| GetOrderRequest { order_id: id };
    let theirs = neighbour
        .call::<_, GetOrderResponse>(GET, ask(order.id.clone()))
        .await
        .unwrap_err();
    let missing = ask("01890a5d-ac96-774b-bcce-b302099a8057".into());
    let missing = neighbour.call::<_, GetOrderResponse>(GET, missing).await.unwrap_err();
    assert_eq!(reason(&theirs), (Code::NotFound, "ORDER_NOT_FOUND".to_owned()));
    assert_eq!(
        (theirs.message(), theirs.details()),
        (missing.message(), missing.details())
    );
    assert_eq!(town.check().await.unwrap().trim(), "every promise is kept");
});
