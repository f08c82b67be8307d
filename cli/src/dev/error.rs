//! Why a throwaway fleet did not come up, or did not do what it was wanted for.

use std::io;
use std::path::Path;

use super::agents::AgentsError;
use super::cluster::ClusterError;
use super::controller::ControllerError;
use super::environment::WriteError;
use super::example::ExampleError;
use super::fleet::FleetError;
use super::foreground::ForegroundError;
use super::home::HomeError;
use super::programs::ProgramsError;
use super::site::SiteError;
use crate::error::{CliError, ErrorKind};

/// The part that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    /// There is nothing to be shown.
    #[error(transparent)]
    Example(#[from] ExampleError),
    /// Ctrl-C could not be waited for.
    #[error("cannot listen for signals")]
    Signals(#[source] io::Error),
    /// There is no PostgreSQL.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// There is no place.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The server does not run.
    #[error(transparent)]
    Cluster(ClusterError),
    /// The controller does not run.
    #[error(transparent)]
    Controller(Box<ControllerError>),
    /// The agents do not run.
    #[error(transparent)]
    Agents(#[from] AgentsError),
    /// What leads commands to the fleet cannot be written.
    #[error(transparent)]
    Environment(#[from] WriteError),
    /// The context cannot be written.
    #[error(transparent)]
    Context(Box<CliError>),
    /// A process of the fleet is gone.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// The command did not run to its end.
    #[error(transparent)]
    Foreground(#[from] ForegroundError),
}

impl DevError {
    /// What a shell would report, where the command is to blame.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        if let Self::Foreground(error) = self { Some(error.exit_code()) } else { None }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Example(_) | Self::Site(SiteError::Home(HomeError::NotEmpty { .. })) => ErrorKind::Usage,
            Self::Signals(_)
            | Self::Programs(_)
            | Self::Site(_)
            | Self::Cluster(_)
            | Self::Controller(_)
            | Self::Agents(_)
            | Self::Environment(_)
            | Self::Context(_)
            | Self::Fleet(_)
            | Self::Foreground(_) => ErrorKind::Failed,
        }
    }

    /// Where the message does not say it already. `dir`: what is kept.
    fn hint(&self, dir: Option<&Path>) -> String {
        match (self, dir) {
            (Self::Cluster(_) | Self::Controller(_) | Self::Agents(_) | Self::Fleet(_), Some(dir)) => {
                let dir = dir.display();
                format!("look into the logs: {dir}/logs and {dir}/postgres/server.log")
            }
            (Self::Cluster(_) | Self::Controller(_) | Self::Agents(_) | Self::Fleet(_), None) => {
                "run it with --dir DIR to keep the logs".to_owned()
            }
            (Self::Environment(_) | Self::Context(_), _) => {
                "check that the directory can be written to and has room".to_owned()
            }
            (
                Self::Example(_) | Self::Signals(_) | Self::Programs(_) | Self::Site(_) | Self::Foreground(_),
                _,
            ) => String::new(),
        }
    }

    /// The error as the command line shows it. `dir`: what is kept.
    pub(crate) fn shown(self, dir: Option<&Path>) -> CliError {
        CliError::from_chain(self.kind(), &self).hint(self.hint(dir))
    }
}
