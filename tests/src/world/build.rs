//! How the world is filled, by calls like any other client's.

use std::time::Duration;

use muster::demo::{NEIGHBOUR, PASSWORD, SLUG};
use muster_proto::auth::v1::*;
use muster_proto::orders::v1::*;
use prost::Message;
use tonic::Code;

use super::World;
use crate::client::Caller;
use crate::requests::{self, Things};

/// What people change their password to.
pub const NEW_PASSWORD: &str = "seven quiet bicycles at dusk";

/// Asks, and takes nothing but a good answer.
pub(super) async fn ask<R: Message + Default>(caller: &Caller, method: &str, message: impl Message) -> R {
    let answer = caller
        .raw(&format!("/muster.{method}"), &message.encode_to_vec(), &[])
        .await;
    assert_eq!(
        answer.code,
        Code::Ok,
        "{method}: {} {}",
        answer.reason(),
        answer.message
    );
    answer.decode()
}

pub(super) fn new_id() -> String {
    muster_kernel::clock::World::system().new_id().to_string()
}

impl World {
    pub(super) async fn furnish(&mut self) {
        let (owner, neighbour) = (self.owner.clone(), self.neighbour.clone());
        self.missing = self.nothing();
        let east = self.kitchen(&owner, SLUG, "East", &self.menu(&owner).await).await;
        let mut peers = Things {
            person: self.worker(&owner, &east, Role::Staff, "").await,
            ..east.clone()
        };
        self.order(&owner, &mut peers).await;
        peers.device = self.device(&owner, &east).await.principal;
        self.peers = peers;
        self.ours = east.clone();
        self.elsewhere = self.kitchen(&owner, SLUG, "West", &east).await;
        self.theirs = self
            .kitchen(&neighbour, NEIGHBOUR, "Side", &self.menu(&neighbour).await)
            .await;
        // A code that the other tenant has decided on.
        let code = self.theirs.code.clone();
        let _: DenyPairingResponse = ask(
            &neighbour,
            "auth.v1.DeviceService/DenyPairing",
            DenyPairingRequest {
                code,
                validate_only: false,
            },
        )
        .await;
    }

    /// Well-formed names of nothing.
    fn nothing(&self) -> Things {
        Things {
            tag: self.tag(),
            location: new_id(),
            grill: new_id(),
            fry: new_id(),
            spare: new_id(),
            rule: new_id(),
            category: new_id(),
            burger: new_id(),
            fries: new_id(),
            group: new_id(),
            modifier: new_id(),
            order: new_id(),
            plain: new_id(),
            done: new_id(),
            allergic: new_id(),
            to_order: new_id(),
            person: new_id(),
            session: new_id(),
            device: new_id(),
            code: "BCDF-GHJK".to_owned(),
            secret: "mp1_none".to_owned(),
            refresh: "none".to_owned(),
            sign_in: ["nowhere", "nobody", PASSWORD, NEW_PASSWORD].map(str::to_owned),
        }
    }

    /// The menu of a tenant.
    async fn menu(&self, owner: &Caller) -> Things {
        let things = Things {
            burger: new_id(),
            fries: new_id(),
            ..self.nothing()
        };
        self.put(owner, "PutCategory", &things).await;
        self.put(owner, "PutModifierGroup", &things).await;
        for dish in [&things.burger, &things.fries] {
            self.put(
                owner,
                "PutMenuItem",
                &Things {
                    burger: dish.clone(),
                    tag: self.tag(),
                    ..things.clone()
                },
            )
            .await;
        }
        things
    }

    pub(super) async fn put(&self, owner: &Caller, method: &str, things: &Things) {
        let case = requests::all(things)
            .into_iter()
            .find(|case| case.method.ends_with(&format!("/{method}")));
        let case = case.expect("a method");
        let answer = owner.raw(&case.method, &case.body, &[]).await;
        assert_eq!(
            answer.code,
            Code::Ok,
            "{method}: {} {}",
            answer.reason(),
            answer.message
        );
    }

