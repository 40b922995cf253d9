//! Z-10: SQLite has no row-level security, so the texts themselves are the net there. Every SQL text of every service is
//! taken out of the sources and parsed: each query, at every depth, that touches a table with a tenant says whose rows it
//! means. What may look at everybody's is listed here, with the reason.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "tests fail by panicking, and tell how much they looked at"
)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use sqlparser::ast::{
    BinaryOperator, ConflictTarget, Expr, FromTable, Insert, JoinConstraint, JoinOperator, OnInsert, Query, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

/// Texts that mean everybody's rows: how they begin, and why. A text that is no longer there is a fault.
const EVERYBODYS: [(&str, &str); 20] = [
    (
        "SELECT found.id FROM new JOIN locations AS found USING",
        "a check for several units at once: each row of `new` names its tenant",
    ),
    (
        "SELECT new.menu_item_id FROM new LEFT JOIN stock AS found USING",
        "the same of stock",
    ),
    (
        "SELECT l.tenant_id, l.id, l.version, l.name, l.zone, l.currency, l.open, l.kitchen_revision, COALESCE(m.revision, 0) AS menu_revision",
        "several requests ask together: each row of `new` names its tenant",
    ),
    ("SELECT 1 AS one FROM idempotency GROUP BY", "muster check"),
    (
        "SELECT CAST(COUNT(*) AS BIGINT) FROM session WHERE generation < 1",
        "muster check",
    ),
    ("SELECT tenant_id, location_id, version FROM location", "muster check"),
    ("SELECT tenant_id, id, version FROM locations", "muster check"),
    (
        "SELECT data FROM revocation WHERE at >= $1",
        "the trust feed tells every process of every revocation",
    ),
    (
        "DELETE FROM revocation WHERE at < $1",
        "upkeep: older than any access token",
    ),
    (
        "SELECT tenant_id, session_id FROM session WHERE seen_at < $1",
        "upkeep: sessions that are over",
    ),
    (
        "SELECT tenant_id, key_digest FROM idempotency WHERE at < $1",
        "upkeep: answers that are no longer kept",
    ),
    (
        "DELETE FROM idempotency WHERE rowid IN",
        "the same on SQLite: which rows, and their deletion",
    ),
    ("SELECT rowid FROM idempotency WHERE at < $1", "the same"),
    (
        "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload FROM events WHERE seq > $2 ORDER BY",
        "a log's reader; services follow all tenants",
    ),
    (
        "SELECT tx, seq, tenant_id, kind, aggregate_id, version, location_id, actor, request_id, at, payload FROM events WHERE (tx, seq) > ($1, $2) AND",
        "the same on PostgreSQL",
    ),
    ("SELECT COALESCE(MAX(seq), 0) FROM events", "the end of the log"),
    (
        "SELECT CAST(COUNT(*) AS BIGINT), MAX(version) FROM events GROUP BY",
        "muster check",
    ),
    (
        "SELECT CAST(COUNT(*) AS BIGINT) FROM events WHERE tenant_id IS NULL",
        "muster check",
    ),
    (
        "SELECT tenant_id, id, state FROM orders WHERE (tenant_id, id) >",
        "muster check",
    ),
    ("SELECT tenant_id, state FROM stock", "muster check"),
];

/// Pieces that `push_str` and `format!` put together. Each is parsed as this whole, which is what it becomes.
const PIECES: [(&str, &str); 3] = [
    (
        " AND p.person_id IN (SELECT t.person_id",
        "SELECT 1 FROM person p WHERE p.tenant_id = $1 ",
    ),
    (
        "EXISTS (SELECT 1 FROM person_location l",
        "SELECT 1 FROM person p WHERE p.tenant_id = $1 AND ",
    ),
    ("; SELECT request_digest, answer FROM idempotency", ""),
];

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
fn tables() -> BTreeSet<String> {
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
fn texts() -> Vec<(String, String)> {
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
fn touches(text: &str, tables: &BTreeSet<String>) -> bool {
    let words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .collect();
    words
        .windows(2)
        .any(|pair| ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]) && tables.contains(pair[1]))
}

/// The text as the database gets it: what `format!` puts in is a number or a list of placeholders.
fn whole(text: &str) -> String {
    let piece = PIECES.iter().find(|(piece, _)| text.starts_with(piece));
    let mut whole = piece.map_or_else(
        || text.to_owned(),
        |(_, before)| format!("{before}{}", text.trim_start_matches("; ")),
    );
    for (name, value) in [
        ("${next}", "$7"),
        ("${}", "$8"),
        ("{list}", "$2"),
        ("'{tenant}'", "$1"),
        ("'\\x{digest}'", "$2"),
    ] {
        whole = whole.replace(name, value);
    }
    whole.push_str(&")".repeat(whole.matches('(').count().saturating_sub(whole.matches(')').count())));
    whole
}

/// Goes through a statement and notes each part of it that touches such a table and does not say whose rows it means.
struct Look<'t> {
    tables: &'t BTreeSet<String>,
    parts: usize,
    open: Vec<String>,
}

