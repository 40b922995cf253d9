//! The contract by its descriptors: methods, messages as data, and the ids and fields inside them.

use std::sync::LazyLock;

use muster_proto::{Rule, rule};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MethodDescriptor, ReflectMessage, Value};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(muster_proto::DESCRIPTORS).expect("the contract decodes"));

/// Every method of the contract.
pub fn methods() -> impl Iterator<Item = MethodDescriptor> {
    let services: Vec<_> = POOL.services().collect();
    services
        .into_iter()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
}

/// `/package.Service/Method`.
pub fn path_of(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The rule of a method that is known to have one.
pub fn rule_of(path: &str) -> &'static Rule {
    rule(path).expect("a method of the contract")
}

/// The role that serves a method. Every role serves the log; auth is asked for it.
pub fn role_of(path: &str) -> &'static str {
    if path.starts_with("/muster.orders.") {
        "orders"
    } else {
        "auth"
    }
}

/// A request as data.
pub fn decode(path: &str, body: &[u8]) -> DynamicMessage {
    let method = methods()
        .find(|method| path_of(method) == path)
        .expect("a method of the contract");
    DynamicMessage::decode(method.input(), body).expect("a request of the method")
}

/// The same request as a dry run. A request without `validate_only` stays as it is.
pub fn dry_run(path: &str, body: &[u8]) -> Vec<u8> {
    let mut message = decode(path, body);
    if message.descriptor().get_field_by_name("validate_only").is_some() {
        message.set_field_by_name("validate_only", Value::Bool(true));
    }
    message.encode_to_vec()
}

/// A place in a message: the field and, in a repeated one, the index at each step.
pub type Place = Vec<(FieldDescriptor, Option<usize>)>;

/// How people write a place: `items[0].menu_item_id`.
pub fn name_of(place: &Place) -> String {
    let step = |(field, index): &(FieldDescriptor, Option<usize>)| match index {
        Some(index) => format!("{}[{index}]", field.name()),
        None => field.name().to_owned(),
    };
    place.iter().map(step).collect::<Vec<_>>().join(".")
}

/// Every string of a message, wherever it stands.
pub fn strings(message: &DynamicMessage) -> Vec<(Place, String)> {
    let mut found = Vec::new();
    visit(message, &mut Vec::new(), &mut found);
    found
}

fn visit(message: &DynamicMessage, at: &mut Place, found: &mut Vec<(Place, String)>) {
    for (field, value) in message.fields() {
        match value {
            Value::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    at.push((field.clone(), Some(index)));
                    leaf(value, at, found);
                    at.pop();
                }
            }
            value => {
                at.push((field.clone(), None));
                leaf(value, at, found);
                at.pop();
            }
        }
    }
}

fn leaf(value: &Value, at: &mut Place, found: &mut Vec<(Place, String)>) {
    match value {
        Value::String(text) => found.push((at.clone(), text.clone())),
        Value::Message(inner) => visit(inner, at, found),
        _ => {}
    }
}

/// The message with another value at a place.
pub fn with(message: &DynamicMessage, place: &[(FieldDescriptor, Option<usize>)], value: Value) -> DynamicMessage {
    let mut message = message.clone();
    let [(field, index), rest @ ..] = place else {
        return message;
    };
    let slot = message.get_field_mut(field);
    let slot = match (slot, index) {
        (Value::List(values), Some(index)) => values.get_mut(*index).expect("a place that is there"),
        (slot, _) => slot,
    };
    *slot = match slot {
        Value::Message(inner) if !rest.is_empty() => Value::Message(with(inner, rest, value)),
        _ => value,
    };
    message
}

/// The same request with one field changed, once for each field that can be changed on its own.
pub fn variations(message: &DynamicMessage) -> Vec<(String, DynamicMessage)> {
    let fields: Vec<FieldDescriptor> = message.descriptor().fields().collect();
    let free = fields.into_iter().filter(|field| field.name() != "validate_only");
    free.flat_map(|field| {
        let value = message.get_field(&field).into_owned();
        let others: Vec<(String, Value)> = match value {
            Value::Message(inner) if message.has_field(&field) => variations(&inner)
                .into_iter()
                .map(|(name, inner)| (format!("{}.{name}", field.name()), Value::Message(inner)))
                .collect(),
            Value::Message(_) => Vec::new(),
            Value::List(_) => named(&field, other_list(&field, value)),
            value => named(&field, other(&field, value)),
        };
        others.into_iter().map(move |(name, value)| {
            let mut varied = message.clone();
            varied.set_field(&field, value);
            (name, varied)
        })
    })
    .collect()
}

fn named(field: &FieldDescriptor, value: Option<Value>) -> Vec<(String, Value)> {
    value
        .into_iter()
        .map(|value| (field.name().to_owned(), value))
        .collect()
}

fn other_list(field: &FieldDescriptor, value: Value) -> Option<Value> {
    let Value::List(mut values) = value else { return None };
    let last = values.pop()?;
    values.push(other(field, last)?);
    Some(Value::List(values))
}

fn other(field: &FieldDescriptor, value: Value) -> Option<Value> {
    Some(match value {
        Value::Bool(on) => Value::Bool(!on),
        Value::I32(number) => Value::I32(number + 1),
        Value::I64(number) => Value::I64(number + 1),
        Value::EnumNumber(number) => {
            let Kind::Enum(known) = field.kind() else { return None };
            Value::EnumNumber(
                known
                    .values()
                    .map(|value| value.number())
                    .find(|other| *other != number && *other != 0)?,
            )
        }
        Value::String(text) => Value::String(match uuid::Uuid::parse_str(&text) {
            Ok(id) => uuid::Uuid::from_u128(id.as_u128() ^ 1).to_string(),
            Err(_) => format!("{text}x"),
        }),
        Value::Message(inner) => Value::Message(variations(&inner).into_iter().next()?.1),
        _ => return None,
    })
}
