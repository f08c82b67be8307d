//! Why a command did not do what it was asked: what happened, why pgbelay stopped, what to do next.
//!
//! Each part is kept apart until `render::error` puts them on the screen or into JSON.

use std::error::Error as StdError;

use pgbelay_proto::channel::DialError;
use pgbelay_proto::credentials::CredentialsError;
use pgbelay_proto::status::{RemoteError, RemoteKind};

use crate::exit_code::ExitCode;

/// What kind of failure it is: decides the exit code, and is the `kind` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// It was tried and failed.
    Failed,
    /// The command line, a file or a name is wrong.
    Usage,
    /// Policy, window, stale plan, not confirmed.
    Refused,
    /// The role does not allow it.
    NotAllowed,
    /// Somebody has to approve first.
    Approval,
    /// What came of it cannot be told.
    Unknown,
    /// The controller cannot be reached, or does not let us in.
    Unreachable,
    /// A fault of pgbelay itself.
    Internal,
    /// Ctrl-C.
    Interrupted,
}

impl ErrorKind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::NotAllowed => "not-allowed",
            Self::Approval => "approval",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) const fn exit_code(self) -> ExitCode {
        match self {
            Self::Failed | Self::Internal => ExitCode::Failed,
            Self::Usage => ExitCode::Usage,
            Self::Refused | Self::NotAllowed => ExitCode::Refused,
            Self::Approval => ExitCode::WaitsForApproval,
            Self::Unknown => ExitCode::Unknown,
            Self::Unreachable => ExitCode::Unreachable,
            Self::Interrupted => ExitCode::Interrupted,
        }
    }
}

impl From<RemoteKind> for ErrorKind {
    fn from(kind: RemoteKind) -> Self {
        match kind {
            RemoteKind::Usage => Self::Usage,
            RemoteKind::Refused => Self::Refused,
            RemoteKind::Approval => Self::Approval,
            RemoteKind::NotAllowed => Self::NotAllowed,
            RemoteKind::Unknown => Self::Unknown,
            RemoteKind::Internal => Self::Internal,
            RemoteKind::Unreachable => Self::Unreachable,
        }
    }
}

/// A command's failure, in parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    /// Decides the exit code.
    pub(crate) kind: ErrorKind,
    /// What happened.
    pub(crate) message: String,
    /// Several things that are wrong at once, each a block of lines.
    pub(crate) details: Vec<String>,
    /// Why pgbelay stopped there.
    pub(crate) cause: Option<String>,
    /// What to do next.
    pub(crate) hint: Option<String>,
}

impl CliError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Vec::new(), cause: None, hint: None }
    }

    /// A wrong command line, file or name.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// With the reason why pgbelay stopped; an empty one is none.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into()).filter(|text| !text.is_empty());
        self
    }

    /// With what to do next; an empty one is none.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|text| !text.is_empty());
        self
    }

    /// With everything that is wrong.
    #[must_use]
    pub(crate) fn with_details(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }

    /// An error with all that it says of its causes.
    pub(crate) fn from_chain(kind: ErrorKind, error: &(dyn StdError + 'static)) -> Self {
        Self::new(kind, error.to_string()).because(causes(error))
    }
}

/// What an error's sources say, outermost first.
pub(crate) fn causes(error: &(dyn StdError + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |&source| source.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl From<RemoteError> for CliError {
    fn from(error: RemoteError) -> Self {
        let hint = match (error.kind, error.next_step.is_empty()) {
            (RemoteKind::Internal, true) => "look into the controller's log",
            (RemoteKind::Unreachable, true) => "check that the controller runs, then run the command again",
            (_, true) => "",
            (_, false) => &error.next_step,
        };
        Self::new(error.kind.into(), error.message.clone()).hint(hint)
    }
}

impl From<DialError> for CliError {
    fn from(error: DialError) -> Self {
        let hint = match &error {
            DialError::Unreachable { .. } => {
                "check that the controller runs and that the address is right: pgbelay context show"
            }
            DialError::NotTrusted { .. } => {
                "these credentials belong to another controller, or its CA was replaced: check the address with \
                 pgbelay context show, or ask an admin for new credentials"
            }
            DialError::Refused { .. } => {
                "the certificate has expired, was revoked, or is of another CA: ask an admin for new credentials \
                 (pgbelay operator add)"
            }
            DialError::Protocol { .. } => {
                "check the address with pgbelay context show; it must be the controller's main address, not the one \
                 where agents enrol"
            }
        };
        Self::from_chain(ErrorKind::Unreachable, &error).hint(hint)
    }
}

impl From<CredentialsError> for CliError {
    fn from(error: CredentialsError) -> Self {
        let hint = match &error {
            CredentialsError::Read { .. } => {
                "check the path with pgbelay context show; an admin makes credentials with pgbelay operator add".into()
            }
            CredentialsError::NotPrivate { path, .. } => {
                format!("chmod 600 {}; if others may have read it, ask an admin for a new one", path.display())
            }
            CredentialsError::TooLarge { .. }
            | CredentialsError::Malformed { .. }
            | CredentialsError::Address { .. } => "ask an admin for new credentials (pgbelay operator add)".into(),
            CredentialsError::Write { .. } => "check that the directory exists and can be written to".into(),
        };
        Self::from_chain(ErrorKind::Usage, &error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn every_kind_of_the_controller_has_its_exit_code() {
        let code = |kind: RemoteKind| ErrorKind::from(kind).exit_code().number();
        let kinds = [
            RemoteKind::Usage,
            RemoteKind::Refused,
            RemoteKind::Approval,
            RemoteKind::NotAllowed,
            RemoteKind::Unknown,
            RemoteKind::Internal,
            RemoteKind::Unreachable,
        ];
        assert_eq!(kinds.map(code), [2, 3, 4, 3, 5, 1, 7]);
    }

    #[test]
    fn nobody_there_says_where_why_and_what_to_do() {
        let source = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let error = CliError::from(DialError::Unreachable { address: "db:7420".into(), source });
        assert_eq!(error.kind.exit_code(), ExitCode::Unreachable);
        assert_eq!(error.message, "the controller at db:7420 cannot be reached");
        assert_eq!(error.cause.as_deref(), Some("connection refused"));
        assert!(error.hint.is_some());
    }
}
