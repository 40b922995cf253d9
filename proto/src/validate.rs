//! Field checks, as the `buf.validate` annotations of the contract ask for them.

use std::collections::HashSet;
use std::hash::Hash;

use regex::Regex;

/// So many violations are reported at most; more would only help an attacker size a message.
const MOST_VIOLATIONS: usize = 20;

/// One field that is not as the contract wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: `items[2].menu_item_id`.
    pub field: String,
    /// A stable reason in capitals: `TOO_LONG`.
    pub reason: &'static str,
    /// What to do, in words.
    pub description: String,
}

/// A message whose fields can be checked.
pub trait Validate {
    /// Adds what is wrong to `check`.
    fn check(&self, check: &mut Checker);

    /// Everything that is wrong with the message, at most twenty findings.
    ///
    /// # Errors
    /// The violations, if there is one.
    fn validate(&self) -> Result<(), Vec<Violation>> {
        let mut checker = Checker::default();
        self.check(&mut checker);
        if checker.violations.is_empty() {
            Ok(())
        } else {
            Err(checker.violations)
        }
    }
}

enum Step {
    Field(&'static str),
    Item(&'static str, usize),
}

/// Walks a message and collects what is wrong. Paths are put into words only when something is.
#[derive(Default)]
pub struct Checker {
    path: Vec<Step>,
    violations: Vec<Violation>,
}

#[allow(dead_code, reason = "which of them are called is up to the contract")]
impl Checker {
    pub(crate) fn enter(&mut self, field: &'static str) {
        self.path.push(Step::Field(field));
    }

    pub(crate) fn enter_item(&mut self, field: &'static str, index: usize) {
        self.path.push(Step::Item(field, index));
    }

    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    pub(crate) fn fail(&mut self, field: &str, rule: &str, description: &str) {
        let reason = match rule {
            "required" => "REQUIRED",
            "length" => "BAD_LENGTH",
            "count" => "BAD_COUNT",
            "range" => "OUT_OF_RANGE",
            "unknown" => "UNKNOWN_VALUE",
            "duplicate" => "DUPLICATE",
            _ => "BAD_FORMAT",
        };
        if self.violations.len() < MOST_VIOLATIONS {
            let field = self.name(field);
            self.violations.push(Violation {
                field,
                reason,
                description: description.to_owned(),
            });
        }
    }

    fn name(&self, field: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        for step in &self.path {
            parts.push(match step {
                Step::Field(name) => (*name).to_owned(),
                Step::Item(name, index) => format!("{name}[{index}]"),
            });
        }
        if !field.is_empty() {
            parts.push(field.to_owned());
        }
        parts.join(".")
    }

    pub(crate) fn min_len(&mut self, field: &str, value: &str, least: usize) {
        if value.chars().count() < least {
            self.fail(field, "length", &format!("must have at least {least} characters"));
        }
    }

    pub(crate) fn max_len(&mut self, field: &str, value: &str, most: usize) {
        // Bytes bound characters from above, so the walk is needed only for long text.
        if value.len() > most && value.chars().count() > most {
            self.fail(field, "length", &format!("must have at most {most} characters"));
        }
    }

    pub(crate) fn pattern(&mut self, field: &str, value: &str, regex: &Option<Regex>, pattern: &str) {
        if !regex.as_ref().is_some_and(|regex| regex.is_match(value)) {
            self.fail(field, "pattern", &format!("must match {pattern}"));
        }
    }

    pub(crate) fn uuid(&mut self, field: &str, value: &str) {
        let shaped = value.len() == 36
            && value.bytes().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => byte == b'-',
                // One spelling only: ids are compared as text.
                _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            });
        if !shaped {
            self.fail(
                field,
                "uuid",
                "must be a UUID in small letters such as 01890a5d-ac96-774b-bcce-b302099a8057",
            );
        }
    }

    pub(crate) fn email(&mut self, field: &str, value: &str) {
        let shaped = value.len() <= 254
            && value.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty()
                    && host.contains('.')
                    && !host.starts_with('.')
                    && !host.ends_with('.')
                    && !host.contains('@')
            })
            && !value.chars().any(|c| c.is_whitespace() || c.is_control());
        if !shaped {
            self.fail(field, "email", "must be an e-mail address");
        }
    }

    pub(crate) fn prefix(&mut self, field: &str, value: &str, prefix: &str) {
        if !value.starts_with(prefix) {
            self.fail(field, "prefix", &format!("must start with {prefix}"));
        }
    }

    pub(crate) fn one_of(&mut self, field: &str, value: &str, choices: &[&str]) {
        if !choices.contains(&value) {
            self.fail(field, "unknown", &format!("must be one of {}", choices.join(", ")));
        }
    }

    pub(crate) fn min_items(&mut self, field: &str, count: usize, least: usize) {
        if count < least {
            self.fail(field, "count", &format!("must have at least {least} entries"));
        }
    }

    pub(crate) fn max_items(&mut self, field: &str, count: usize, most: usize) {
        if count > most {
            self.fail(field, "count", &format!("must have at most {most} entries"));
        }
    }

    pub(crate) fn unique<T: Eq + Hash>(&mut self, field: &str, values: &[T]) {
        let mut seen = HashSet::with_capacity(values.len());
        if !values.iter().all(|value| seen.insert(value)) {
            self.fail(field, "duplicate", "must not name the same thing twice");
        }
    }

    pub(crate) fn defined(&mut self, field: &str, known: bool) {
        if !known {
            self.fail(field, "unknown", "is not a value of this enum");
        }
    }

    pub(crate) fn not_equal(&mut self, field: &str, value: i64, refused: i64) {
        if value == refused {
            self.fail(field, "unknown", "must be chosen");
        }
    }

    pub(crate) fn in_set(&mut self, field: &str, value: i128, choices: &[i128]) {
        if !choices.contains(&value) {
            self.fail(field, "range", &format!("must be one of {choices:?}"));
        }
    }

    pub(crate) fn gt(&mut self, field: &str, value: i128, bound: i128) {
        if value <= bound {
            self.fail(field, "range", &format!("must be greater than {bound}"));
        }
    }

    pub(crate) fn gte(&mut self, field: &str, value: i128, bound: i128) {
        if value < bound {
            self.fail(field, "range", &format!("must be at least {bound}"));
        }
    }

    pub(crate) fn lt(&mut self, field: &str, value: i128, bound: i128) {
        if value >= bound {
            self.fail(field, "range", &format!("must be less than {bound}"));
        }
    }

    pub(crate) fn lte(&mut self, field: &str, value: i128, bound: i128) {
        if value > bound {
            self.fail(field, "range", &format!("must be at most {bound}"));
        }
    }
}

include!(concat!(env!("OUT_DIR"), "/validate.rs"));

#[cfg(test)]
mod tests {
    use super::Checker;

    #[test]
    fn an_id_has_one_spelling() {
        let good = "01890a5d-ac96-774b-bcce-b302099a8057";
        let refused = |id: &str| {
            let mut checker = Checker::default();
            checker.uuid("id", id);
            !checker.violations.is_empty()
        };
        assert!(!refused(good));
        let spellings = [
            good.to_uppercase(),
            good.replace('-', ""),
            format!("{{{good}}}"),
            String::new(),
        ];
        assert!(spellings.iter().all(|id| refused(id)), "{spellings:?}");
    }
}
