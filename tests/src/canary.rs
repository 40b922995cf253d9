//! Canaries (Z-05): one tenant's every text is a word that stands nowhere else, so that whoever sees it sees too much.

use std::collections::BTreeSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};

use crate::bad::rules::{FieldRules, Verdict};
use crate::raw::Raw;

/// The word. In small letters and without accents, so that it stays what it is where names are folded.
pub const WORD: &str = "kanarienvogel";

/// The same request with the word in every text that is free. `number` makes what must be new new.
pub fn sing(message: &DynamicMessage, number: usize) -> DynamicMessage {
    let mut song = message.clone();
    for field in message.descriptor().fields() {
        let value = song.get_field(&field).into_owned();
        match (value, field.kind()) {
            (Value::String(_), Kind::String) => {
                if let Some(text) = text(&field, number) {
                    song.set_field(&field, Value::String(text));
                }
            }
            (Value::Message(inner), _) if song.has_field(&field) => {
                song.set_field(&field, Value::Message(sing(&inner, number)));
            }
            (Value::List(entries), Kind::Message(_)) if !entries.is_empty() => {
                let entries = entries.into_iter().map(|entry| match entry {
                    Value::Message(inner) => Value::Message(sing(&inner, number)),
                    other => other,
                });
                song.set_field(&field, Value::List(entries.collect()));
            }
            _ => {}
        }
    }
    song
}

/// A text with the word that the field takes; none where the field takes no free text.
fn text(field: &FieldDescriptor, number: usize) -> Option<String> {
    // Who signs in is known by these; a password is not shown to anybody.
    if field.name().contains("password")
        || ["tenant_slug", "login", "query", "page_token", "time_zone"].contains(&field.name())
    {
        return None;
    }
    let texts = [
        format!("{WORD} {number}"),
        format!("{WORD}-{number}"),
        format!("{WORD}.{number}@{WORD}.example"),
    ];
    let rules = FieldRules::of(field);
    let takes = |text: &String| {
        let text = Value::String(text.clone());
        // An address is judged as open; one with the word is an address.
        rules.judge(field, &text) != Verdict::Refused
    };
    texts.into_iter().find(takes)
}

/// What of the other tenant must never be seen: the word, names that no request can set, and ids.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Whatever the request was.
    pub words: Vec<String>,
    /// Unless the request itself said it.
    pub ids: BTreeSet<String>,
}

impl Watch {
    /// What an answer shows of the other tenant, in its message, its details, its headers and trailers.
    pub fn seen(&self, answer: &Raw, said: &[u8]) -> Option<String> {
        let metadata = answer
            .metadata
            .iter()
            .flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]);
        let parts: Vec<&[u8]> = [answer.message.as_bytes(), &answer.details, &answer.body]
            .into_iter()
            .chain(metadata)
            .collect();
        let shows = |word: &str| parts.iter().any(|part| holds(part, word));
        let words = self.words.iter().find(|word| shows(word));
        words
            .or_else(|| self.ids.iter().find(|id| shows(id) && !holds(said, id)))
            .cloned()
    }

    /// The first line of a log with one of the words.
    pub fn logged<'l>(&self, log: &'l str) -> Option<&'l str> {
        log.lines()
            .find(|line| self.words.iter().any(|word| holds(line.as_bytes(), word)))
    }
}

/// Whether these bytes hold this word, in capitals or not.
fn holds(bytes: &[u8], word: &str) -> bool {
    !word.is_empty()
        && bytes
            .windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
