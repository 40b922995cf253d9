//! For each field of a request: what it must not take, what is at its edge, and what is not a value of it at all.

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

use super::data::{NUMBERS, STRINGS};
use super::rules::{FieldRules, Verdict};
use super::wire;
use crate::contract::{Place, name_of, with};

/// What must come of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// `INVALID_ARGUMENT` that names this field.
    Field(String),
    /// `INVALID_ARGUMENT`: it cannot be read.
    Unreadable,
    /// Any honest answer, good or not; where it is `INVALID_ARGUMENT`, it names a field.
    Honest,
    /// Any honest answer, whether the message could be read or not.
    Anything,
}

/// A request that is at or over an edge.
#[derive(Debug, Clone)]
pub struct Bad {
    /// Which field, and what is special about it.
    pub what: String,
    /// The encoded message.
    pub body: Vec<u8>,
    /// What must come of it.
    pub expect: Expect,
}

/// Everything bad that can be made of this good request.
pub fn all(good: &DynamicMessage) -> Vec<Bad> {
    let full = filled(good, 0);
    let mut all = Vec::new();
    for place in places(&full) {
        values(&full, &place, &mut all);
        on_the_wire(&full, &place, &mut all);
    }
    let encoded = full.encode_to_vec();
    let more = |bytes: &[u8]| [encoded.as_slice(), bytes].concat();
    for (what, bytes) in wire::no_message() {
        all.push(Bad {
            what: what.to_owned(),
            body: more(&bytes),
            expect: Expect::Unreadable,
        });
    }
    for (what, bytes) in wire::unknown_fields() {
        all.push(Bad {
            what: what.to_owned(),
            body: more(&bytes),
            expect: Expect::Honest,
        });
    }
    all
}

/// The same request with something in every list and every message of ours, so that each field has a place.
pub fn filled(message: &DynamicMessage, depth: usize) -> DynamicMessage {
    let mut full = message.clone();
    for field in message.descriptor().fields() {
        let value = full.get_field(&field).into_owned();
        let new = match (value, field.kind()) {
            (Value::List(entries), kind) if entries.is_empty() => Value::List(vec![entry(&field, &kind, depth)]),
            (Value::List(entries), Kind::Message(_)) => {
                let fill = |entry: Value| match entry {
                    Value::Message(inner) => Value::Message(filled(&inner, depth + 1)),
                    other => other,
                };
                Value::List(entries.into_iter().map(fill).collect())
            }
            (Value::Message(inner), Kind::Message(of)) if ours(&of) && depth < 4 => {
                Value::Message(filled(&inner, depth + 1))
            }
            (value, Kind::Message(_)) => value,
            (value, kind) if FieldRules::of(&field).judge(&field, &value) == Verdict::Refused => {
                entry(&field, &kind, depth)
            }
            (value, _) => value,
        };
        if new == full.get_field(&field).into_owned() {
            continue;
        }
        // A message of Google's that is not there stays so: an empty mask is not the same as none.
        if full.has_field(&field) || !matches!(&new, Value::Message(inner) if !ours(&inner.descriptor())) {
            full.set_field(&field, new);
        }
    }
    full
}

fn ours(message: &prost_reflect::MessageDescriptor) -> bool {
    message.full_name().starts_with("muster.")
}

/// Some value that the field takes.
fn entry(field: &FieldDescriptor, kind: &Kind, depth: usize) -> Value {
    let rules = FieldRules::of(field);
    let texts = [
        "a",
        "01890a5d-ac96-774b-bcce-b302099a8057",
        "USD",
        "ana@shop.example",
        "2026-01-02",
        "abc",
        "BCDF-GHJK",
    ];
    let candidates: Vec<Value> = match kind {
        Kind::Message(of) => vec![Value::Message(filled(&DynamicMessage::new(of.clone()), depth + 1))],
        Kind::String => texts
            .iter()
            .map(|text| Value::String((*text).to_owned()))
            .chain([8, 12, 43].map(|length| Value::String("a".repeat(length))))
            .collect(),
        Kind::Enum(of) => of.values().map(|value| Value::EnumNumber(value.number())).collect(),
        Kind::Int32 => vec![Value::I32(0), Value::I32(1)],
        Kind::Int64 => vec![Value::I64(0), Value::I64(1)],
        Kind::Bytes => vec![Value::Bytes(vec![1; 32].into())],
        kind => vec![Value::default_value(kind)],
    };
    let fit = candidates
        .iter()
        .find(|value| rules.judge(field, value) != Verdict::Refused);
    fit.unwrap_or_else(|| panic!("no value for {}", field.full_name()))
        .clone()
}

