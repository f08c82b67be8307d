//! Cuts psql's commands out of a file, for those who want to know about the rest of it.

use super::trouble::{Trouble, What};
use crate::split::{Token, TokenKind};

/// The tokens without the lines of psql's commands, each of which ends the statement before it.
pub(super) fn cut(sql: &str, tokens: Vec<Token>) -> (Vec<Token>, Vec<Trouble<'static>>) {
    if tokens.iter().all(|token| token.kind != TokenKind::Backslash) {
        return (tokens, Vec::new());
    }
    let mut kept = Vec::with_capacity(tokens.len());
    let mut found = Vec::new();
    let mut skip_to = 0;
    for token in tokens {
        if token.start < skip_to {
            continue;
        }
        if token.kind != TokenKind::Backslash {
            kept.push(token);
            continue;
        }
        let at = token.start;
        found.push(Trouble { at, what: What::Command });
        let rest = &sql[at..];
        if rest.starts_with("\\.") {
            drop_rows(&mut kept);
        }
        if !rest.starts_with("\\;") {
            skip_to = rest.find('\n').map_or(sql.len(), |length| at + length);
        }
        kept.push(Token { kind: TokenKind::Semicolon, start: at, end: at });
    }
    (kept, found)
}

/// Takes back the rows that COPY FROM STDIN reads from the file, up to `\.`.
fn drop_rows(kept: &mut Vec<Token>) {
    while kept.pop_if(|token| token.kind != TokenKind::Semicolon).is_some() {}
}
