//! Which passwords are good enough (NIST SP 800-63B-4): long, not common, and nothing else asked of them.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

/// The fewest code points of a password that is the only factor.
pub const MIN_LENGTH: usize = 15;
/// The most bytes, before and after normalising.
pub const MAX_BYTES: usize = 1024;

/// So much must be left of a password when everything common is taken out of it.
const MIN_STRENGTH: usize = 8;
/// What each different common piece counts for.
const PIECE_STRENGTH: usize = 2;
/// Tenant words shorter than this are parts of ordinary words and are not looked for.
const MIN_WORD: usize = 4;

const COMMON: &str = include_str!("common_pieces.txt");

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer than [`MIN_LENGTH`] code points.
    #[error("use at least 15 characters; a sentence is easy to remember")]
    TooShort,
    /// More than [`MAX_BYTES`].
    #[error("use at most 1,024 bytes")]
    TooLong,
    /// Mostly common words, sequences or repetitions.
    #[error(
        "this is among the first things that somebody who guesses would try; add words that have nothing to do with each other"
    )]
    TooCommon,
    /// Mostly the names of the business or of the person.
    #[error("this is mostly the name of the business or of the person; add other words")]
    TooPersonal,
}

/// The form in which passwords are compared and hashed: NFKC, so that the same characters typed on two keyboards are
/// equal. `None` when it is longer than is ever hashed.
pub fn normalise(password: &str) -> Option<String> {
    if password.len() > MAX_BYTES {
        return None;
    }
    let normal: String = password.nfkc().collect();
    (normal.len() <= MAX_BYTES).then_some(normal)
}

/// Judges a new password and gives the form to hash. `own_words` are names of the tenant and of the person.
///
/// # Errors
/// The first weakness found.
pub fn accept(password: &str, own_words: &[&str]) -> Result<String, Weakness> {
    let normal = normalise(password).ok_or(Weakness::TooLong)?;
    if normal.chars().count() < MIN_LENGTH {
        return Err(Weakness::TooShort);
    }
    let text = simplify(&normal);
    let common: Vec<Vec<char>> = COMMON.lines().map(|line| line.chars().collect()).collect();
    if strength(&text, &common) < MIN_STRENGTH {
        return Err(Weakness::TooCommon);
    }
    let mut with_own = own_pieces(own_words);
    with_own.extend(common);
    if strength(&text, &with_own) < MIN_STRENGTH {
        return Err(Weakness::TooPersonal);
    }
    Ok(normal)
}

/// Small letters, and the usual disguises taken off: `P@ssw0rd` is `password`.
fn simplify(text: &str) -> Vec<char> {
    text.to_lowercase()
        .chars()
        .map(|letter| match letter {
            '@' => 'a',
            '$' => 's',
            '!' => 'i',
            '€' => 'e',
            other => other,
        })
        .collect()
}

fn own_pieces(own_words: &[&str]) -> Vec<Vec<char>> {
    own_words
        .iter()
        .flat_map(|words| {
            let squeezed: String = words.chars().filter(|letter| letter.is_alphanumeric()).collect();
            words
                .split(|letter: char| !letter.is_alphanumeric())
                .map(str::to_owned)
                .chain([squeezed])
                .collect::<Vec<_>>()
        })
        .map(|word| simplify(&word))
        .filter(|word| word.len() >= MIN_WORD)
        .collect()
}

/// How much of the text somebody who guesses cannot take from a list.
///
/// The text is cut from the left, each time at the longest common piece, sequence (`3456`, `fedc`), repetition (`aaaa`)
/// or year that begins there. Each different piece counts 2, each remaining character 1, and everything the second time 0.
fn strength(text: &[char], pieces: &[Vec<char>]) -> usize {
    let mut seen: BTreeSet<&[char]> = BTreeSet::new();
    let mut own = String::new();
    let mut rest = text;
    let mut total = 0;
    while let Some((first, tail)) = rest.split_first() {
        let (year, other) = (year(rest), longest(rest, pieces).max(run(rest)));
        match rest.split_at_checked(year.max(other)) {
            Some((piece, after)) if piece.len() > 1 => {
                // All years count as one.
                if seen.insert(if year > other { &['2'] } else { piece }) {
                    total += PIECE_STRENGTH;
                }
                rest = after;
            }
            _ => {
                own.push(*first);
                rest = tail;
            }
        }
    }
    total + without_repetition(&own)
}

fn longest(text: &[char], pieces: &[Vec<char>]) -> usize {
    let undisguised = |letter: char| match letter {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        other => other,
    };
    let begins = |piece: &&Vec<char>| {
        piece.len() <= text.len()
            && piece
                .iter()
                .zip(text)
                .all(|(wanted, found)| wanted == found || *wanted == undisguised(*found))
    };
    pieces
        .iter()
        .filter(|piece| piece.len() > 2)
        .filter(begins)
        .map(Vec::len)
        .max()
        .unwrap_or(0)
}

/// The length of a run of equal or of consecutive characters, when it is at least three.
fn run(text: &[char]) -> usize {
    let step = |pair: &[char]| match pair {
        [a, b] => i64::from(u32::from(*b)) - i64::from(u32::from(*a)),
        _ => i64::MAX,
    };
    let Some(first) = text.windows(2).next().map(step).filter(|step| (-1..=1).contains(step)) else {
        return 0;
    };
    let length = 1 + text.windows(2).take_while(|pair| step(pair) == first).count();
    if length >= 3 { length } else { 0 }
}

fn year(text: &[char]) -> usize {
    match text {
        ['1', '9', a, b, ..] | ['2', '0', a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => 4,
        _ => 0,
    }
}

/// The length of the shortest block that, repeated, makes the text: `xyzxyzxyz` counts 3.
fn without_repetition(text: &str) -> usize {
    let letters: Vec<char> = text.chars().collect();
    let fits = |block: &usize| letters.iter().zip(letters.iter().skip(*block)).all(|(a, b)| a == b);
    let block = (1..=letters.len()).find(fits).unwrap_or(0);
    let different: BTreeSet<&char> = letters.iter().collect();
    block.min(different.len() * 2)
}

#[cfg(test)]
#[path = "password_tests.rs"]
mod tests;
