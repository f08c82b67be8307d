//! What a run of the command line is given: where it reads and writes, what its terminal can do, its environment.
//!
//! All of it is passed in, so that a test can be a person at a terminal of 60 columns.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Where a command reads and writes, and what it knows of its surroundings.
pub struct Io {
    /// Results.
    pub out: Box<dyn Write + Send>,
    /// The same, to notice that nobody reads them any more; `None`: that is noticed when something is written.
    pub reader: Option<OwnedFd>,
    /// Progress, prompts, errors.
    pub err: Box<dyn Write + Send>,
    /// What a person types.
    pub input: Box<dyn BufRead + Send>,
    /// What the terminal can do.
    pub terminal: Terminal,
    /// The variables that matter here.
    pub environment: Environment,
}

/// Columns and lines.
pub type Size = (u16, u16);

/// Which of the three streams are a terminal, and how wide it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// Somebody can type.
    pub stdin: bool,
    /// Somebody reads the results.
    pub stdout: bool,
    /// Somebody reads the prompts.
    pub stderr: bool,
    /// Columns; `None`: no limit.
    pub width: Option<u16>,
    /// Asks how many columns and lines there are at this moment: a window may change its size.
    pub size: Option<fn() -> Option<Size>>,
}

/// The environment variables that the command line reads, and no others.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `PGBELAY_CONFIG`: the file with the contexts.
    pub config: Option<PathBuf>,
    /// `PGBELAY_CONTEXT`: the context to use.
    pub context: Option<String>,
    /// `PGBELAY_CREDENTIALS`: a credentials file to use in place of any context.
    pub credentials: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `PATH`: where programs are looked for.
    pub path: Option<OsString>,
    /// `NO_COLOR`, set to anything but nothing.
    pub no_color: bool,
}

impl Environment {
    /// Reads the variables of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the command line reads its environment"
    )]
    pub fn of_process() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            config: set("PGBELAY_CONFIG").map(PathBuf::from),
            context: set("PGBELAY_CONTEXT").map(|value| value.to_string_lossy().into_owned()),
            credentials: set("PGBELAY_CREDENTIALS").map(PathBuf::from),
            config_home: set("XDG_CONFIG_HOME").map(PathBuf::from),
            home: set("HOME").map(PathBuf::from),
            path: set("PATH"),
            no_color: set("NO_COLOR").is_some(),
        }
    }
}
