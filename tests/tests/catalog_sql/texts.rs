//! Where the texts and the tables are found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, ending: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, ending, into);
        } else if entry.to_string_lossy().ends_with(ending) {
            into.push(entry);
        }
    }
}

/// Every table of the migrations that has a tenant.
pub fn tables() -> BTreeSet<String> {
    let mut found = Vec::new();
    files(&root().join("migrations"), ".up.sql", &mut found);
    let mut tables = BTreeSet::new();
    for file in found {
        let text = std::fs::read_to_string(file).unwrap();
        for table in text.split("CREATE TABLE ").skip(1) {
            let (name, columns) = table.split_once('(').unwrap();
            let columns = columns.split("\n);").next().unwrap();
            if columns.lines().any(|line| line.trim_start().starts_with("tenant_id ")) {
                tables.insert(name.trim().to_owned());
            }
        }
    }
    tables
}

/// Every text in the sources of services and gateway, but for their tests.
pub fn texts() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(root().join("services")).unwrap() {
        files(&entry.unwrap().path().join("src"), ".rs", &mut sources);
    }
    files(&root().join("gateway/src"), ".rs", &mut sources);
    let mut found = Vec::new();
    for file in sources {
        let source = std::fs::read_to_string(&file).unwrap();
        // What is for tests only stands last.
        let code = source.split("#[cfg(test)]\nmod ").next().unwrap();
        let name = file.strip_prefix(root()).unwrap().display().to_string();
        let tokens: TokenStream = code.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        literals(tokens, &mut |text| found.push((name.clone(), text)));
    }
    found
}

fn literals(tokens: TokenStream, take: &mut impl FnMut(String)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), take),
            TokenTree::Literal(literal) => {
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    take(text.value());
                }
            }
            _ => {}
        }
    }
}

/// Whether a text is SQL about one of these tables, whole or in part.
pub fn touches(text: &str, tables: &BTreeSet<String>) -> bool {
    let words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .collect();
    words
        .windows(2)
        .any(|pair| ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]) && tables.contains(pair[1]))
}
