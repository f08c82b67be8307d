//! Finds the place of a parser's complaint. The parser crate hands on the words but not the place.
//!
//! Scanner and grammar read from left to right, so a text that is cut off after the mistake gets
//! the same complaint and one that is cut off before it does not. Halving finds the first cut that
//! does: exact, and a logarithmic number of attempts, made for files with a mistake only.

use super::{tokens, tree};
use crate::split::Token;

/// The byte where the scanner's complaint is about something.
pub(super) fn scanner_fault(text: &str, message: &str) -> usize {
    let complains = |end: usize| {
        let cut = &text[..text.floor_char_boundary(end)];
        tokens(cut).is_err_and(|other| other == message)
    };
    let end = text.floor_char_boundary(first(text.len(), complains));
    match near(message) {
        Some(near) if text[..end].ends_with(near) => end - near.len(),
        _ => text.floor_char_boundary(end.saturating_sub(1)),
    }
}

/// The byte of `text` where the token is that the grammar complains about. For the few complaints
/// that name no token, that of the token after which the grammar noticed.
pub(super) fn grammar_fault(text: &str, tokens: &[Token], message: &str) -> usize {
    if message.ends_with(" at end of input") || tokens.is_empty() {
        return text.len();
    }
    let base = tokens[0].start;
    let complains = |last: usize| {
        let shown = if needs_next(text, base, tokens[last]) { last + 1 } else { last };
        let end = tokens.get(shown).map_or(text.len(), |token| token.end - base);
        tree(&text[..end]).is_err_and(|refusal| refusal.message == message)
    };
    let found = first(tokens.len() - 1, complains);
    let is_named = |token: &&Token| Some(&text[token.start - base..token.end - base]) == near(message);
    // Where two tokens were shown at once, it may be about the second.
    let both = tokens[found..].iter().take(2);
    both.clone().find(is_named).unwrap_or(&tokens[found]).start - base
}

/// The smallest number up to `last` that `holds`; it holds for `last` and, once, for all after.
fn first(last: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// PostgreSQL reads these words differently depending on the token that follows.
fn needs_next(text: &str, base: usize, token: Token) -> bool {
    let word = &text[token.start - base..token.end - base];
    ["not", "nulls", "with", "without", "format"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// What the parser quotes of the text, in `… at or near "…"`.
fn near(message: &str) -> Option<&str> {
    let (_, quoted) = message.split_once(" at or near \"")?;
    quoted.strip_suffix('"')
}