    /// A location with a kitchen, an order, people and a device.
    async fn kitchen(&self, owner: &Caller, slug: &str, name: &str, menu: &Things) -> Things {
        let request = CreateLocationRequest {
            display_name: name.to_owned(),
            time_zone: "Europe/Warsaw".to_owned(),
            ..CreateLocationRequest::default()
        };
        let opened: CreateLocationResponse = ask(owner, "auth.v1.DirectoryService/CreateLocation", request).await;
        let location = opened.location.expect("a location").location_id;
        let mut things = Things {
            location,
            ..self.nothing()
        };
        things.category.clone_from(&menu.category);
        things.burger.clone_from(&menu.burger);
        things.fries.clone_from(&menu.fries);
        things.group.clone_from(&menu.group);
        things.modifier.clone_from(&menu.modifier);
        let (grill, spare) = (things.grill.clone(), things.spare.clone());
        self.station(owner, &things, &grill, "GRILL", true, StationKind::Prep)
            .await;
        self.station(owner, &things, &spare, "SPARE", false, StationKind::Prep)
            .await;
        self.station(owner, &things, &new_id(), "EXPO", false, StationKind::Expo)
            .await;
        self.put(owner, "PutStation", &things).await;
        self.put(owner, "PutRoutingRule", &things).await;
        let mut other = things.clone();
        self.order(owner, &mut other).await;
        things.to_order = other.order;
        self.order(owner, &mut things).await;
        let login = format!("col-{}", things.tag);
        things.person = self.worker(owner, &things, Role::Staff, &login).await;
        let signed = self.sign(slug, &login).await;
        (things.session, things.refresh) = (signed.session, signed.refresh);
        things.device = self.device(owner, &things).await.principal;
        (things.code, things.secret) = self.pairing().await;
        things.sign_in = [slug, login.as_str(), PASSWORD, NEW_PASSWORD].map(str::to_owned);
        things
    }

    /// A station. Orders learns of a new location from auth's log, a moment later.
    pub(super) async fn station(
        &self,
        owner: &Caller,
        at: &Things,
        id: &str,
        name: &str,
        default: bool,
        kind: StationKind,
    ) {
        let station = Station {
            id: id.to_owned(),
            location_id: at.location.clone(),
            name: name.to_owned(),
            kind: kind.into(),
            default_station: default,
            ..Station::default()
        };
        let body = PutStationRequest {
            station: Some(station),
            ..PutStationRequest::default()
        }
        .encode_to_vec();
        for _ in 0..200 {
            let answer = owner
                .raw("/muster.orders.v1.StationService/PutStation", &body, &[])
                .await;
            match answer.code {
                Code::Ok => return,
                Code::NotFound => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("{} {}", answer.reason(), answer.message),
            }
        }
        panic!("orders never hears of the location");
    }

    /// Puts an order of four lines into `things`: untouched, bumped, with an allergy, and held.
    pub(super) async fn order(&self, owner: &Caller, things: &mut Things) {
        let line = |dish: &str, course| NewItem {
            id: new_id(),
            menu_item_id: dish.to_owned(),
            quantity: 2,
            course,
            ..NewItem::default()
        };
        let (plain, done, held) = (line(&things.burger, 0), line(&things.fries, 0), line(&things.fries, 2));
        let allergic = NewItem {
            guest_allergies: vec![Allergen::Gluten.into()],
            ..line(&things.burger, 1)
        };
        let request = PlaceOrderRequest {
            order_id: new_id(),
            location_id: things.location.clone(),
            dining_option: DiningOption::DineIn.into(),
            items: vec![plain.clone(), done.clone(), allergic.clone(), held],
            held_courses: vec![2],
            ..PlaceOrderRequest::default()
        };
        things.order.clone_from(&request.order_id);
        (things.plain, things.done, things.allergic) = (plain.id, done.id.clone(), allergic.id);
        let _: PlaceOrderResponse = ask(owner, "orders.v1.OrderService/PlaceOrder", request).await;
        let bump = BumpItemsRequest {
            order_id: things.order.clone(),
            station_id: things.fry.clone(),
            item_ids: vec![done.id],
            validate_only: false,
        };
        let _: BumpItemsResponse = ask(owner, "orders.v1.KitchenService/BumpItems", bump).await;
    }
}
