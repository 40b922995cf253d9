//! Turns `buf.validate` annotations into plain Rust checks.
//!
//! Only the rules that the contract uses are known; any other stops the build, so that no annotation is silently ignored.

use std::error::Error;
use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::names;

/// The rules of one field, as (name, value) pairs of the annotation.
type Rules = Vec<(String, Value)>;

/// The Rust source of `impl Validate` for every message of the contract.
pub fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut source = String::new();
    for message in pool.all_messages().filter(own) {
        if message.is_map_entry() {
            continue;
        }
        writeln!(source, "impl Validate for {} {{", names::message(&message))?;
        writeln!(
            source,
            "    fn check(&self, check: &mut Checker) {{\n        let _ = &check;"
        )?;
        for field in message.fields() {
            source.push_str(&check_field(pool, &field)?);
        }
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            if flag(pool, "buf.validate.oneof", &oneof.options(), "required")? {
                let (field, name) = (names::snake(oneof.name()), oneof.name());
                writeln!(
                    source,
                    "        if self.{field}.is_none() {{ check.fail({name:?}, \"required\", \"choose one\"); }}"
                )?;
            }
        }
        source.push_str("    }\n}\n");
    }
    Ok(source)
}

fn own(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("muster.")
}

fn check_field(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<String, Box<dyn Error>> {
    let annotation = annotation(pool, field)?;
    let mut required = false;
    let mut ignore_zero = false;
    let mut rules = Vec::new();
    for (name, value) in annotation {
        match (name.as_str(), &value) {
            ("required", Value::Bool(on)) => required = *on,
            ("ignore", Value::EnumNumber(number)) => ignore_zero = *number == 1,
            (_, Value::Message(inner)) => rules = set_fields(inner),
            _ => return Err(unknown(field, &name)),
        }
    }
    let name = field.name();
    let rust = names::snake(name);
    let oneof = field.containing_oneof().filter(|oneof| !oneof.is_synthetic());
    let mut body = String::new();
    let (open, close) = if let Some(oneof) = &oneof {
        let path = names::oneof(oneof);
        let holder = names::snake(oneof.name());
        (
            format!(
                "if let Some({path}::{}(value)) = &self.{holder} {{",
                names::variant(field)
            ),
            "}".to_owned(),
        )
    } else if field.is_list() || field.is_map() {
        (format!("{{ let value = &self.{rust};"), "}".to_owned())
    } else if field.supports_presence() {
        let missing = format!(" else {{ check.fail({name:?}, \"required\", \"is required\"); }}");
        (
            format!("if let Some(value) = &self.{rust} {{"),
            format!("}}{}", if required { missing } else { String::new() }),
        )
    } else {
        (format!("{{ let value = &self.{rust};"), "}".to_owned())
    };
    if field.is_list() {
        list_checks(&mut body, field, &rules, required)?;
    } else if field.is_map() {
        map_checks(&mut body, field, &rules)?;
    } else {
        let zero = zero_test(&field.kind());
        if required && !field.supports_presence() && oneof.is_none() {
            writeln!(
                body,
                "if {zero} {{ check.fail({name:?}, \"required\", \"is required\"); }}"
            )?;
        }
        let mut inner = String::new();
        value_checks(&mut inner, field, &field.kind(), &rules, &format!("{name:?}"))?;
        if ignore_zero && !inner.is_empty() {
            writeln!(body, "if !({zero}) {{ {inner} }}")?;
        } else {
            body.push_str(&inner);
        }
    }
    if body.is_empty() && !(required && field.supports_presence()) {
        return Ok(String::new());
    }
    Ok(format!("        {open} let _ = &value; {body} {close}\n"))
}

fn list_checks(
    body: &mut String,
    field: &FieldDescriptor,
    rules: &Rules,
    required: bool,
) -> Result<(), Box<dyn Error>> {
    let name = field.name();
    if required {
        writeln!(
            body,
            "if value.is_empty() {{ check.fail({name:?}, \"required\", \"is required\"); }}"
        )?;
    }
    let mut items = Vec::new();
    for (rule, value) in rules {
        match (rule.as_str(), value) {
            ("min_items", Value::U64(n)) => writeln!(body, "check.min_items({name:?}, value.len(), {n});")?,
            ("max_items", Value::U64(n)) => writeln!(body, "check.max_items({name:?}, value.len(), {n});")?,
            ("unique", Value::Bool(true)) => writeln!(body, "check.unique({name:?}, value);")?,
            ("items", Value::Message(inner)) => {
                for (_, nested) in set_fields(inner) {
                    if let Value::Message(nested) = nested {
                        items = set_fields(&nested);
                    }
                }
            }
            _ => return Err(unknown(field, rule)),
        }
    }
    let mut inner = String::new();
    value_checks(&mut inner, field, &field.kind(), &items, "\"\"")?;
    if !inner.is_empty() {
        writeln!(
            body,
            "for (index, value) in value.iter().enumerate() {{ check.enter_item({name:?}, index); {inner} check.leave(); }}"
        )?;
    }
    Ok(())
}

fn map_checks(body: &mut String, field: &FieldDescriptor, rules: &Rules) -> Result<(), Box<dyn Error>> {
    let name = field.name();
    for (rule, value) in rules {
        match (rule.as_str(), value) {
            ("max_pairs", Value::U64(n)) => writeln!(body, "check.max_items({name:?}, value.len(), {n});")?,
            _ => return Err(unknown(field, rule)),
        }
    }
    Ok(())
}

/// Checks of one value, `value: &T`, reported under `name` (a Rust expression; empty inside a list).
fn value_checks(
    body: &mut String,
    field: &FieldDescriptor,
    kind: &Kind,
    rules: &Rules,
    name: &str,
) -> Result<(), Box<dyn Error>> {
    if let Kind::Message(message) = kind {
        if own(message) {
            let enter = if name == "\"\"" {
                String::new()
            } else {
                format!("check.enter({name}); ")
            };
            let leave = if name == "\"\"" { "" } else { " check.leave();" };
            writeln!(body, "{enter}value.check(check);{leave}")?;
        }
        return rules.first().map_or(Ok(()), |(rule, _)| Err(unknown(field, rule)));
    }
    for (rule, limit) in rules {
        match (kind, rule.as_str(), limit) {
            (Kind::String, "min_len", Value::U64(n)) => writeln!(body, "check.min_len({name}, value, {n});")?,
            (Kind::String, "max_len", Value::U64(n)) => writeln!(body, "check.max_len({name}, value, {n});")?,
            (Kind::String, "len", Value::U64(n)) => {
                writeln!(
                    body,
                    "check.min_len({name}, value, {n}); check.max_len({name}, value, {n});"
                )?;
            }
            (Kind::String, "pattern", Value::String(pattern)) => writeln!(
                body,
                "static RE: std::sync::LazyLock<Option<regex::Regex>> = std::sync::LazyLock::new(|| regex::Regex::new({pattern:?}).ok()); \
                 check.pattern({name}, value, &RE, {pattern:?});"
            )?,
            (Kind::String, "uuid", Value::Bool(true)) => writeln!(body, "check.uuid({name}, value);")?,
            (Kind::String, "email", Value::Bool(true)) => writeln!(body, "check.email({name}, value);")?,
            (Kind::String, "prefix", Value::String(prefix)) => {
                writeln!(body, "check.prefix({name}, value, {prefix:?});")?
            }
            (Kind::String, "in", Value::List(list)) => {
                let list: Vec<&str> = list.iter().filter_map(|entry| entry.as_str()).collect();
                writeln!(body, "check.one_of({name}, value, &{list:?});")?;
            }
            (Kind::Bytes, "min_len", Value::U64(n)) => writeln!(body, "check.min_items({name}, value.len(), {n});")?,
            (Kind::Bytes, "max_len", Value::U64(n)) => writeln!(body, "check.max_items({name}, value.len(), {n});")?,
            (Kind::Bytes, "len", Value::U64(n)) => {
                writeln!(
                    body,
                    "check.min_items({name}, value.len(), {n}); check.max_items({name}, value.len(), {n});"
                )?;
            }
            (Kind::Enum(of), "defined_only", Value::Bool(true)) => {
                let path = names::enumeration(of);
                writeln!(body, "check.defined({name}, {path}::try_from(*value).is_ok());")?;
            }
            (Kind::Enum(_), "not_in", Value::List(list)) => {
                for number in list.iter().filter_map(integer) {
                    writeln!(body, "check.not_equal({name}, i64::from(*value), {number});")?;
                }
            }
            (_, "gt" | "gte" | "lt" | "lte", limit) if integer(limit).is_some() => {
                let limit = integer(limit).unwrap_or_default();
                writeln!(body, "check.{rule}({name}, i128::from(*value), {limit});")?;
            }
            (_, "in", Value::List(list)) if list.iter().all(|entry| integer(entry).is_some()) => {
                let list: Vec<i128> = list.iter().filter_map(integer).collect();
                writeln!(body, "check.in_set({name}, i128::from(*value), &{list:?});")?;
            }
            _ => return Err(unknown(field, rule)),
        }
    }
    Ok(())
}

fn zero_test(kind: &Kind) -> &'static str {
    match kind {
        Kind::String | Kind::Bytes => "value.is_empty()",
        Kind::Bool => "!*value",
        Kind::Message(_) => "false",
        _ => "*value == 0",
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I32(n) | Value::EnumNumber(n) => Some(i128::from(*n)),
        Value::I64(n) => Some(i128::from(*n)),
        Value::U32(n) => Some(i128::from(*n)),
        Value::U64(n) => Some(i128::from(*n)),
        _ => None,
    }
}