/// Every field of a message, its own and those of the messages in it. In lists the first entry stands for all.
fn places(message: &DynamicMessage) -> Vec<Place> {
    let mut found = Vec::new();
    for field in message
        .descriptor()
        .fields()
        .filter(|field| field.name() != "validate_only")
    {
        found.push(vec![(field.clone(), None)]);
        let value = message.get_field(&field).into_owned();
        let (index, inner) = match (&value, message.has_field(&field)) {
            (Value::List(entries), _) => (Some(0), entries.first().cloned()),
            (Value::Message(_), true) => (None, Some(value)),
            _ => (None, None),
        };
        match inner {
            Some(Value::Message(inner)) => {
                for rest in places(&inner) {
                    found.push([vec![(field.clone(), index)], rest].concat());
                }
            }
            Some(_) if index.is_some() => found.push(vec![(field.clone(), index)]),
            _ => {}
        }
    }
    found
}

/// Puts each value that is worth a try into a place.
fn values(full: &DynamicMessage, place: &Place, all: &mut Vec<Bad>) {
    let Some((field, index)) = place.last() else { return };
    let rules = FieldRules::of(field);
    let name = name_of(place);
    if field.is_list() && index.is_none() {
        lists(full, place, &rules, all);
        return;
    }
    if let Kind::Message(_) = field.kind() {
        if rules.required {
            let without = without(full, place);
            all.push(Bad {
                what: format!("{name} is not there"),
                body: without,
                expect: Expect::Field(name),
            });
        }
        return;
    }
    for (what, value) in tries(&field.kind(), &rules) {
        let expect = match rules.judge(field, &value) {
            Verdict::Refused => Expect::Field(name.clone()),
            _ => Expect::Honest,
        };
        let body = with(full, place, value).encode_to_vec();
        // What is larger than a message may be is another test's.
        if body.len() < 1 << 20 {
            all.push(Bad {
                what: format!("{name}: {what}"),
                body,
                expect,
            });
        }
    }
}

fn tries(kind: &Kind, rules: &FieldRules) -> Vec<(String, Value)> {
    let numbers = || NUMBERS.iter().map(|number| (number.to_string(), *number));
    match kind {
        Kind::String => {
            let mut texts: Vec<(String, String)> = vec![("nothing".to_owned(), String::new())];
            let most = rules.length("max_len").unwrap_or(64);
            for length in [most, most + 1, most * 4 + 1, 1_000_000] {
                texts.push((format!("{length} letters"), "a".repeat(length)));
            }
            for length in [most, most + 1] {
                texts.push((format!("{length} wide letters"), "\u{1F9D1}".repeat(length)));
            }
            if let Some(least) = rules.length("min_len").filter(|least| *least > 0) {
                texts.push(("one letter too few".to_owned(), "a".repeat(least - 1)));
            }
            texts.extend(STRINGS.iter().map(|(what, text)| (what.clone(), text.clone())));
            texts
                .into_iter()
                .map(|(what, text)| (what, Value::String(text)))
                .collect()
        }
        Kind::Int32 | Kind::Sint32 => numbers()
            .filter_map(|(what, number)| Some((what, Value::I32(i32::try_from(number).ok()?))))
            .collect(),
        Kind::Int64 | Kind::Sint64 => numbers().map(|(what, number)| (what, Value::I64(number))).collect(),
        Kind::Uint32 => numbers()
            .filter_map(|(what, number)| Some((what, Value::U32(u32::try_from(number).ok()?))))
            .collect(),
        Kind::Uint64 => numbers()
            .filter_map(|(what, number)| Some((what, Value::U64(u64::try_from(number).ok()?))))
            .collect(),
        Kind::Enum(_) => [0, 1, 2, 99, 1_000, -1, i32::MAX, i32::MIN]
            .map(|number| (number.to_string(), Value::EnumNumber(number)))
            .to_vec(),
        Kind::Bytes => [0, 1, 31, 33, 100_000]
            .map(|length| (format!("{length} bytes"), Value::Bytes(vec![7; length].into())))
            .to_vec(),
        _ => Vec::new(),
    }
}

