//! The kitchens that are watched, one tenant each, and the orders that come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster::demo::PASSWORD;
use muster_proto::auth::v1::{CreateLocationRequest, CreateLocationResponse};
use muster_proto::orders::v1::{
    Category, DiningOption, MenuItem, NewItem, PlaceOrderRequest, PlaceOrderResponse, PutCategoryRequest,
    PutCategoryResponse, PutMenuItemRequest, PutMenuItemResponse, PutStationRequest, PutStationResponse, Station,
    StationKind,
};
use muster_proto::r#type::v1::Money;
use muster_tests::binary;
use muster_tests::client::Caller;
use muster_tests::town::Town;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{RATE, times};

static ORDERS: AtomicUsize = AtomicUsize::new(0);

/// A tenant with one location.
pub struct Kitchen {
    /// Who places orders and watches.
    pub owner: Arc<Caller>,
    /// The location.
    pub location_id: String,
    item_id: String,
}

/// Opens so many.
pub async fn open(town: &Town, count: usize) -> Vec<Kitchen> {
    let mut kitchens = Vec::new();
    for number in 0..count {
        kitchens.push(open_one(town, number).await);
    }
    kitchens
}

async fn open_one(town: &Town, number: usize) -> Kitchen {
    let slug = format!("kitchen-{number}");
    let arguments = [
        "tenant",
        "create",
        "--slug",
        &slug,
        "--name",
        &slug,
        "--owner-name",
        "Olive",
        "--owner-login",
        "olive",
    ];
    binary::run(&town.settings, &arguments, PASSWORD)
        .await
        .expect("a tenant is made");
    let owner = crate::owner(town, &slug).await;
    let request = CreateLocationRequest {
        display_name: slug,
        time_zone: "Europe/Berlin".to_owned(),
        ..CreateLocationRequest::default()
    };
    let opened: CreateLocationResponse = owner
        .call("/muster.auth.v1.DirectoryService/CreateLocation", request)
        .await
        .expect("a location is opened");
    let location_id = opened.location.expect("a location").location_id;
    station(&owner, &location_id, 1, "GRILL", StationKind::Prep).await;
    station(&owner, &location_id, 2, "EXPO", StationKind::Expo).await;
    let item_id = dish(&owner).await;
    Kitchen {
        owner,
        location_id,
        item_id,
    }
}

async fn station(owner: &Caller, location_id: &str, number: u128, name: &str, kind: StationKind) {
    let station = Station {
        id: Uuid::from_u128(number).to_string(),
        location_id: location_id.to_owned(),
        name: name.to_owned(),
        kind: kind.into(),
        default_station: kind == StationKind::Prep,
        ..Station::default()
    };
    let request = PutStationRequest {
        station: Some(station),
        ..PutStationRequest::default()
    };
    const PUT: &str = "/muster.orders.v1.StationService/PutStation";
    // Orders hears of the location a moment later.
    loop {
        match owner.call::<_, PutStationResponse>(PUT, request.clone()).await {
            Ok(_) => return,
            Err(status) if status.code() == tonic::Code::NotFound => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(status) => panic!("{status}"),
        }
    }
}

async fn dish(owner: &Caller) -> String {
    let category = Category {
        id: Uuid::from_u128(3).to_string(),
        name: "Mains".to_owned(),
        ..Category::default()
    };
    let request = PutCategoryRequest {
        category: Some(category.clone()),
        ..PutCategoryRequest::default()
    };
    let put: Result<PutCategoryResponse, _> = owner.call("/muster.orders.v1.MenuService/PutCategory", request).await;
    put.expect("a category is put");
    let price = Money {
        currency_code: "USD".to_owned(),
        minor_units: 1250,
    };
    let item = MenuItem {
        id: Uuid::from_u128(4).to_string(),
        category_id: category.id,
        name: "Soup of the day".to_owned(),
        price: Some(price),
        ..MenuItem::default()
    };
    let request = PutMenuItemRequest {
        item: Some(item.clone()),
        ..PutMenuItemRequest::default()
    };
    let put: Result<PutMenuItemResponse, _> = owner.call("/muster.orders.v1.MenuService/PutMenuItem", request).await;
    put.expect("a dish is put");
    item.id
}

/// Places orders at [`RATE`] for so long, each in the next kitchen, whether or not the ones before are answered. Answers how
/// many there were.
pub async fn rush(kitchens: &[Kitchen], window: Duration) -> usize {
    let (mut tick, mut orders) = (tokio::time::interval(Duration::from_secs(1) / RATE), JoinSet::new());
    let count = window.as_secs() as usize * RATE as usize;
    for number in 0..count {
        tick.tick().await;
        let kitchen = &kitchens[number % kitchens.len()];
        let (owner, key) = (
            Arc::clone(&kitchen.owner),
            format!("w-{}", ORDERS.fetch_add(1, Ordering::Relaxed)),
        );
        let order = PlaceOrderRequest {
            location_id: kitchen.location_id.clone(),
            dining_option: DiningOption::DineIn.into(),
            table: "12".to_owned(),
            items: vec![NewItem {
                menu_item_id: kitchen.item_id.clone(),
                quantity: 2,
                ..NewItem::default()
            }],
            ..PlaceOrderRequest::default()
        };
        orders.spawn(async move {
            let notes = format!("@t={:016}", times::now());
            let order = PlaceOrderRequest { notes, ..order };
            let placed: Result<PlaceOrderResponse, _> = owner
                .call_once("/muster.orders.v1.OrderService/PlaceOrder", &key, order)
                .await;
            placed.expect("an order is placed");
        });
    }
    while let Some(placed) = orders.join_next().await {
        placed.expect("an order is placed");
    }
    count
}
