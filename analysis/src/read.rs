//! Reads a file: cut it into statements, parse each, find what can't be run from a migration.

mod commands;
mod guard;
mod outcome;
#[cfg(test)]
mod tests;
mod trouble;

use std::cell::Cell;
use std::thread;

use crate::parser::Fault;
use crate::position::Cursor;
use crate::split::{Piece, Token, TokenKind, pieces};
use crate::statement::{Script, Statement};
use crate::syntax::Ast;
use crate::{Position, ScriptError, parser};

pub use guard::guarded;
use outcome::{Outcome, Until, outcomes};
use trouble::{Trouble, What};

/// The largest file that is read. A migration is written by people; what is larger is a data
/// load, and the parser's offsets are 32-bit.
pub const MAX_SCRIPT_BYTES: usize = 32 * 1024 * 1024;

/// The stack of a thread that parses. Legal SQL of 5,000 chained operators overflows 8 MiB in an
/// optimised build, and frames of an unoptimised one are several times larger. The pages that are
/// not used cost nothing.
pub const PARSER_STACK_BYTES: usize = 64 * 1024 * 1024;

/// A statement and all that it says.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) ast: Ast,
    /// Its tokens, without comments.
    pub(crate) tokens: Vec<Token>,
    /// Its bytes in the file, without the comments around it and without the `;`.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// All that could be made of a file with mistakes in it.
#[derive(Debug, Default)]
pub(crate) struct Lenient {
    pub(crate) parsed: Vec<Parsed>,
    /// In the order of the file. Behind a token that can't be read (an endless quote), nothing is.
    pub(crate) faults: Vec<ScriptError>,
    pub(crate) comments: Vec<Comment>,
}

/// A comment's bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Reads the text of a migration. Any text gives a script or an error; none panics.
///
/// A byte order mark at the start is skipped. One plain BEGIN and COMMIT around everything are
/// removed; any other transaction control is an error.
pub fn read(sql: &str) -> Result<Script, ScriptError> {
    let statements = parse_script(sql)?.into_iter().map(|parsed| parsed.statement).collect();
    Ok(Script { statements })
}

/// The same with what each statement says.
pub(crate) fn parse_script(sql: &str) -> Result<Vec<Parsed>, ScriptError> {
    let text = Text::new(sql)?;
    on_parser_stack(|| strictly(&text))?
}

/// What can be read of a file, and everything that is wrong with it. One bad statement hides no
/// other; nothing but comments is nothing, and no fault.
pub(crate) fn parse_leniently(sql: &str) -> Lenient {
    let read = Text::new(sql).and_then(|text| on_parser_stack(|| leniently(&text))?);
    read.unwrap_or_else(|fault| Lenient { faults: vec![fault], ..Lenient::default() })
}

thread_local! {
    /// Whether this thread has the large stack.
    static IS_PARSER: Cell<bool> = const { Cell::new(false) };
}

/// Runs what parses on a stack that is deep enough for it ([`PARSER_STACK_BYTES`]). Everything in this crate does so by
/// itself; whoever reads many texts does it once for all of them, since a thread costs as much as reading a short text.
///
/// # Errors
/// There is no thread to be had, or what was run panicked.
pub fn on_parser_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Result<T, ScriptError> {
    if IS_PARSER.get() {
        return Ok(run());
    }
    thread::scope(|scope| {
        let run = || {
            IS_PARSER.set(true);
            run()
        };
        parser_thread()
            .spawn_scoped(scope, run)
            .map_err(|error| unavailable(&format!("no thread for it: {error}")))?
            .join()
            .map_err(|_| unavailable(STOPPED))
    })
}

const STOPPED: &str = "it stopped unexpectedly";

fn parser_thread() -> thread::Builder {
    thread::Builder::new().name("pgbelay-sql".to_owned()).stack_size(PARSER_STACK_BYTES)
}

fn unavailable(reason: &str) -> ScriptError {
    ScriptError::Parser { reason: reason.to_owned() }
}

/// A file that is short enough and text.
struct Text<'a> {
    sql: &'a str,
    /// Bytes of the byte order mark that was before it.
    skipped: usize,
}

impl<'a> Text<'a> {
    fn new(file: &'a str) -> Result<Self, ScriptError> {
        let sql = file.strip_prefix('\u{feff}').unwrap_or(file);
        if sql.len() > MAX_SCRIPT_BYTES {
            return Err(ScriptError::TooLarge { bytes: sql.len(), limit: MAX_SCRIPT_BYTES });
        }
        if let Some(at) = sql.find('\0') {
            return Err(ScriptError::NullByte { position: Position::of(sql, at) });
        }
        Ok(Self { sql, skipped: file.len() - sql.len() })
    }