fn lists(full: &DynamicMessage, place: &Place, rules: &FieldRules, all: &mut Vec<Bad>) {
    let name = name_of(place);
    let value = full_value(full, place);
    let Some(first) = value.as_list().and_then(|entries| entries.first()).cloned() else {
        return;
    };
    let mut add = |what: String, count: usize, refused: bool| {
        let body = with(full, place, Value::List(vec![first.clone(); count])).encode_to_vec();
        let expect = if refused {
            Expect::Field(name.clone())
        } else {
            Expect::Honest
        };
        if body.len() < 1 << 20 {
            all.push(Bad {
                what: format!("{name}: {what}"),
                body,
                expect,
            });
        }
    };
    let (least, most) = (
        rules.list_limit("min_items").unwrap_or(0),
        rules.list_limit("max_items"),
    );
    add("nothing".to_owned(), 0, least > 0 || rules.required);
    add(
        "the same twice".to_owned(),
        2,
        rules.unique() || most.is_some_and(|most| most < 2),
    );
    if let Some(most) = most {
        add(format!("{most} entries"), most, rules.unique() && most > 1);
        for count in [most + 1, 10_001, 100_000] {
            add(format!("{count} entries"), count, true);
        }
    }
}

fn full_value(message: &DynamicMessage, place: &[(FieldDescriptor, Option<usize>)]) -> Value {
    let [(field, index), rest @ ..] = place else {
        return Value::Bool(false);
    };
    let value = message.get_field(field).into_owned();
    let value = match (value, index) {
        (Value::List(entries), Some(index)) => entries.get(*index).cloned().expect("a place that is there"),
        (value, _) => value,
    };
    match value {
        Value::Message(inner) if !rest.is_empty() => full_value(&inner, rest),
        value => value,
    }
}

/// The encoded message without a field of it.
fn without(full: &DynamicMessage, place: &Place) -> Vec<u8> {
    fn clear(message: &mut DynamicMessage, place: &[(FieldDescriptor, Option<usize>)]) {
        match place {
            [(field, _)] => message.clear_field(field),
            [(field, index), rest @ ..] => match (message.get_field_mut(field), index) {
                (Value::List(entries), Some(index)) => {
                    if let Some(Value::Message(inner)) = entries.get_mut(*index) {
                        clear(inner, rest);
                    }
                }
                (Value::Message(inner), _) => clear(inner, rest),
                _ => {}
            },
            [] => {}
        }
    }
    let mut message = full.clone();
    clear(&mut message, place);
    message.encode_to_vec()
}

/// What no encoder makes, added to a request that is good.
fn on_the_wire(full: &DynamicMessage, place: &Place, all: &mut Vec<Bad>) {
    let Some(((field, index), way)) = place.split_last() else {
        return;
    };
    // A list is the same field on the wire as each of its entries.
    if field.is_list() && index.is_some() {
        return;
    }
    let way: Vec<FieldDescriptor> = way.iter().map(|(field, _)| field.clone()).collect();
    let encoded = full.encode_to_vec();
    for (what, bytes) in wire::broken(field) {
        let body = [encoded.clone(), wire::nested(&way, bytes)].concat();
        all.push(Bad {
            what: format!("{}: {what}", name_of(place)),
            body,
            expect: Expect::Unreadable,
        });
    }
}