impl Look<'_> {
    fn guarded(&mut self, from: &[TableWithJoins], condition: Option<&Expr>, text: String) {
        let joined = from
            .iter()
            .flat_map(|from| std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation)));
        let named: Vec<(String, String)> = joined
            .filter_map(|factor| match factor {
                TableFactor::Table { name, alias, .. } if self.tables.contains(&name.to_string()) => {
                    let name = name.to_string();
                    Some((
                        name.clone(),
                        alias.as_ref().map_or(name, |alias| alias.name.to_string()),
                    ))
                }
                _ => None,
            })
            .collect();
        // What an inner join asks of a row is as good as what the rest asks.
        let joins = from
            .iter()
            .flat_map(|from| &from.joins)
            .filter_map(|join| match &join.join_operator {
                JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => Some(on),
                _ => None,
            });
        let conditions: Vec<&Expr> = condition.into_iter().chain(joins).collect();
        for (_, alias) in &named {
            self.parts += 1;
            if !conditions.iter().any(|condition| says_whose(condition, alias)) {
                self.open.push(text.clone());
            }
        }
    }

    /// The selects of one query; those of the queries in it come by themselves.
    fn selects(&mut self, body: &SetExpr, query: &Query) {
        match body {
            SetExpr::Select(select) => self.guarded(&select.from, select.selection.as_ref(), query.to_string()),
            SetExpr::SetOperation { left, right, .. } => {
                self.selects(left, query);
                self.selects(right, query);
            }
            _ => {}
        }
    }

    fn insert(&mut self, insert: &Insert) {
        let TableObject::TableName(table) = &insert.table else {
            return;
        };
        if !self.tables.contains(&table.to_string()) {
            return;
        }
        self.parts += 1;
        let first = insert.columns.first().map(ToString::to_string);
        let on_conflict = match &insert.on {
            Some(OnInsert::OnConflict(conflict)) => match &conflict.conflict_target {
                Some(ConflictTarget::Columns(columns)) => columns.first().map(|column| column.value.clone()),
                _ => None,
            },
            _ => Some("tenant_id".to_owned()),
        };
        if [first, on_conflict]
            .iter()
            .any(|column| column.as_deref() != Some("tenant_id"))
        {
            self.open.push(insert.to_string());
        }
    }
}

/// Whether every row that passes has a tenant that the request said, or one of a row that has been checked.
fn says_whose(condition: &Expr, alias: &str) -> bool {
    match condition {
        Expr::Nested(inner) => says_whose(inner, alias),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => says_whose(left, alias) || says_whose(right, alias),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => {
            let own = |side: &Expr| {
                matches!(side.to_string().as_str(), "tenant_id") || side.to_string() == format!("{alias}.tenant_id")
            };
            let given = |side: &Expr| side.to_string() == "$1" || side.to_string().ends_with(".tenant_id");
            (own(left) && given(right)) || (own(right) && given(left))
        }
        // The keys come from a part that is looked at by itself.
        Expr::InSubquery {
            expr, negated: false, ..
        } => matches!(expr.as_ref(), Expr::Tuple(parts) if parts.iter().any(|part| part.to_string() == "tenant_id")),
        _ => false,
    }
}

