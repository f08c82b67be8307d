//! What can go wrong in a session, and what of it is told to people.
//!
//! The server's DETAIL and CONTEXT can hold rows. They go to this machine's log, at debug, and nowhere else.

use std::error::Error as _;
use std::fmt;

use pgbelay_core::command::{Failure, FailureKind};
use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState};

/// Why a statement gave no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server's answer; the session goes on.
    Sql(Box<DbError>),
    /// The session is gone, or cannot be trusted any more.
    Lost(Loss),
}

/// How a session was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loss {
    /// What happened, in words.
    pub(crate) why: String,
    /// Somebody ended the session, or shut the server down: a wish, and no accident.
    pub(crate) meant: bool,
}

impl Loss {
    /// A session that broke.
    pub(crate) fn broke(why: impl Into<String>) -> Self {
        Self { why: why.into(), meant: false }
    }

    fn told(error: &DbError) -> Self {
        // The session was ended or the server shut down; a database that was dropped ends its sessions as well.
        let meant = [&SqlState::ADMIN_SHUTDOWN, &SqlState::CRASH_SHUTDOWN, &SqlState::DATABASE_DROPPED];
        Self {
            why: format!("{} (SQLSTATE {})", error.message(), error.code().code()),
            meant: meant.contains(&error.code()),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Fault {
    /// The code of the server's answer.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Sql(error) => Some(error.code()),
            Self::Lost(_) => None,
        }
    }

    /// What happened, in one line.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Sql(error) => format!("{} (SQLSTATE {})", error.message(), error.code().code()),
            Self::Lost(why) => format!("the connection was lost: {why}"),
        }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) if !ends_session(db) => Self::Sql(Box::new(db.clone())),
            Some(db) => Self::Lost(Loss::told(db)),
            None => Self::Lost(Loss::broke(chain(&error))),
        }
    }
}

fn ends_session(error: &DbError) -> bool {
    let fatal = matches!(error.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    // Servers before 9.6 and proxies do not send the severity in a form that can be parsed.
    fatal || ["FATAL", "PANIC"].contains(&error.severity())
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// A failure with nothing but its kind and two lines.
pub(crate) fn failure(kind: FailureKind, message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure {
        kind,
        version: None,
        message: message.into(),
        hint: Some(hint.into()),
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    }
}

/// The failure that an error of the server makes. `statement`: the text that was sent, and the line of the file that
/// it starts on.
pub(crate) fn sql_failure(error: &DbError, statement: Option<(&str, u32)>) -> Failure {
    tracing::debug!(
        code = error.code().code(),
        detail = error.detail(),
        context = error.where_(),
        "the server refused a statement"
    );
    let line = statement.map(|(text, starts)| starts.saturating_add(lines_before(text, error.position())));
    let hint = error.hint().map_or_else(|| hint(error).to_owned(), str::to_owned);
    Failure {
        sqlstate: Some(error.code().code().to_owned()),
        line,
        ..failure(kind(error.code()), error.message(), hint)
    }
}

fn kind(code: &SqlState) -> FailureKind {
    match code {
        code if *code == SqlState::LOCK_NOT_AVAILABLE => FailureKind::LockTimeout,
        code if *code == SqlState::T_R_DEADLOCK_DETECTED => FailureKind::LockTimeout,
        _ => FailureKind::Sql,
    }
}

/// How many lines of a statement end before the place that the server points at.
fn lines_before(text: &str, position: Option<&ErrorPosition>) -> u32 {
    let Some(ErrorPosition::Original(character)) = position else { return 0 };
    let before = usize::try_from(*character).unwrap_or(usize::MAX).saturating_sub(1);
    let lines = text.chars().take(before).filter(|c| *c == '\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

/// What to do next, by the class of the error, where the server has no hint of its own.
fn hint(error: &DbError) -> &'static str {
    let code = error.code().code();
    match (code, code.get(..2).unwrap_or_default()) {
        ("42501", _) => "give the agent's user this privilege, or let the owner's role be the agent's user",
        ("42P07" | "42701" | "42710" | "42P06" | "42723", _) => {
            "something with this name is there already, and pgbelay did not make it: remove it, or write the \
             migration so that it expects it; then plan again"
        }
        ("42P01" | "42703" | "42704" | "42883" | "3F000", _) => {
            "correct the name in the migration, or the order of the migrations; then make a new plan"
        }
        (_, "23") => {
            "rows that are in the database break this constraint: the agent's log (level debug) names them; \
             correct the rows or the migration, then plan again"
        }
        (_, "53") => "the server ran out of space, memory or connections: make room, then plan again",
        _ => "correct the SQL of the migration, then make a new plan",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_counted_in_characters_and_told_as_a_line() {
        let text = "é\nselect\n  nix";
        for (position, lines) in [(1, 0), (2, 0), (3, 1), (12, 2), (900, 2)] {
            assert_eq!(lines_before(text, Some(&ErrorPosition::Original(position))), lines, "{position}");
        }
        assert_eq!(lines_before(text, None), 0);
    }
}
