//! Programs that end by themselves: initdb, createdb, enrolment.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// Lines of what a program said that a message shows.
const SAID_LINES: usize = 15;

/// Why a program did not do what it was run for.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It does not start.
    #[error("cannot run {program}")]
    Start {
        /// Its path.
        program: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It failed.
    #[error("{program} ended with {status}; it said:\n{said}")]
    Failed {
        /// Its path.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// It did not end.
    #[error("{program} did not end within {deadline:?}, and was killed")]
    Slow {
        /// Its path.
        program: String,
        /// How long it was given.
        deadline: Duration,
    },
}

/// Runs a command to its end, with nothing to read. Its arguments and environment are in no message.
pub(crate) async fn run(mut command: Command, deadline: Duration) -> Result<(), ToolError> {
    use std::os::unix::process::CommandExt as _;
    let program = command.get_program().display().to_string();
    // A group of its own: Ctrl-C reaches this process, which ends it.
    command.stdin(Stdio::null()).process_group(0);
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let Ok(output) = tokio::time::timeout(deadline, command.output()).await else {
        return Err(ToolError::Slow { program, deadline });
    };
    let output = output.map_err(|source| ToolError::Start { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = said.lines().collect();
    let said = lines[lines.len().saturating_sub(SAID_LINES)..].join("\n");
    Err(ToolError::Failed { program, status: output.status, said })
}