impl Visitor for Look<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.selects(&query.body, query);
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<()> {
        match statement {
            Statement::Update(update) => self.guarded(
                std::slice::from_ref(&update.table),
                update.selection.as_ref(),
                update.to_string(),
            ),
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                self.guarded(from, delete.selection.as_ref(), delete.to_string());
            }
            Statement::Insert(insert) => self.insert(insert),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Looks at one text. Answers how many of its parts touch a table with a tenant, and those that say not whose.
fn look(text: &str, tables: &BTreeSet<String>) -> Result<(usize, Vec<String>), String> {
    let statements = Parser::parse_sql(&PostgreSqlDialect {}, &whole(text)).map_err(|error| error.to_string())?;
    let mut look = Look {
        tables,
        parts: 0,
        open: Vec::new(),
    };
    for statement in &statements {
        let _ = statement.visit(&mut look);
    }
    Ok((look.parts, look.open))
}

#[test]
fn z_10_every_text_says_whose_rows_it_means() {
    let tables = tables();
    assert!(
        tables.len() > 20 && tables.contains("events") && !tables.contains("platform_guess"),
        "{tables:?}"
    );
    let (mut looked, mut parts, mut used, mut faults) = (0, 0, BTreeSet::new(), Vec::new());
    for (file, text) in texts() {
        if !touches(&text, &tables) {
            continue;
        }
        looked += 1;
        match look(&text, &tables) {
            Err(error) => faults.push(format!("{file}: {error}: {text}")),
            Ok((0, _)) => faults.push(format!("{file}: nothing was looked at: {text}")),
            Ok((count, open)) => {
                parts += count;
                for open in open {
                    match EVERYBODYS.iter().find(|(begins, _)| open.starts_with(begins)) {
                        Some((begins, _)) => drop(used.insert(*begins)),
                        None => faults.push(format!("{file}: whose rows? {open}")),
                    }
                }
            }
        }
    }
    println!(
        "Z-10: {looked} texts with {parts} parts that touch {} tables; {} exceptions",
        tables.len(),
        used.len()
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let unused: Vec<&str> = EVERYBODYS
        .iter()
        .map(|(begins, _)| *begins)
        .filter(|begins| !used.contains(begins))
        .collect();
    assert_eq!(unused, [""; 0], "take these from the list");
    assert!(looked > 60 && parts > 60, "the texts are somewhere else now");
}

/// What the look is for, planted.
#[test]
fn z_10_a_text_that_forgets_the_tenant_is_found() {
    let tables = tables();
    for careless in [
        "SELECT state FROM orders WHERE id = $1",
        "SELECT state FROM orders WHERE tenant_id = $1 OR id = $2",
        "SELECT state FROM orders WHERE NOT (tenant_id = $1)",
        "SELECT state FROM orders WHERE tenant_id = tenant_id AND id = $1",
        "SELECT state FROM orders o JOIN stock s ON s.id = o.id WHERE o.tenant_id = $1",
        "SELECT (SELECT MAX(version) FROM stock) FROM orders WHERE tenant_id = $1",
        "SELECT state FROM orders WHERE tenant_id = $1 AND id IN (SELECT id FROM stock WHERE version > 1)",
        "SELECT state FROM orders WHERE tenant_id = $1 UNION SELECT state FROM stock",
        "UPDATE orders SET state = $2 WHERE id = $1",
        "DELETE FROM stock WHERE tenant_id > $1",
        "DELETE FROM stock",
        "INSERT INTO stock (location_id, menu_item_id) VALUES ($1, $2)",
        "INSERT INTO stock (tenant_id, id) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
        "WITH a AS (SELECT id FROM orders) SELECT id FROM a",
    ] {
        assert!(touches(careless, &tables), "{careless}");
        let (_, open) = look(careless, &tables).unwrap();
        assert!(!open.is_empty(), "{careless}");
    }
}
