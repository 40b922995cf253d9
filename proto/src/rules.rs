//! The rule of every method, looked up by its path.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::LazyLock;

use crate::authz::v1::{Permission, Scope};

/// What `option (muster.authz.v1.rule)` says of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The path of the method: `/package.Service/Method`.
    pub method: &'static str,
    /// The caller needs any one of these; empty only where `public`.
    pub permissions: &'static [Permission],
    /// How far the right reaches.
    pub scope: Scope,
    /// Callable without signing in.
    pub public: bool,
    /// Changes something, so it takes an idempotency key.
    pub mutating: bool,
    /// Written to the security log.
    pub audited: bool,
    /// Needs a recent sign-in.
    pub fresh: bool,
    /// Answers with a stream (or takes one), so its deadline is that of a stream.
    pub streaming: bool,
    /// Asks for a page of a list, so it is what can wait when too much is going on.
    pub paged: bool,
}

/// How much a call matters where not everything can be done, from the least on: an order goes on coming in while somebody
/// scrolls through yesterday's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// A page of a list.
    List,
    /// Anything else that is read.
    Read,
    /// A change.
    Change,
}

impl Rule {
    /// How much a call of this method matters.
    pub fn urgency(&self) -> Urgency {
        match (self.mutating, self.paged) {
            (true, _) => Urgency::Change,
            (false, false) => Urgency::Read,
            (false, true) => Urgency::List,
        }
    }
}

/// A request of a mutating method.
pub trait Mutation {
    /// The caller wants to know what would happen, without it happening.
    fn validate_only(&self) -> bool;
}

include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// Every call looks its rule up, more than once, and the paths begin alike: comparing them would cost more than hashing one.
static BY_PATH: LazyLock<HashMap<&'static str, &'static Rule>> =
    LazyLock::new(|| RULES.iter().map(|rule| (rule.method, rule)).collect());

/// The rule of a method by its path (`/package.Service/Method`); none for a path that is not of the contract.
pub fn rule(path: &str) -> Option<&'static Rule> {
    BY_PATH.get(path).copied()
}

/// `orders.place` for `PERMISSION_ORDERS_PLACE`.
pub fn permission_name(permission: Permission) -> String {
    let name = permission
        .as_str_name()
        .trim_start_matches("PERMISSION_")
        .to_lowercase();
    name.replacen('_', ".", 1)
}

/// `location` for `SCOPE_LOCATION`.
pub fn scope_name(scope: Scope) -> String {
    scope.as_str_name().trim_start_matches("SCOPE_").to_lowercase()
}

/// The rule of every method as sorted text, one line each: what `proto/permissions.txt` holds for review.
pub fn permissions_text() -> String {
    let mut text = String::new();
    for rule in RULES {
        let rights: Vec<String> = rule.permissions.iter().copied().map(permission_name).collect();
        let who = if rule.public {
            "public".to_owned()
        } else {
            format!("{} in {}", rights.join("|"), scope_name(rule.scope))
        };
        let marks = [
            (rule.mutating, "mutating"),
            (rule.audited, "audited"),
            (rule.fresh, "fresh"),
            (rule.streaming, "stream"),
        ];
        let marks: Vec<&str> = marks.iter().filter(|(on, _)| *on).map(|(_, name)| *name).collect();
        let _ = writeln!(
            text,
            "{} {who} [{}]",
            rule.method.trim_start_matches('/'),
            marks.join(" ")
        );
    }
    text
}
