//! The menu of the demo restaurant.

use muster_proto::orders::v1::menu_service_client::MenuServiceClient;
use muster_proto::orders::v1::{
    Allergen, Category, MenuItem, Modifier, ModifierGroup, PutCategoryRequest, PutMenuItemRequest,
    PutModifierGroupRequest,
};
use muster_proto::r#type::v1::Money;

use super::{Client, fixed_id, once};

pub(super) const CATEGORIES: &[&str] = &["Burgers", "Mains", "Salads", "Sides", "Desserts", "Drinks"];

/// Name, choose at least, at most, modifiers with their price in cents.
type Group = (&'static str, i32, i32, &'static [(&'static str, i64)]);

const GROUPS: &[Group] = &[
    (
        "Temperature",
        1,
        1,
        &[("Rare", 0), ("Medium rare", 0), ("Medium", 0), ("Well done", 0)],
    ),
    (
        "Burger extras",
        0,
        4,
        &[("Bacon", 250), ("Cheddar", 150), ("Fried egg", 200), ("No onion", 0)],
    ),
    (
        "Dressing",
        1,
        1,
        &[("Lemon oil", 0), ("Ranch", 0), ("Dressing on the side", 0)],
    ),
    ("Size", 1, 1, &[("Small", 0), ("Large", 200)]),
    ("Ice", 0, 1, &[("No ice", 0), ("Extra ice", 0)]),
];

/// Category, name, kitchen name, price in cents, groups, allergens.
type Dish = (
    &'static str,
    &'static str,
    &'static str,
    i64,
    &'static [&'static str],
    &'static [Allergen],
);

pub(super) const DISHES: &[Dish] = &[
    (
        "Burgers",
        "Juniper Burger",
        "JUNI BURGER",
        1650,
        &["Temperature", "Burger extras"],
        &[Allergen::Gluten, Allergen::Milk, Allergen::Sesame],
    ),
    (
        "Burgers",
        "Rye Patty Melt",
        "PATTY MELT",
        1750,
        &["Temperature", "Burger extras"],
        &[Allergen::Gluten, Allergen::Milk],
    ),
    (
        "Burgers",
        "Mushroom Burger",
        "SHROOM BURGER",
        1550,
        &["Burger extras"],
        &[Allergen::Gluten, Allergen::Sesame],
    ),
    ("Mains", "Hanger Steak", "HANGER", 2900, &["Temperature"], &[]),
    ("Mains", "Roast Half Chicken", "½ CHICKEN", 2400, &[], &[]),
    (
        "Mains",
        "Fish & Chips",
        "FISH CHIPS",
        2100,
        &[],
        &[Allergen::Fish, Allergen::Gluten, Allergen::Eggs],
    ),
    (
        "Salads",
        "Caesar Salad",
        "CAESAR",
        1300,
        &["Dressing"],
        &[Allergen::Fish, Allergen::Eggs, Allergen::Milk],
    ),
    (
        "Salads",
        "Beet & Walnut Salad",
        "BEET",
        1400,
        &["Dressing"],
        &[Allergen::TreeNuts],
    ),
    ("Sides", "Fries", "FRIES", 600, &["Size"], &[]),
    (
        "Sides",
        "Onion Rings",
        "RINGS",
        700,
        &["Size"],
        &[Allergen::Gluten, Allergen::Milk],
    ),
    ("Sides", "Crisp Sprouts", "SPROUTS", 800, &[], &[Allergen::Peanuts]),
    (
        "Desserts",
        "Cheesecake",
        "CHEESECAKE",
        900,
        &[],
        &[Allergen::Milk, Allergen::Eggs, Allergen::Gluten],
    ),
    ("Desserts", "Sorbet", "SORBET", 700, &[], &[]),
    ("Drinks", "House Lemonade", "LEMONADE", 450, &["Ice"], &[]),
    ("Drinks", "Juniper Tonic", "JUNI TONIC", 550, &["Ice"], &[]),
    ("Drinks", "Drip Coffee", "COFFEE", 350, &[], &[]),
];

/// Writes the menu.
pub(super) async fn write(client: &Client) -> anyhow::Result<()> {
    let mut menu = MenuServiceClient::new(client.clone());
    for (sort, name) in (0..).zip(CATEGORIES) {
        let category = Category {
            id: category_id(name),
            name: (*name).to_owned(),
            sort,
            ..Category::default()
        };
        let request = PutCategoryRequest {
            category: Some(category),
            ..PutCategoryRequest::default()
        };
        menu.put_category(once(&["category", name], request)).await?;
    }
    for (name, min, max, modifiers) in GROUPS {
        let modifiers = modifiers.iter().map(|(modifier, cents)| Modifier {
            id: modifier_id(name, modifier),
            name: (*modifier).to_owned(),
            price_delta: Some(usd(*cents)),
            ..Modifier::default()
        });
        let group = ModifierGroup {
            id: group_id(name),
            name: (*name).to_owned(),
            min: *min,
            max: *max,
            modifiers: modifiers.collect(),
            ..ModifierGroup::default()
        };
        let request = PutModifierGroupRequest {
            modifier_group: Some(group),
            ..PutModifierGroupRequest::default()
        };
        menu.put_modifier_group(once(&["group", name], request)).await?;
    }
    for (sort, (category, name, kitchen_name, cents, groups, allergens)) in (0..).zip(DISHES) {
        let item = MenuItem {
            id: item_id(name),
            category_id: category_id(category),
            name: (*name).to_owned(),
            kitchen_name: (*kitchen_name).to_owned(),
            price: Some(usd(*cents)),
            modifier_group_ids: groups.iter().map(|name| group_id(name)).collect(),
            allergens: allergens.iter().map(|allergen| *allergen as i32).collect(),
            sort,
            ..MenuItem::default()
        };
        let request = PutMenuItemRequest {
            item: Some(item),
            ..PutMenuItemRequest::default()
        };
        menu.put_menu_item(once(&["item", name], request)).await?;
    }
    Ok(())
}

/// The choices of a dish: (least, most, modifier ids) of each of its groups.
pub(super) fn choices(groups: &[&str]) -> Vec<(i32, i32, Vec<String>)> {
    let chosen = GROUPS.iter().filter(|(name, ..)| groups.contains(name));
    chosen
        .map(|(name, min, max, modifiers)| {
            (
                *min,
                *max,
                modifiers
                    .iter()
                    .map(|(modifier, _)| modifier_id(name, modifier))
                    .collect(),
            )
        })
        .collect()
}

pub(super) fn category_id(name: &str) -> String {
    fixed_id(&["category", name]).to_string()
}

pub(super) fn item_id(name: &str) -> String {
    fixed_id(&["item", name]).to_string()
}

fn group_id(name: &str) -> String {
    fixed_id(&["group", name]).to_string()
}

fn modifier_id(group: &str, name: &str) -> String {
    fixed_id(&["modifier", group, name]).to_string()
}

fn usd(cents: i64) -> Money {
    Money {
        minor_units: cents,
        currency_code: "USD".to_owned(),
    }
}
