//! The agent beside a database: it does the work there, for a controller that it dials.
//!
//! [`run`] is the whole of it: a session keeps the connection, one dispatcher decides what is started, [`work`]
//! does it, and the [`journal`] remembers who asked for what. What was done is never read from here: the database
//! knows. Nothing here decides what *should* be done; that is the controller's.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use backup::{remove_leftovers, stores};
use config::Config;
use dispatcher::{Dispatcher, KeeperGone, Parts};
use identity_files::{IdentityFileError, IdentityFiles};
use jobs::Jobs;
use journal::{Journal, JournalError};
use session::{Keeper, SqlSource};
use state_dir::{StateDir, StateDirError};
use timing::Timing;
use witness::Witness;
use work::{Guard, Site};

mod backoff;
pub mod backup;
mod clock;
pub mod config;
pub mod database;
mod dispatcher;
pub mod durable;
pub mod enrol;
mod failpoint;
pub mod identity_files;
pub mod jobs;
pub mod journal;
mod session;
pub mod state_dir;
pub mod timing;
mod witness;
mod words;
pub mod work;

/// Events of the connection that wait for the dispatcher, which is quick: more than that, and the controller waits.
const LINK_EVENTS: usize = 16;

/// What an agent works with, beside its configuration.
#[derive(Debug)]
pub struct Resources<S> {
    /// The database and the place for backups.
    pub site: S,
    /// Its bounds in time.
    pub timing: Timing,
}

/// How an agent is asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Please: let the transaction that is under way end, and tell its result.
    pub stop: CancellationToken,
    /// At once. What was under way is found out at the next start.
    pub now: CancellationToken,
}

/// Why an agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The state directory can't be used.
    #[error(transparent)]
    State(#[from] StateDirError),
    /// There is no identity.
    #[error(transparent)]
    Identity(#[from] IdentityFileError),
    /// The journal can't be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A part of it broke.
    #[error(transparent)]
    Broken(#[from] KeeperGone),
}

/// Runs an agent until it is asked to stop.
///
/// # Errors
/// It has no identity, can't keep its state, or a part of it broke. A controller or database that is away is not an
/// error: the agent waits for them.
pub async fn run<S: Site>(
    config: &Config,
    resources: Resources<S>,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let Resources { site, timing } = resources;
    let state = StateDir::open(&config.agent.state_dir)?;
    let files = IdentityFiles::new(state.identity(), config.agent.name.clone());
    files.load()?;
    let journal = Journal::open(&state.journal(), clock::now())?;
    let jobs = Jobs::open(&state.jobs()).map_err(StateDirError::from)?;
    Box::pin(tidy(config)).await;
    let site = Arc::new(site);
    // An agent whose journal is gone does not know that it was at a rehearsal.
    let copies = Arc::clone(&site);
    let _dropped = AbortOnDropHandle::new(tokio::spawn(async move { copies.drop_copies().await }));
    let (events, heard) = mpsc::channel(LINK_EVENTS);
    let (channel, connected) = watch::channel(None);
    let hang_up = CancellationToken::new();
    let keeper = Keeper {
        controller: config.agent.controller.clone(),
        files,
        instance_id: state.instance_id()?,
        process_id: Uuid::new_v4().to_string(),
        witness: Witness::new(state.witness()),
        site: Arc::clone(&site),
        timing: timing.clone(),
        events,
        channel,
        stop: hang_up.clone(),
    };
    let dispatcher = Dispatcher::new(Parts {
        site,
        guard: Guard::of(config),
        journal,
        jobs,
        sql: SqlSource::new(connected, timing.fetch),
        timing,
        events: heard,
        stop: shutdown.stop,
    });
    let kept = AbortOnDropHandle::new(tokio::spawn(keeper.keep()));
    tokio::select! {
        done = Box::pin(dispatcher.run()) => done?,
        () = shutdown.now.cancelled() => tracing::warn!("stopping at once"),
    }
    hang_up.cancel();
    // A keeper that broke has nothing left to lose.
    let _ = kept.await;
    Ok(())
}

/// Removes what backups and restores of earlier lives have left on the disk. Also where all was told: it may be that
/// something could not be removed then.
async fn tidy(config: &Config) {
    let (dir, name) = (&config.migration.backup_dir, &config.agent.name);
    stores::forget_fetched(dir, name);
    match remove_leftovers(dir, name, None).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "what unfinished backups had left is removed"),
        Err(error) => {
            tracing::warn!(error = words::line(&error), "what unfinished backups left is still there");
        }
    }
}
