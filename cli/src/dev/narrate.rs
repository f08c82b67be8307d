//! What `pgbelay dev` says of itself.
//!
//! With a command to run, standard output is the command's alone, and everything here goes to standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Where the story is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Narrator {
    /// To whoever reads the output.
    Output,
    /// Beside the output, which belongs to somebody else.
    Beside,
}

impl Narrator {
    /// One line, or several.
    pub(crate) fn say(self, text: impl Display) {
        // Nobody who listens is no reason to stop.
        let _ = match self {
            Self::Output => writeln!(io::stdout().lock(), "{text}"),
            Self::Beside => writeln!(io::stderr().lock(), "{text}"),
        };
    }

    /// What went wrong, with the end of a log below it.
    pub(crate) fn complain(self, text: impl Display, log: &str) {
        let log: String = log.lines().map(|line| format!("\n  | {line}")).collect();
        let _ = writeln!(io::stderr().lock(), "pgbelay dev: {text}{log}");
    }
}
