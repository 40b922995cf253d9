use muster_kernel::both_engines;
use muster_kernel::testing::Lab;
use muster_orders::STEPS;
use muster_proto::orders::v1::menu_service_server::MenuService;
use muster_proto::orders::v1::*;
use prost_types::FieldMask;

use crate::diner::*;

both_engines!(
    the_menu_is_put_masked_and_archived,
    "orders",
    STEPS,
    async |lab: Lab| {
        let diner = Diner::open(lab).await;
        let get = async |include_archived| {
            let request = GetMenuRequest {
                location_id: String::new(),
                include_archived,
            };
            diner.api.get_menu(ask(request)).await.unwrap().into_inner()
        };
        let menu = get(false).await;
        assert_eq!(
            (menu.categories.len(), menu.items.len(), menu.modifier_groups.len()),
            (2, 2, 1)
        );

        let new = MenuItem {
            id: burger(),
            category_id: id(21),
            name: "ignored".into(),
            price: usd(1300),
            ..MenuItem::default()
        };
        let mask = FieldMask {
            paths: vec!["price".into()],
        };
        let mut request = PutMenuItemRequest {
            item: Some(new),
            update_mask: Some(mask),
            expected_version: 1,
            validate_only: true,
        };
        diner.api.put_menu_item(ask(request.clone())).await.unwrap();
        assert_eq!(
            diner.lunch().await.total,
            usd(2800),
            "a dry run changes no price, not even in memory"
        );
        request.validate_only = false;
        let item = diner
            .api
            .put_menu_item(ask(request.clone()))
            .await
            .unwrap()
            .into_inner()
            .item
            .unwrap();
        assert_eq!((item.name.as_str(), item.price, item.version), ("Burger", usd(1300), 2));
        assert_eq!(
            reason(diner.api.put_menu_item(ask(request.clone())).await),
            "VERSION_MISMATCH"
        );
        assert_eq!(
            diner.place(101, vec![want(203, burger(), 1)]).await.unwrap().total,
            usd(1300)
        );
        assert_eq!(
            diner.get(100).await.total,
            usd(2800),
            "a price is frozen when the line is added"
        );

        request.update_mask = Some(FieldMask {
            paths: vec!["version".into()],
        });
        assert_eq!(reason(diner.api.put_menu_item(ask(request)).await), "UNKNOWN_FIELD");

        let request = ArchiveMenuItemRequest {
            menu_item_id: burger(),
            validate_only: false,
        };
        diner.api.archive_menu_item(ask(request)).await.unwrap();
        assert_eq!((get(false).await.items.len(), get(true).await.items.len()), (1, 2));
        assert_eq!(
            reason(diner.place(102, vec![want(204, burger(), 1)]).await),
            "ITEM_NOT_SOLD"
        );
        let missing = ArchiveMenuItemRequest {
            menu_item_id: id(99),
            validate_only: false,
        };
        assert_eq!(
            reason(diner.api.archive_menu_item(ask(missing)).await),
            "MENU_ITEM_NOT_FOUND"
        );
    }
);

both_engines!(what_a_menu_names_must_exist, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let put = async |item: MenuItem| {
        let request = PutMenuItemRequest {
            item: Some(item),
            ..PutMenuItemRequest::default()
        };
        reason(diner.api.put_menu_item(ask(request)).await)
    };
    let item = MenuItem {
        id: id(35),
        category_id: id(21),
        name: "New".into(),
        price: usd(1),
        ..MenuItem::default()
    };
    assert_eq!(
        put(MenuItem {
            category_id: id(29),
            ..item.clone()
        })
        .await,
        "CATEGORY_NOT_FOUND"
    );
    assert_eq!(
        put(MenuItem {
            modifier_group_ids: vec![id(69)],
            ..item.clone()
        })
        .await,
        "MODIFIER_GROUP_NOT_FOUND"
    );
    assert_eq!(put(MenuItem { price: usd(-1), ..item }).await, "NEGATIVE_PRICE");
    let twice = Modifier {
        id: id(52),
        name: "Twice".into(),
        ..Modifier::default()
    };
    let group = ModifierGroup {
        id: id(62),
        name: "Bad".into(),
        modifiers: vec![twice.clone(), twice],
        ..Default::default()
    };
    let request = PutModifierGroupRequest {
        modifier_group: Some(group),
        ..Default::default()
    };
    assert_eq!(
        reason(diner.api.put_modifier_group(ask(request)).await),
        "DUPLICATE_MODIFIER"
    );
});

both_engines!(stock_is_set_and_cleared, "orders", STEPS, async |lab: Lab| {
    let diner = Diner::open(lab).await;
    let level = diner.set_stock(burger(), StockState::Countdown, 4).await;
    assert_eq!((level.remaining, level.version), (4, 1));
    assert_eq!(diner.stock().await, [level]);
    assert_eq!(diner.set_stock(burger(), StockState::InStock, 0).await.version, 2);
    assert_eq!(diner.stock().await, []);
    let request = SetStockRequest {
        location_id: here(),
        menu_item_id: burger(),
        state: StockState::Out.into(),
        remaining: 3,
        validate_only: false,
    };
    assert_eq!(
        reason(diner.api.set_stock(ask(request)).await),
        "COUNT_WITHOUT_COUNTDOWN"
    );
});
