//! The processes of a fleet while they run: told when one ends, and ended together.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitStatus;
use std::task::Poll;
use std::time::Duration;

use super::cluster::{Cluster, ClusterError, Shutdown};
use super::daemon::{Daemon, Next};
use super::narrate::Narrator;
use super::process::{ProcessError, tail};
use super::signal::{self, Signal, Target};

/// How long agents and controller may take to end by themselves; they finish a transaction, and are killed then.
const GRACE: Duration = Duration::from_secs(10);

/// PostgreSQL, a controller and agents. They end with the value, at once.
#[derive(Debug)]
pub(crate) struct Fleet {
    // In this order they are dropped: those who need somebody before the one they need.
    agents: Vec<Daemon>,
    controller: Daemon,
    cluster: Cluster,
}

/// Why a fleet does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    /// The server that all databases are on has ended.
    #[error("PostgreSQL ended unexpectedly with {status}; its log ends:\n{log}")]
    ClusterEnded {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// A daemon ended before everything had come up.
    #[error("{name} ended with {status} instead of starting; its log ends:\n{log}")]
    DaemonEnded {
        /// Which.
        name: String,
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The system does not tell how the server is.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A daemon cannot be started again, or not be waited for.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Something ended that should not have.
#[derive(Debug)]
struct Ended {
    name: String,
    status: ExitStatus,
    next: Next,
    log: String,
}

impl Fleet {
    /// A fleet of running parts.
    pub(crate) fn new(cluster: Cluster, controller: Daemon, agents: Vec<Daemon>) -> Self {
        Self { agents, controller, cluster }
    }

    /// The server that all databases are on.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// For the time until everything has come up: returns when anything ends. May be dropped and called again.
    pub(crate) async fn until_one_ends(&mut self) -> FleetError {
        match self.ended().await {
            Ok(Ended { name, status, log, .. }) => FleetError::DaemonEnded { name, status, log },
            Err(error) => error,
        }
    }

    /// Keeps the fleet running, and tells of what ended; returns only when it cannot go on. May be dropped and called
    /// again.
    pub(crate) async fn keep(&mut self, narrator: Narrator) -> FleetError {
        loop {
            match self.ended().await {
                Ok(Ended { name, status, next: Next::Restart, log }) => {
                    let what =
                        format!("{name} ended unexpectedly with {status}; starting it again. Its log ends:");
                    narrator.complain(what, &log);
                }
                Ok(Ended { name, status, next: Next::GiveUp, log }) => {
                    let what =
                        format!("{name} ended with {status}, again and again; given up. Its log ends:");
                    narrator.complain(what, &log);
                }
                Err(error) => return error,
            }
        }
    }

    async fn ended(&mut self) -> Result<Ended, FleetError> {
        let Self { agents, controller, cluster } = self;
        let log = cluster.log_file();
        tokio::select! {
            status = cluster.ended() => Err(FleetError::ClusterEnded { status: status?, log: tail(&log) }),
            ended = first(std::iter::once(controller).chain(agents)) => Ok(ended?),
        }
    }

    /// Ends every process: agents, then the controller, then PostgreSQL.
    pub(crate) async fn stop(mut self, shutdown: Shutdown) -> Result<(), FleetError> {
        end(self.agents.iter_mut().collect()).await?;
        end(vec![&mut self.controller]).await?;
        Ok(self.cluster.stop(shutdown).await?)
    }
}

/// The first of the daemons that ends.
async fn first<'a>(daemons: impl Iterator<Item = &'a mut Daemon>) -> Result<Ended, ProcessError> {
    let mut daemons: Vec<_> = daemons.collect();
    poll_fn(|context| {
        for daemon in &mut daemons {
            // Made anew each time: what it waits for is kept in the daemon.
            let Poll::Ready(ended) = pin!(daemon.ended()).poll(context) else { continue };
            let (status, next) = match ended {
                Ok(ended) => ended,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let (name, log) = (daemon.name().to_owned(), tail(daemon.log()));
            return Poll::Ready(Ok(Ended { name, status, next, log }));
        }
        Poll::Pending
    })
    .await
}

/// Asks all to end, and waits; those who have not ended by then are killed when they are dropped.
async fn end(mut daemons: Vec<&mut Daemon>) -> Result<(), ProcessError> {
    let targets: Vec<Target> = daemons.iter().filter_map(|daemon| daemon.target()).collect();
    // Failing to send is like being ignored.
    let _ = signal::send_all(Signal::Term, &targets);
    let all = async {
        for daemon in &mut daemons {
            daemon.ended_for_good().await?;
        }
        Ok(())
    };
    tokio::time::timeout(GRACE, all).await.unwrap_or(Ok(()))
}
