//! How a command ends, as a number that scripts may rely on. The table of `docs/cli.md` says the same.

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// 0: what was asked for is done.
    Done,
    /// 1: it was tried and failed.
    Failed,
    /// 2: the command line, a file or a name is wrong; nothing was tried.
    Usage,
    /// 3: refused: policy, role, rollback window, stale plan, not confirmed.
    Refused,
    /// 4: somebody else has to approve first.
    WaitsForApproval,
    /// 5: what came of it cannot be told yet.
    Unknown,
    /// 6: it differs: drift, a diff.
    Differs,
    /// 7: the controller cannot be reached, or does not let us in.
    Unreachable,
    /// 130: Ctrl-C. What the controller was asked to do goes on.
    Interrupted,
    /// What a command that was run on somebody's behalf ended with.
    Of(u8),
}

impl ExitCode {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::WaitsForApproval => 4,
            Self::Unknown => 5,
            Self::Differs => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
            Self::Of(number) => number,
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}

/// The table as `--help` shows it.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    tried, and failed
  2    usage: the command line, a file or a name is wrong
  3    refused: policy, role, window, stale plan, not confirmed
  4    waits for approval
  5    outcome unknown
  6    differs
  7    the controller cannot be reached
  130  interrupted; a rollout that was started goes on";
