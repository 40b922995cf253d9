//! `muster.orders.v1.MenuService`.

use muster_proto::orders::v1::*;
use muster_proto::r#type::v1::Money;

use super::{Case, Things, case};

const SERVICE: &str = "orders.v1.MenuService";

pub(super) fn cases(things: &Things) -> Vec<Case> {
    let (location_id, menu_item_id) = (things.location.clone(), things.fries.clone());
    let category = Category {
        id: things.category.clone(),
        name: format!("Hot {}", things.tag),
        sort: 3,
        ..Category::default()
    };
    let modifier = Modifier {
        id: things.modifier.clone(),
        name: "Extra salt".to_owned(),
        ..Modifier::default()
    };
    let group = ModifierGroup {
        id: things.group.clone(),
        name: format!("Salt {}", things.tag),
        max: 2,
        modifiers: vec![modifier],
        ..ModifierGroup::default()
    };
    let item = MenuItem {
        id: things.burger.clone(),
        category_id: things.category.clone(),
        name: format!("Burger {}", things.tag),
        price: Some(Money {
            minor_units: 1250,
            currency_code: "USD".to_owned(),
        }),
        modifier_group_ids: vec![things.group.clone()],
        allergens: vec![Allergen::Gluten.into()],
        ..MenuItem::default()
    };
    vec![
        case(
            SERVICE,
            "GetMenu",
            "location",
            GetMenuRequest {
                location_id: location_id.clone(),
                include_archived: false,
            },
        ),
        case(
            SERVICE,
            "PutCategory",
            "",
            PutCategoryRequest {
                category: Some(category),
                ..PutCategoryRequest::default()
            },
        ),
        case(
            SERVICE,
            "PutMenuItem",
            "category",
            PutMenuItemRequest {
                item: Some(item),
                ..PutMenuItemRequest::default()
            },
        ),
        case(
            SERVICE,
            "PutModifierGroup",
            "",
            PutModifierGroupRequest {
                modifier_group: Some(group),
                ..PutModifierGroupRequest::default()
            },
        ),
        case(
            SERVICE,
            "ArchiveMenuItem",
            "fries",
            ArchiveMenuItemRequest {
                menu_item_id: menu_item_id.clone(),
                validate_only: false,
            },
        ),
        case(
            SERVICE,
            "SetStock",
            "location",
            SetStockRequest {
                location_id,
                menu_item_id,
                state: StockState::Countdown.into(),
                remaining: 900,
                validate_only: false,
            },
        ),
    ]
}
