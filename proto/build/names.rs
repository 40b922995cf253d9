//! Names of generated Rust items, as prost chooses them.

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{EnumDescriptor, FieldDescriptor, MessageDescriptor, OneofDescriptor};

const KEYWORDS: &[&str] = &[
    "as", "async", "await", "box", "break", "const", "continue", "dyn", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct",
    "trait", "true", "try", "type", "unsafe", "use", "where", "while", "yield",
];

/// The module or field name for a Protobuf identifier.
pub fn snake(name: &str) -> String {
    let name = name.to_snake_case();
    if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else {
        name
    }
}

/// `crate::orders::v1::Order` for a message of this project, prost's own type for a well-known one.
pub fn message(message: &MessageDescriptor) -> String {
    path(message.full_name(), message.package_name(), message.name())
}

/// The Rust path of an enum.
pub fn enumeration(enumeration: &EnumDescriptor) -> String {
    path(enumeration.full_name(), enumeration.package_name(), enumeration.name())
}

/// The Rust path of the enum that prost makes of a oneof.
pub fn oneof(oneof: &OneofDescriptor) -> String {
    let parent = message(oneof.parent_message());
    let (module, name) = parent.rsplit_once("::").unwrap_or(("", &parent));
    format!("{module}::{}::{}", snake(name), oneof.name().to_upper_camel_case())
}

/// The variant of a oneof's enum that holds this field.
pub fn variant(field: &FieldDescriptor) -> String {
    field.name().to_upper_camel_case()
}

fn path(full_name: &str, package: &str, name: &str) -> String {
    let mut parts: Vec<String> = vec!["crate".into()];
    parts.extend(package.split('.').skip(1).map(snake));
    let parents = full_name
        .strip_prefix(package)
        .unwrap_or(full_name)
        .trim_start_matches('.');
    let parents = parents.strip_suffix(name).unwrap_or("").trim_end_matches('.');
    parts.extend(parents.split('.').filter(|part| !part.is_empty()).map(snake));
    parts.push(name.to_upper_camel_case());
    parts.join("::")
}