    /// Its tokens, up to the one that can't be read.
    fn tokens(&self) -> (Vec<Token>, Option<Fault>) {
        match parser::scan(self.sql) {
            Ok(tokens) => (tokens, None),
            // What stands before a broken token is looked at first: the earliest mistake of a file is
            // often the cause of the later ones (rows after COPY, words after a psql command).
            Err(fault) => {
                let sound = self.sql.floor_char_boundary(fault.offset);
                (parser::scan(&self.sql[..sound]).unwrap_or_default(), Some(fault))
            }
        }
    }
}

/// Everything that needs the large stack, the dropping of syntax trees among it.
fn strictly(text: &Text<'_>) -> Result<Vec<Parsed>, ScriptError> {
    let (tokens, broken) = text.tokens();
    let mut pieces = pieces(&tokens);
    let last = broken.map(|fault| {
        let unfinished = pieces.pop_if(|piece| !piece.ended);
        match unfinished.as_ref().and_then(Piece::backslash) {
            Some(at) => Trouble { at, what: What::Command },
            None => Trouble::of(fault, 0),
        }
    });
    let mut reader = Reader::new(text, pieces.len());
    let outcomes = outcomes(text.sql, &pieces, Until::FirstFault)?;
    for (piece, outcome) in pieces.into_iter().zip(outcomes) {
        reader.take(piece, outcome).map_err(|trouble| trouble.error(text.sql))?;
    }
    if let Some(last) = last {
        return Err(last.error(text.sql));
    }
    match (reader.opened, reader.parsed) {
        (Some(never_closed), _) => Err(never_closed.error(text.sql)),
        (None, parsed) if parsed.is_empty() => Err(ScriptError::Empty),
        (None, parsed) => Ok(parsed),
    }
}

fn leniently(text: &Text<'_>) -> Result<Lenient, ScriptError> {
    let (tokens, broken) = text.tokens();
    let comments = tokens.iter().filter(|token| token.kind == TokenKind::Comment);
    let comments =
        comments.map(|token| Comment { start: token.start + text.skipped, end: token.end + text.skipped });
    let comments = comments.collect();
    let (tokens, mut troubles) = commands::cut(text.sql, tokens);
    let mut pieces = pieces(&tokens);
    if let Some(fault) = broken {
        pieces.pop_if(|piece| !piece.ended);
        troubles.push(Trouble::of(fault, 0));
    }
    let mut reader = Reader::new(text, pieces.len());
    let outcomes = outcomes(text.sql, &pieces, Until::End)?;
    for (piece, outcome) in pieces.into_iter().zip(outcomes) {
        troubles.extend(reader.take(piece, outcome).err());
    }
    troubles.extend(reader.opened);
    Ok(Lenient { parsed: reader.parsed, faults: trouble::errors(text.sql, troubles), comments })
}

/// Goes through the statements of a file in order.
struct Reader<'a> {
    text: &'a Text<'a>,
    count: usize,
    seen: usize,
    cursor: Cursor<'a>,
    parsed: Vec<Parsed>,
    /// The BEGIN that opened the file, until the COMMIT that closes it.
    opened: Option<Trouble<'a>>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a Text<'a>, count: usize) -> Self {
        let parsed = Vec::with_capacity(count);
        Self { text, count, seen: 0, cursor: Cursor::new(text.sql), parsed, opened: None }
    }

    fn take(&mut self, piece: Piece, outcome: Outcome) -> Result<(), Trouble<'a>> {
        let (first, last) = (self.seen == 0, self.seen + 1 == self.count);
        self.seen += 1;
        let (start, end) = piece.span();
        let control = || Trouble { at: start, what: What::Control(&self.text.sql[start..end]) };
        match outcome {
            Outcome::Statement(parsed) => {
                let (mut statement, ast) = *parsed;
                statement.position = self.cursor.advance_to(start);
                let (start, end) = (start + self.text.skipped, end + self.text.skipped);
                self.parsed.push(Parsed { statement, ast, tokens: piece.tokens, start, end });
            }
            Outcome::PlainBegin if first => self.opened = Some(control()),
            Outcome::PlainCommit if last && self.opened.is_some() => self.opened = None,
            Outcome::PlainBegin | Outcome::PlainCommit | Outcome::Control => return Err(control()),
            Outcome::CopyFromStdin => return Err(Trouble { at: start, what: What::CopyFromStdin }),
            Outcome::CopyToStdout => return Err(Trouble { at: start, what: What::CopyToStdout }),
            Outcome::Command(at) => return Err(Trouble { at, what: What::Command }),
            Outcome::Fault(fault) => return Err(Trouble::of(fault, start)),
        }
        Ok(())
    }
}
