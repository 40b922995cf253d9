//! Reads `option (muster.authz.v1.rule)` of every method and writes the table that the locks look up.

use std::error::Error;
use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

use crate::names;

/// The Rust source of the table, sorted by method path, and of `Mutation` for each mutating request.
pub fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool
        .get_extension_by_name("muster.authz.v1.rule")
        .ok_or("muster.authz.v1.rule is not defined")?;
    let mut rules = Vec::new();
    let mut requests = Vec::new();
    for service in pool.services() {
        for method in service.methods() {
            let options = method.options();
            if !options.has_extension(&extension) {
                return Err(format!(
                    "{} has no rule: give it `option (muster.authz.v1.rule) = {{...}}`",
                    method.full_name()
                )
                .into());
            }
            let Value::Message(rule) = options.get_extension(&extension).into_owned() else {
                return Err(format!("{}: the rule is not a message", method.full_name()).into());
            };
            check(&method, &rule)?;
            rules.push((
                format!("/{}/{}", service.full_name(), method.name()),
                method.clone(),
                rule.clone(),
            ));
            if flag(&rule, "mutating") {
                requests.push((names::message(&method.input()), !flag(&rule, "public")));
            }
        }
    }
    rules.sort_by(|left, right| left.0.cmp(&right.0));
    requests.sort();
    requests.dedup();

    let mut source = String::from("/// The rule of every method, sorted by path.\npub static RULES: &[Rule] = &[\n");
    for (path, method, rule) in &rules {
        let permissions: Vec<String> = numbers(rule, "permissions")
            .iter()
            .map(|number| permission(pool, *number))
            .collect::<Result<_, _>>()?;
        writeln!(
            source,
            "    Rule {{ method: {path:?}, permissions: &[{}], scope: Scope::{}, public: {}, mutating: {}, audited: {}, \
             fresh: {}, streaming: {}, paged: {} }},",
            permissions.join(", "),
            scope(pool, number(rule, "scope"))?,
            flag(rule, "public"),
            flag(rule, "mutating"),
            flag(rule, "audited"),
            flag(rule, "fresh"),
            method.is_server_streaming() || method.is_client_streaming(),
            method.input().get_field_by_name("page_size").is_some(),
        )?;
    }
    source.push_str("];\n\n");
    for (message, dry_run) in &requests {
        let value = if *dry_run { "self.validate_only" } else { "false" };
        writeln!(
            source,
            "impl Mutation for {message} {{\n    fn validate_only(&self) -> bool {{ {value} }}\n}}"
        )?;
    }
    Ok(source)
}

/// A rule that contradicts itself is as bad as none.
fn check(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<(), Box<dyn Error>> {
    let fail = |what: &str| Err(format!("{}: {what}", method.full_name()).into());
    let permissions = numbers(rule, "permissions");
    let public = flag(rule, "public");
    if public != permissions.is_empty() {
        return fail("a rule is either public or names permissions");
    }
    if permissions.contains(&0) {
        return fail("PERMISSION_UNSPECIFIED is not a right");
    }
    if public != (number(rule, "scope") == 0) {
        return fail("a rule that is not public has a scope, and a public one has none");
    }
    if public && flag(rule, "fresh") {
        return fail("a public method cannot ask for a fresh sign-in");
    }
    let has_dry_run = method.input().get_field_by_name("validate_only").is_some();
    if flag(rule, "mutating") && !public && !has_dry_run {
        return fail("the request of a mutating method has `bool validate_only`");
    }
    let side_effect_free = method
        .options()
        .get_field_by_name("idempotency_level")
        .and_then(|level| level.as_enum_number());
    if flag(rule, "mutating") == (side_effect_free == Some(1)) {
        return fail("a method is either `mutating` or carries `option idempotency_level = NO_SIDE_EFFECTS`");
    }
    Ok(())
}

fn flag(rule: &DynamicMessage, name: &str) -> bool {
    rule.get_field_by_name(name)
        .and_then(|value| value.as_bool())
        .unwrap_or(false)
}

fn number(rule: &DynamicMessage, name: &str) -> i32 {
    rule.get_field_by_name(name)
        .and_then(|value| value.as_enum_number())
        .unwrap_or(0)
}

fn numbers(rule: &DynamicMessage, name: &str) -> Vec<i32> {
    rule.get_field_by_name(name)
        .and_then(|value| {
            value
                .as_list()
                .map(|list| list.iter().filter_map(Value::as_enum_number).collect())
        })
        .unwrap_or_default()
}

fn permission(pool: &DescriptorPool, number: i32) -> Result<String, String> {
    variant(pool, "muster.authz.v1.Permission", "PERMISSION_", number).map(|name| format!("Permission::{name}"))
}

fn scope(pool: &DescriptorPool, number: i32) -> Result<String, String> {
    variant(pool, "muster.authz.v1.Scope", "SCOPE_", number)
}

fn variant(pool: &DescriptorPool, name: &str, prefix: &str, number: i32) -> Result<String, String> {
    let value = pool.get_enum_by_name(name).and_then(|found| found.get_value(number));
    let value = value.ok_or_else(|| format!("{name} has no value {number}"))?;
    Ok(heck::ToUpperCamelCase::to_upper_camel_case(
        value.name().strip_prefix(prefix).unwrap_or(value.name()),
    ))
}
