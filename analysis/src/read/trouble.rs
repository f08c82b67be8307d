//! What is wrong with a file, as long as its line is not counted.

use crate::parser::{Fault, FaultKind};
use crate::position::{Cursor, line_at};
use crate::{Position, ScriptError};

/// Something wrong at a byte of the file.
pub(super) struct Trouble<'a> {
    pub(super) at: usize,
    pub(super) what: What<'a>,
}

/// What it is.
pub(super) enum What<'a> {
    /// A psql command.
    Command,
    Syntax(String),
    TooDeep,
    Unavailable(String),
    /// This statement controls the transaction.
    Control(&'a str),
    CopyFromStdin,
    CopyToStdout,
}

impl Trouble<'_> {
    /// The parser's fault with a text that starts at that byte.
    pub(super) fn of(fault: Fault, start: usize) -> Self {
        match fault.kind {
            FaultKind::Syntax => Self { at: start + fault.offset, what: What::Syntax(fault.message) },
            FaultKind::TooDeep => Self { at: start, what: What::TooDeep },
            FaultKind::Unavailable => Self { at: start, what: What::Unavailable(fault.message) },
        }
    }

    pub(super) fn error(self, sql: &str) -> ScriptError {
        let position = Position::of(sql, self.at);
        let line = line_at(sql, self.at);
        self.told(sql, position, &line)
    }

    fn told(self, sql: &str, position: Position, line: &str) -> ScriptError {
        match self.what {
            What::Command => ScriptError::PsqlMetaCommand { position, command: command(sql, self.at) },
            What::Syntax(message) => ScriptError::Syntax { position, message, line: line.to_owned() },
            What::TooDeep => ScriptError::TooDeep { position },
            What::Unavailable(reason) => ScriptError::Parser { reason },
            What::Control(text) => ScriptError::TransactionControl { position, statement: shown(text) },
            What::CopyFromStdin => ScriptError::CopyFromStdin { position },
            What::CopyToStdout => ScriptError::CopyToStdout { position },
        }
    }
}

/// All of them in the order of the file, in one pass over it.
pub(super) fn errors(sql: &str, mut troubles: Vec<Trouble<'_>>) -> Vec<ScriptError> {
    troubles.sort_by_key(|trouble| trouble.at);
    let mut cursor = Cursor::new(sql);
    let mut line = (0, String::new());
    let told = troubles.into_iter().map(|trouble| {
        let position = cursor.advance_to(trouble.at);
        if line.0 != position.line {
            line = (position.line, line_at(sql, trouble.at));
        }
        trouble.told(sql, position, &line.1)
    });
    told.collect()
}

fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SHOWN).collect()
}

fn command(sql: &str, at: usize) -> String {
    const SHOWN: usize = 40;
    let word = sql[at..].split_whitespace().next().unwrap_or_default();
    word.chars().take(SHOWN).collect()
}
