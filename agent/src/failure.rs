//! How the agent's program ends when it does not end well: words for people, and an exit code for programs.

use std::error::Error;
use std::process::ExitCode;

use pgbelay_agent::config::ConfigError;
use pgbelay_agent::enrol::EnrolError;

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const REFUSED: u8 = 3;
const NOT_REACHED: u8 = 7;

/// What went wrong, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    next_step: Option<String>,
}

impl Failure {
    /// Something that may work the next time.
    pub(crate) fn of(error: impl Error + 'static) -> Self {
        Self { code: FAILED, message: with_causes(&error), next_step: None }
    }

    /// Something that was typed or configured wrong.
    pub(crate) fn usage(error: impl Error + 'static) -> Self {
        Self { code: USAGE, message: with_causes(&error), next_step: None }
    }

    /// Tells it on stderr.
    #[expect(
        clippy::print_stderr,
        reason = "the program's last words, which must not depend on the log level"
    )]
    pub(crate) fn tell(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(next_step) = &self.next_step {
            eprintln!("next: {next_step}");
        }
        ExitCode::from(self.code)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

impl From<EnrolError> for Failure {
    fn from(error: EnrolError) -> Self {
        let code = match &error {
            EnrolError::Refused(_) | EnrolError::NotTrusted(_) | EnrolError::OtherCa => REFUSED,
            EnrolError::NotReached(_) | EnrolError::NoAnswer { .. } => NOT_REACHED,
            EnrolError::State(_)
            | EnrolError::Database(_)
            | EnrolError::Key(_)
            | EnrolError::Tls(_)
            | EnrolError::Failed(_)
            | EnrolError::NotKept(_) => FAILED,
        };
        Self { code, message: with_causes(&error), next_step: Some(error.next_step().to_owned()) }
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}\n  because {cause}") }
    })
}
