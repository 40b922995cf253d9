//! What `buf.validate` says of a field, read a second time and apart from the generated checks: the judge of them.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use regex::Regex;

/// What is to be thought of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The field takes it.
    Fine,
    /// The field must not take it.
    Refused,
    /// The annotation leaves it open.
    Open,
}

/// The rules of one field.
#[derive(Debug, Clone)]
pub struct FieldRules {
    /// Must be there.
    pub required: bool,
    /// The zero value passes, whatever the others say.
    pub ignore_zero: bool,
    /// Of a list.
    pub list: Vec<(String, Value)>,
    /// Of a value, in a list or alone.
    pub value: Vec<(String, Value)>,
}

impl FieldRules {
    /// Reads the annotation.
    pub fn of(field: &FieldDescriptor) -> Self {
        let mut rules = Self {
            required: false,
            ignore_zero: false,
            list: Vec::new(),
            value: Vec::new(),
        };
        let extension = field.parent_pool().get_extension_by_name("buf.validate.field");
        let options = field.options();
        let Some(extension) = extension.filter(|extension| options.has_extension(extension)) else {
            return rules;
        };
        let annotation = options.get_extension(&extension).into_owned();
        for (name, value) in annotation.as_message().map(set).unwrap_or_default() {
            match (name.as_str(), value) {
                ("required", Value::Bool(on)) => rules.required = on,
                ("ignore", Value::EnumNumber(number)) => rules.ignore_zero = number == 1,
                ("repeated", Value::Message(inner)) => rules.list = set(&inner),
                (_, Value::Message(inner)) => rules.value = set(&inner),
                _ => {}
            }
        }
        if let Some((_, Value::Message(items))) = rules.list.iter().find(|(name, _)| name == "items") {
            let typed = set(items).into_iter().find_map(|(_, value)| match value {
                Value::Message(inner) => Some(set(&inner)),
                _ => None,
            });
            rules.value = typed.unwrap_or_default();
        }
        rules
    }

    /// A limit of a list, such as `max_items`.
    pub fn list_limit(&self, name: &str) -> Option<usize> {
        let (_, value) = self.list.iter().find(|(known, _)| known == name)?;
        usize::try_from(value.as_u64()?).ok()
    }

    /// Whether the entries of a list must differ.
    pub fn unique(&self) -> bool {
        self.list
            .iter()
            .any(|(name, value)| name == "unique" && *value == Value::Bool(true))
    }

    /// A limit of a value's length, such as `max_len`.
    pub fn length(&self, name: &str) -> Option<usize> {
        let (_, value) = self.value.iter().find(|(known, _)| known == name)?;
        usize::try_from(value.as_u64()?).ok()
    }

    /// What this value is to the field, alone or as an entry of a list.
    pub fn judge(&self, field: &FieldDescriptor, value: &Value) -> Verdict {
        let zero = !field.is_list() && *value == Value::default_value(&field.kind());
        if zero && self.required {
            return Verdict::Refused;
        }
        if zero && self.ignore_zero {
            return Verdict::Fine;
        }
        let verdicts: Vec<Verdict> = self
            .value
            .iter()
            .map(|(rule, limit)| match (value, integer(value)) {
                (Value::String(text), _) => of_text(text, rule, limit),
                (_, Some(number)) => of_number(number, &field.kind(), rule, limit),
                _ => Verdict::Open,
            })
            .collect();
        match () {
            () if verdicts.contains(&Verdict::Refused) => Verdict::Refused,
            () if verdicts.contains(&Verdict::Open) => Verdict::Open,
            () => Verdict::Fine,
        }
    }
}

fn set(message: &DynamicMessage) -> Vec<(String, Value)> {
    message
        .fields()
        .map(|(field, value)| (field.name().to_owned(), value.clone()))
        .collect()
}

fn refused_if(bad: bool) -> Verdict {
    if bad { Verdict::Refused } else { Verdict::Fine }
}

fn of_text(text: &str, rule: &str, limit: &Value) -> Verdict {
    let count = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    match (rule, limit) {
        ("min_len", Value::U64(least)) => refused_if(count < *least),
        ("max_len", Value::U64(most)) => refused_if(count > *most),
        ("len", Value::U64(exact)) => refused_if(count != *exact),
        ("pattern", Value::String(pattern)) => refused_if(!Regex::new(pattern).expect("a pattern").is_match(text)),
        ("prefix", Value::String(prefix)) => refused_if(!text.starts_with(prefix)),
        ("in", Value::List(choices)) => refused_if(!choices.iter().any(|choice| choice.as_str() == Some(text))),
        ("uuid", Value::Bool(true)) => {
            refused_if(uuid::Uuid::parse_str(text).map(|id| id.to_string()).as_deref() != Ok(text))
        }
        // What is an address is a long story; what has no @ is none.
        ("email", Value::Bool(true)) if !text.contains('@') => Verdict::Refused,
        _ => Verdict::Open,
    }
}

fn of_number(number: i128, kind: &Kind, rule: &str, limit: &Value) -> Verdict {
    match (rule, limit, integer(limit), kind) {
        ("defined_only", Value::Bool(true), _, Kind::Enum(of)) => {
            refused_if(!i32::try_from(number).is_ok_and(|number| of.get_value(number).is_some()))
        }
        ("in", Value::List(choices), ..) => refused_if(!choices.iter().any(|choice| integer(choice) == Some(number))),
        ("not_in", Value::List(choices), ..) => {
            refused_if(choices.iter().any(|choice| integer(choice) == Some(number)))
        }
        ("gt", _, Some(bound), _) => refused_if(number <= bound),
        ("gte", _, Some(bound), _) => refused_if(number < bound),
        ("lt", _, Some(bound), _) => refused_if(number >= bound),
        ("lte", _, Some(bound), _) => refused_if(number > bound),
        _ => Verdict::Open,
    }
}

/// A value that is a whole number.
pub fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I32(number) | Value::EnumNumber(number) => Some((*number).into()),
        Value::I64(number) => Some((*number).into()),
        Value::U32(number) => Some((*number).into()),
        Value::U64(number) => Some((*number).into()),
        _ => None,
    }
}
