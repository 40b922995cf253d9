//! The build refuses a method without a rule, and a rule that contradicts itself, and names the method (Z-01).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../build/names.rs"]
#[allow(dead_code, reason = "the generator of the field checks uses the rest")]
mod names;
#[path = "../build/rules.rs"]
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use prost_reflect::DescriptorPool;

const HEAD: &str = "syntax = \"proto3\";\npackage muster.sample.v1;\nimport \"muster/authz/v1/rule.proto\";\n\
                    message AskRequest {}\nmessage AskResponse {}\n\
                    message DoRequest { bool validate_only = 1; }\nmessage DoResponse {}\n";

/// What the generator makes of a contract with one service of these methods.
fn generate(name: &str, methods: &str) -> Result<String, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("sample.proto");
    fs::write(&file, format!("{HEAD}service SampleService {{\n{methods}\n}}\n")).unwrap();
    let mut compiler = protox::Compiler::new([folder.as_path(), Path::new(env!("CARGO_MANIFEST_DIR"))]).unwrap();
    compiler.include_imports(true).open_file(&file).unwrap();
    let pool = DescriptorPool::decode(compiler.encode_file_descriptor_set().as_slice()).unwrap();
    rules::generate(&pool).map_err(|error| error.to_string())
}

fn refusal(name: &str, methods: &str) -> String {
    generate(name, methods).expect_err("the build must refuse this")
}

const READS: &str = "option idempotency_level = NO_SIDE_EFFECTS;";

#[test]
fn a_method_with_its_rule_is_in_the_table() {
    let rule = "option (muster.authz.v1.rule) = { permissions: PERMISSION_MENU_READ, scope: SCOPE_TENANT };";
    let source = generate(
        "good",
        &format!("rpc Ask(AskRequest) returns (AskResponse) {{ {READS} {rule} }}"),
    )
    .unwrap();
    assert!(source.contains(r#"method: "/muster.sample.v1.SampleService/Ask", permissions: &[Permission::MenuRead]"#));
}

#[test]
fn a_method_without_a_rule_stops_the_build_and_is_named() {
    let known = "rpc Ask(AskRequest) returns (AskResponse) { option (muster.authz.v1.rule) = { public: true }; \
                 option idempotency_level = NO_SIDE_EFFECTS; }";
    let why = refusal(
        "none",
        &format!("{known}\nrpc Forgotten(AskRequest) returns (AskResponse);"),
    );
    assert!(
        why.contains("muster.sample.v1.SampleService.Forgotten has no rule"),
        "{why}"
    );
}

#[test]
fn a_rule_that_contradicts_itself_stops_the_build_and_is_named() {
    let table = [
        ("empty", "Ask", READS, "", "either public or names permissions"),
        (
            "both",
            "Ask",
            READS,
            "public: true, permissions: PERMISSION_MENU_READ",
            "either public or names permissions",
        ),
        (
            "zero",
            "Ask",
            READS,
            "permissions: PERMISSION_UNSPECIFIED, scope: SCOPE_OWN",
            "not a right",
        ),
        (
            "nowhere",
            "Ask",
            READS,
            "permissions: PERMISSION_MENU_READ",
            "has a scope",
        ),
        (
            "public-scope",
            "Ask",
            READS,
            "public: true, scope: SCOPE_TENANT",
            "has a scope",
        ),
        (
            "public-fresh",
            "Ask",
            READS,
            "public: true, fresh: true",
            "fresh sign-in",
        ),
        (
            "no-dry-run",
            "Ask",
            "",
            "permissions: PERMISSION_MENU_WRITE, scope: SCOPE_TENANT, mutating: true",
            "validate_only",
        ),
        (
            "reads-silently",
            "Ask",
            "",
            "permissions: PERMISSION_MENU_READ, scope: SCOPE_TENANT",
            "NO_SIDE_EFFECTS",
        ),
        (
            "writes-purely",
            "Do",
            READS,
            "permissions: PERMISSION_MENU_WRITE, scope: SCOPE_TENANT, mutating: true",
            "NO_SIDE_EFFECTS",
        ),
    ];
    for (name, method, level, rule, part) in table {
        let rule = format!("option (muster.authz.v1.rule) = {{ {rule} }};");
        let methods = format!("rpc {method}({method}Request) returns ({method}Response) {{ {level} {rule} }}");
        let why = refusal(name, &methods);
        assert!(
            why.contains(part) && why.contains(&format!("SampleService.{method}")),
            "{name}: {why}"
        );
    }
}
