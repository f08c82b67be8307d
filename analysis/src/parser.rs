//! PostgreSQL's own scanner and grammar. The only module that names the parser crate: everything
//! that leaves it is of this crate's own types.
//!
//! Callers run on a thread with [`crate::PARSER_STACK_BYTES`] of stack; trees are dropped here.

mod admin;
mod alters;
mod ast;
mod creates;
mod data;
mod drops;
mod locate;
mod names;
pub(crate) mod plpgsql;
pub(crate) mod reach;
mod translate;
mod writes;

use std::ops::Range;

use pg_query::protobuf;

pub(crate) use ast::expression;

use crate::facts::Meaning;
use crate::split::{Token, TokenKind};

// Named so that its feature reaches the parser crate: without `no-recursion-limit`, 47 chained
// operators are too many to decode.
use prost13 as _;

/// Why a text was refused, and the byte of it where that is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    pub(crate) offset: usize,
    pub(crate) message: String,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// The text is not in the grammar.
    Syntax,
    /// The text is nested deeper than the parser can follow.
    TooDeep,
    /// The parser lacks something; the text may be fine.
    Unavailable,
}

/// The tokens of a file, comments included.
pub(crate) fn scan(text: &str) -> Result<Vec<Token>, Fault> {
    if let Some(offset) = endless_operators(text) {
        let message = "more operator characters in a row than can be read";
        return Err(Fault::new(FaultKind::Syntax, offset, message));
    }
    match tokens(text) {
        Ok(tokens) => Ok(tokens.iter().map(token).collect()),
        Err(message) => {
            let offset = locate::scanner_fault(text, &message);
            Err(Fault::new(FaultKind::Syntax, offset, &message))
        }
    }
}

/// How many steps the scanner may spend on runs of operator characters: seconds. For each of them
/// (`+-+-`, `/*/*`) it reads the whole run, takes a little and starts again. The rulers that people
/// draw in comments need some thousands each.
const MAX_OPERATOR_STEPS: usize = 1 << 30;

/// Where the run starts that makes the scanner's work too much.
fn endless_operators(text: &str) -> Option<usize> {
    let mut steps: usize = 0;
    let mut run: usize = 0;
    for (at, byte) in text.bytes().enumerate() {
        run = if b"~!@#^&|`?+-*/%<>=".contains(&byte) { run + 1 } else { 0 };
        steps = steps.saturating_add(run);
        if steps > MAX_OPERATOR_STEPS {
            return Some(at + 1 - run);
        }
    }
    None
}

/// What one statement means. `tokens` are its tokens, without comments, with offsets in the file
/// that `text` was cut from.
pub(crate) fn parse(text: &str, tokens: &[Token]) -> Result<Meaning, Fault> {
    let tree = tree(text).map_err(|refusal| parse_fault(text, tokens, &refusal))?;
    match tree.stmts.as_slice() {
        [one] => Ok(translate::meaning(one.stmt.as_deref())),
        _ => Err(Fault::new(FaultKind::Syntax, 0, "more than one statement without a ; between")),
    }
}

/// The parser's refusal of a statement, with its place.
fn parse_fault(text: &str, tokens: &[Token], refusal: &Refusal) -> Fault {
    let offset = match refusal.kind {
        FaultKind::Syntax => locate::grammar_fault(text, tokens, &refusal.message),
        FaultKind::TooDeep | FaultKind::Unavailable => 0,
    };
    Fault::new(refusal.kind, offset, &refusal.message)
}

/// What each of several statements means, given that all of them can be read: at once is faster. `parts`
/// are their bytes in `text`, with nothing but `;`, spaces and comments between.
pub(crate) fn parse_together(text: &str, parts: &[Range<usize>]) -> Option<Vec<Meaning>> {
    let tree = tree(text).ok()?;
    let is_part = |(one, part): (&protobuf::RawStmt, &Range<usize>)| {
        let start = offset(one.stmt_location);
        // None is given for the last.
        let end = if one.stmt_len == 0 { text.len() } else { start + offset(one.stmt_len) };
        start <= part.start && part.end <= end
    };
    let fit = tree.stmts.len() == parts.len() && tree.stmts.iter().zip(parts).all(is_part);
    fit.then(|| tree.stmts.iter().map(|one| translate::meaning(one.stmt.as_deref())).collect())
}

impl Fault {
    fn new(kind: FaultKind, offset: usize, message: &str) -> Self {
        const SHOWN: usize = 200;
        let cut = message.chars().count() > SHOWN;
        let mut message: String = message.chars().take(SHOWN).collect();
        if cut {
            message.push('…');
        }
        Self { kind, offset, message }
    }
}

/// The parser's refusal, before its place is known: the crate does not hand the place on.
struct Refusal {
    kind: FaultKind,
    message: String,
}

fn tree(text: &str) -> Result<protobuf::ParseResult, Refusal> {
    pg_query::parse(text, 0).map(|parsed| parsed.protobuf).map_err(|error| match error {
        pg_query::Error::Decode(error) => Refusal { kind: FaultKind::TooDeep, message: error.to_string() },
        pg_query::Error::Parse(message) => Refusal { kind: kind_of(&message), message },
        other => Refusal { kind: FaultKind::Unavailable, message: other.to_string() },
    })
}

/// The library tells these apart by its words only.
fn kind_of(message: &str) -> FaultKind {
    let too_deep = ["stack depth limit exceeded", "parse tree is nested too deeply", "memory exhausted"];
    if too_deep.iter().any(|words| message.starts_with(words)) {
        FaultKind::TooDeep
    } else if message.starts_with("out of memory") {
        FaultKind::Unavailable
    } else {
        FaultKind::Syntax
    }
}

/// The scanner's tokens, comments included.
fn tokens(text: &str) -> Result<Vec<protobuf::ScanToken>, String> {
    // The crate makes a slice of a null pointer when there is no token at all.
    if text.bytes().all(is_space) {
        return Ok(Vec::new());
    }
    pg_query::scan_tokens(text).map_err(|error| match error {
        pg_query::Error::Scan(message) => message,
        other => other.to_string(),
    })
}

fn token(token: &protobuf::ScanToken) -> Token {
    let kind = match token.token() {
        protobuf::Token::Ascii59 => TokenKind::Semicolon,
        protobuf::Token::Ascii40 => TokenKind::Open,
        protobuf::Token::Ascii41 => TokenKind::Close,
        protobuf::Token::Ascii92 => TokenKind::Backslash,
        protobuf::Token::SqlComment | protobuf::Token::CComment => TokenKind::Comment,
        protobuf::Token::Create => TokenKind::Create,
        protobuf::Token::Or => TokenKind::Or,
        protobuf::Token::Replace => TokenKind::Replace,
        protobuf::Token::Function | protobuf::Token::Procedure => TokenKind::Routine,
        protobuf::Token::BeginP => TokenKind::Begin,
        protobuf::Token::Atomic => TokenKind::Atomic,
        protobuf::Token::Case => TokenKind::Case,
        protobuf::Token::EndP => TokenKind::End,
        _ => TokenKind::Other,
    };
    Token { kind, start: offset(token.start), end: offset(token.end) }
}

/// What PostgreSQL's scanner skips between tokens.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0b' | b'\x0c')
}

fn offset(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::PARSER_GRAMMAR;

    #[test]
    fn the_grammar_is_the_one_that_is_named() {
        let version = super::tree("SELECT 1").map(|tree| tree.version / 10_000).ok();
        assert_eq!(version.map(|major| format!("PostgreSQL {major}")).as_deref(), Some(PARSER_GRAMMAR));
    }
}
