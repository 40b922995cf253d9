//! Names as they are compared and searched.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name as it is shown: NFC, without white space around it or in heaps within it.
pub fn tidy(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").nfc().filter(|letter| !letter.is_control()).collect()
}

/// A name as it is searched and sorted: small letters, without accents. `Żółć` is found by `zolc`.
pub fn fold(name: &str) -> String {
    let letters = name.nfkd().collect::<String>().to_lowercase();
    let letters: String = letters
        .nfkd()
        .filter(|letter| !is_combining_mark(*letter) && (letter.is_whitespace() || !letter.is_control()))
        .map(plain)
        .collect();
    letters.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Letters that are of their own in Unicode, and that people nevertheless type without their stroke.
fn plain(letter: char) -> char {
    match letter {
        'ł' => 'l',
        'ø' => 'o',
        'đ' => 'd',
        'ı' => 'i',
        other => other,
    }
}

/// What a person types to sign in, as it is looked up. It is a login name or an e-mail address.
pub fn login(typed: &str) -> String {
    typed.trim().nfkc().collect::<String>().to_lowercase()
}

/// The beginnings under which a person is found: the folded name, each later word with what follows it, the login name.
pub fn search_terms(display_name: &str, login_name: &str) -> Vec<String> {
    let folded = fold(display_name);
    let starts = folded
        .match_indices(' ')
        .map(|(index, _)| folded.split_at(index).1.trim_start().to_owned());
    let mut terms: Vec<String> = std::iter::once(folded.clone())
        .chain(starts)
        .chain([fold(login_name)])
        .collect();
    terms.retain(|term| !term.is_empty());
    terms.sort();
    terms.dedup();
    terms
}

/// The first text after all that begin with this prefix; `None` when there is none. For a range scan on an index.
pub fn prefix_end(prefix: &str) -> Option<String> {
    let mut letters: Vec<char> = prefix.chars().collect();
    while let Some(last) = letters.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            letters.push(next);
            return Some(letters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn table_of_folds() {
        for (name, folded) in [
            ("Anna", "anna"),
            ("  Żółć   Łąka ", "zolc laka"),
            ("José\tÅngström", "jose angstrom"),
            ("Øystein", "oystein"),
            ("Ⅷ", "viii"),
            ("李明", "李明"),
        ] {
            assert_eq!(fold(name), folded);
        }
        assert_eq!(login(" Anna@Example.COM "), "anna@example.com");
    }

    #[test]
    fn found_by_any_word() {
        assert_eq!(
            search_terms("Anna Maria Nowak", "anowak"),
            ["anna maria nowak", "anowak", "maria nowak", "nowak"]
        );
        assert_eq!(search_terms("anna", "anna"), ["anna"]);
    }

    proptest! {
        #[test]
        fn the_range_of_a_prefix(prefix in "\\PC{1,10}", rest in "\\PC{0,10}", other in "\\PC{0,10}") {
            let end = prefix_end(&prefix);
            let text = format!("{prefix}{rest}");
            let inside = |text: &str| text >= prefix.as_str() && end.as_deref().is_none_or(|end| text < end);
            prop_assert!(inside(&text));
            if !other.starts_with(&prefix) {
                prop_assert!(!inside(&other));
            }
        }

        #[test]
        fn folding_twice_is_folding_once(name in "\\PC{0,30}") {
            prop_assert_eq!(fold(&fold(&name)), fold(&name));
        }
    }
}
