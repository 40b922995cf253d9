//! The one place that decides which rows a caller sees and commands: used for reading, listing and changing alike.

use std::collections::BTreeSet;

use muster_proto::auth::v1::{Device, Person};

/// Where a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Every location of the tenant.
    Everywhere,
    /// These locations.
    At(BTreeSet<String>),
}

impl Sight {
    /// The sight of somebody who works at these locations; none means everywhere, as in a token.
    pub fn of(location_ids: impl IntoIterator<Item = String>) -> Self {
        let ids: BTreeSet<String> = location_ids.into_iter().collect();
        if ids.is_empty() {
            Self::Everywhere
        } else {
            Self::At(ids)
        }
    }

    /// Whether the caller sees this location.
    pub fn sees(&self, location_id: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::At(ids) => ids.contains(location_id),
        }
    }

    /// Whether the caller sees this person: somebody at one of the caller's locations, or who works everywhere.
    pub fn sees_person(&self, person: &Person) -> bool {
        person.location_ids.is_empty() || person.location_ids.iter().any(|id| self.sees(id))
    }

    /// Whether everything about this person is the caller's business: the person works nowhere else.
    pub fn commands_person(&self, person: &Person) -> bool {
        match self {
            Self::Everywhere => true,
            Self::At(_) => !person.location_ids.is_empty() && person.location_ids.iter().all(|id| self.sees(id)),
        }
    }

    /// Whether the caller may replace these locations by those: what comes and what goes must be the caller's.
    pub fn may_move(&self, from: &[String], to: &[String]) -> bool {
        let Self::At(_) = self else { return true };
        let (from, to): (BTreeSet<&String>, BTreeSet<&String>) = (from.iter().collect(), to.iter().collect());
        !from.is_empty() && !to.is_empty() && from.symmetric_difference(&to).all(|id| self.sees(id))
    }

    /// Whether the caller sees this device.
    pub fn sees_device(&self, device: &Device) -> bool {
        self.sees(&device.location_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    fn at(text: &str) -> Person {
        Person {
            location_ids: ids(text),
            ..Person::default()
        }
    }

    #[test]
    fn table_of_sight() {
        // caller, person, sees, commands
        let table = [
            ("", "", true, true),
            ("", "a", true, true),
            ("a", "a", true, true),
            ("ab", "a", true, true),
            ("a", "ab", true, false),
            ("a", "b", false, false),
            ("a", "", true, false),
        ];
        for (caller, person, sees, commands) in table {
            let sight = Sight::of(ids(caller));
            let person = at(person);
            assert_eq!(
                (sight.sees_person(&person), sight.commands_person(&person)),
                (sees, commands),
                "{caller} {person:?}"
            );
        }
    }

    #[test]
    fn table_of_moves() {
        let table = [
            ("", "a", "", true),
            ("a", "a", "ab", false),
            ("ab", "a", "ab", true),
            ("a", "ab", "b", true),
            ("a", "ab", "a", false),
            ("a", "a", "", false),
            ("a", "", "a", false),
            ("a", "b", "ab", true),
        ];
        for (caller, from, to, allowed) in table {
            assert_eq!(
                Sight::of(ids(caller)).may_move(&ids(from), &ids(to)),
                allowed,
                "{caller}: {from} to {to}"
            );
        }
    }
}