fn annotation(pool: &DescriptorPool, field: &FieldDescriptor) -> Result<Rules, Box<dyn Error>> {
    let extension = pool
        .get_extension_by_name("buf.validate.field")
        .ok_or("buf.validate is not imported anywhere")?;
    let options = field.options();
    if !options.has_extension(&extension) {
        return Ok(Vec::new());
    }
    match options.get_extension(&extension).as_ref() {
        Value::Message(rules) => Ok(set_fields(rules)),
        _ => Ok(Vec::new()),
    }
}

fn flag(pool: &DescriptorPool, extension: &str, options: &DynamicMessage, name: &str) -> Result<bool, Box<dyn Error>> {
    let extension = pool
        .get_extension_by_name(extension)
        .ok_or("buf.validate is not imported anywhere")?;
    Ok(match options.get_extension(&extension).as_ref() {
        Value::Message(rules) => rules
            .get_field_by_name(name)
            .and_then(|value| value.as_bool())
            .unwrap_or(false),
        _ => false,
    })
}

fn set_fields(message: &DynamicMessage) -> Rules {
    message
        .fields()
        .map(|(field, value)| (field.name().to_owned(), value.clone()))
        .collect()
}

fn unknown(field: &FieldDescriptor, rule: &str) -> Box<dyn Error> {
    format!(
        "{}: the rule `{rule}` is not supported by proto/build/validate.rs",
        field.full_name()
    )
    .into()
}
