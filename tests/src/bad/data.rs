//! The lists of `tests/data`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Texts by what is special about them.
pub static STRINGS: LazyLock<BTreeMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/strings.json")).expect("texts by name"));

/// Numbers at the ends of something.
pub static NUMBERS: LazyLock<Vec<i64>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/numbers.json")).expect("a list of numbers"));

/// Texts that are SQL where they are not taken as texts.
pub static SQL: LazyLock<Vec<String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/sql.json")).expect("a list of texts"));

/// Names of people.
pub static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/names.json")).expect("a list of names"));
