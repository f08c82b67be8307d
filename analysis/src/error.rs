//! Why a script can't be a migration, and where in the file that is.

use crate::Position;

/// Why a script could not be read. Messages show SQL from the file, never anything else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// There is no statement in it.
    #[error("the file holds no SQL statement")]
    Empty,
    /// It is larger than [`crate::MAX_SCRIPT_BYTES`].
    #[error("the file has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// PostgreSQL's text can't hold a zero byte.
    #[error("{position}: a zero byte; is this a text file in UTF-8?")]
    NullByte {
        /// Where it is.
        position: Position,
    },
    /// PostgreSQL's grammar does not accept it.
    #[error("{position}: {message}, in: {line}")]
    Syntax {
        /// Where the grammar gave up.
        position: Position,
        /// The parser's own words.
        message: String,
        /// That line of the file, cut when it is long.
        line: String,
    },
    /// A command for psql, which no server understands.
    #[error("{position}: {command} is a psql command; only SQL can be run")]
    PsqlMetaCommand {
        /// Where the backslash is.
        position: Position,
        /// The command with its backslash.
        command: String,
    },
    /// The run owns the transaction; only one plain BEGIN and COMMIT around everything is accepted.
    #[error(
        "{position}: {statement} controls the transaction, which the run does; remove it, \
         or put one plain BEGIN and COMMIT around the whole file"
    )]
    TransactionControl {
        /// Where the statement starts.
        position: Position,
        /// The statement, cut when it is long.
        statement: String,
    },
    /// There is no client that could send the rows.
    #[error("{position}: COPY FROM STDIN has no input when a migration runs; use INSERT")]
    CopyFromStdin {
        /// Where the statement starts.
        position: Position,
    },
    /// There is no client that could take the rows.
    #[error("{position}: COPY TO STDOUT has no reader when a migration runs")]
    CopyToStdout {
        /// Where the statement starts.
        position: Position,
    },
    /// It is legal, but nested deeper than the parser can follow.
    #[error("{position}: the statement is nested too deeply to be analysed")]
    TooDeep {
        /// Where the statement starts.
        position: Position,
    },
    /// The parser itself could not work; the script may be fine.
    #[error("the SQL parser could not run: {reason}")]
    Parser {
        /// What it lacked.
        reason: String,
    },
}

impl ScriptError {
    /// Where in the file it is, when it is at one place.
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Empty | Self::TooLarge { .. } | Self::Parser { .. } => None,
            Self::NullByte { position }
            | Self::Syntax { position, .. }
            | Self::PsqlMetaCommand { position, .. }
            | Self::TransactionControl { position, .. }
            | Self::CopyFromStdin { position }
            | Self::CopyToStdout { position }
            | Self::TooDeep { position } => Some(*position),
        }
    }
}
