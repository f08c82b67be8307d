//! Reads a file: cut it into statements, parse each, find what can't be run from a migration.

use std::thread;

use crate::facts::{Facts, Meaning};
use crate::position::{Cursor, line_at};
use crate::split::{Piece, pieces};
use crate::statement::{Script, Statement, Transactional};
use crate::{Position, ScriptError, parser, rules};

/// The largest file that is read. A migration is written by people; what is larger is a data
/// load, and the parser's offsets are 32-bit.
pub const MAX_SCRIPT_BYTES: usize = 32 * 1024 * 1024;

/// The stack of the thread that parses. Legal SQL of 5,000 chained operators overflows 8 MiB in an
/// optimised build, and frames of an unoptimised one are several times larger. The pages that are
/// not used cost nothing.
pub const PARSER_STACK_BYTES: usize = 64 * 1024 * 1024;

/// Reads the text of a migration. Any text gives a script or an error; none panics.
///
/// A byte order mark at the start is skipped. One plain BEGIN and COMMIT around everything are
/// removed; any other transaction control is an error.
pub fn read(sql: &str) -> Result<Script, ScriptError> {
    let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql);
    if sql.len() > MAX_SCRIPT_BYTES {
        return Err(ScriptError::TooLarge { bytes: sql.len(), limit: MAX_SCRIPT_BYTES });
    }
    if let Some(at) = sql.find('\0') {
        return Err(ScriptError::NullByte { position: Position::of(sql, at) });
    }
    let unavailable = |reason: &str| ScriptError::Parser { reason: reason.to_owned() };
    thread::scope(|scope| {
        thread::Builder::new()
            .name("pgbelay-sql".to_owned())
            .stack_size(PARSER_STACK_BYTES)
            .spawn_scoped(scope, || read_here(sql))
            .map_err(|error| unavailable(&format!("no thread for it: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(unavailable("it stopped unexpectedly")))
    })
}

/// Everything that needs the large stack, the dropping of syntax trees among it.
fn read_here(sql: &str) -> Result<Script, ScriptError> {
    let (tokens, broken) = match parser::scan(sql) {
        Ok(tokens) => (tokens, None),
        // What stands before a broken token is looked at first: the earliest mistake of a file is
        // often the cause of the later ones (rows after COPY, words after a psql command).
        Err(fault) => {
            let sound = sql.floor_char_boundary(fault.offset);
            (parser::scan(&sql[..sound]).unwrap_or_default(), Some(fault))
        }
    };
    let mut pieces = pieces(&tokens);
    let unfinished = match &broken {
        Some(_) => pieces.pop_if(|piece| !piece.ended),
        None => None,
    };
    let mut reader = Reader::new(sql, pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        reader.take(index, piece)?;
    }
    if let Some(fault) = broken {
        if let Some(at) = unfinished.as_ref().and_then(Piece::backslash) {
            return Err(meta_command(sql, at));
        }
        return Err(syntax_error(sql, fault, 0, 0));
    }
    reader.finish()
}

/// Goes through the statements of a file in order.
struct Reader<'a> {
    sql: &'a str,
    count: usize,
    cursor: Cursor<'a>,
    statements: Vec<Statement>,
    /// The BEGIN that opened the file, until the COMMIT that closes it.
    opened: Option<ScriptError>,
}

impl<'a> Reader<'a> {
    const fn new(sql: &'a str, count: usize) -> Self {
        Self { sql, count, cursor: Cursor::new(sql), statements: Vec::new(), opened: None }
    }

    fn take(&mut self, index: usize, piece: &Piece) -> Result<(), ScriptError> {
        if let Some(at) = piece.backslash() {
            return Err(meta_command(self.sql, at));
        }
        let (start, end) = piece.span();
        let text = &self.sql[start..end];
        let meaning = parser::parse(text, &piece.tokens)
            .map_err(|fault| syntax_error(self.sql, fault, start, start))?;
        let position = self.cursor.advance_to(start);
        match meaning {
            Meaning::Facts(facts, _ast) => self.statements.push(statement(*facts, text, position)),
            Meaning::PlainBegin if index == 0 => self.opened = Some(control(text, position)),
            Meaning::PlainCommit if index + 1 == self.count && self.opened.is_some() => {
                self.opened = None;
            }
            Meaning::PlainBegin | Meaning::PlainCommit | Meaning::Control => {
                return Err(control(text, position));
            }
            Meaning::CopyFromStdin => return Err(ScriptError::CopyFromStdin { position }),
            Meaning::CopyToStdout => return Err(ScriptError::CopyToStdout { position }),
        }
        Ok(())
    }

    fn finish(self) -> Result<Script, ScriptError> {
        match self.opened {
            Some(never_closed) => Err(never_closed),
            None if self.statements.is_empty() => Err(ScriptError::Empty),
            None => Ok(Script { statements: self.statements }),
        }
    }
}

fn statement(facts: Facts, text: &str, position: Position) -> Statement {
    let (risk, reasons) = rules::judge(&facts);
    Statement {
        text: text.to_owned(),
        position,
        kind: facts.kind,
        objects: facts.objects,
        transactional: match facts.never {
            Some(why) => Transactional::Never { why },
            None => Transactional::Inside,
        },
        destroys: facts.destroys,
        risk,
        reasons,
        not_analysed: facts.not_analysed,
        outside: facts.outside,
    }
}

fn control(text: &str, position: Position) -> ScriptError {
    const SHOWN: usize = 60;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ScriptError::TransactionControl { position, statement: words.chars().take(SHOWN).collect() }
}

fn meta_command(sql: &str, at: usize) -> ScriptError {
    const SHOWN: usize = 40;
    let word = sql[at..].split_whitespace().next().unwrap_or_default();
    ScriptError::PsqlMetaCommand {
        position: Position::of(sql, at),
        command: word.chars().take(SHOWN).collect(),
    }
}

/// `base` is where the parsed text starts in the file, `statement` where its statement does.
fn syntax_error(sql: &str, fault: parser::Fault, base: usize, statement: usize) -> ScriptError {
    let at = base + fault.offset;
    match fault.kind {
        parser::FaultKind::Syntax => ScriptError::Syntax {
            position: Position::of(sql, at),
            line: line_at(sql, at),
            message: fault.message,
        },
        parser::FaultKind::TooDeep => ScriptError::TooDeep { position: Position::of(sql, statement) },
        parser::FaultKind::Unavailable => ScriptError::Parser { reason: fault.message },
    }
}
