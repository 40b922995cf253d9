//! Whose rows a text means, by its syntax.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, ConflictTarget, Expr, FromTable, Insert, JoinConstraint, JoinOperator, OnInsert, Query, SetExpr,
    Statement, TableFactor, TableObject, TableWithJoins, Visit, Visitor,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

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
pub fn look(text: &str, tables: &BTreeSet<String>) -> Result<(usize, Vec<String>), String> {
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
