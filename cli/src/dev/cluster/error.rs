//! Why there is no server.

use std::io;
use std::process::ExitStatus;

use tokio::task::JoinError;

use super::{DirectoryError, ProcessError, START, ToolError};

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Its directory cannot be made, or not be used by the account.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A program that ends by itself failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Its process cannot be started or watched.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// There is no port to be had.
    #[error("cannot find a free port")]
    Port(#[source] io::Error),
    /// A task was lost, which is a fault of pgbelay.
    #[error("the making of a database was lost")]
    Lost(#[source] JoinError),
    /// It ended instead of answering.
    #[error("PostgreSQL ended with {status} instead of starting; its log ends:\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// It does not answer.
    #[error("PostgreSQL did not answer within {START:?}; its log ends:\n{log}")]
    Silent {
        /// The end of its log.
        log: String,
    },
    /// It is not there.
    #[error("PostgreSQL is not running")]
    NotRunning,
    /// It is there.
    #[error("PostgreSQL is running already")]
    Running,
}
