//! The agent's work on PostgreSQL: looking at a database, running migrations in it, telling what became of them.
//!
//! The database is the truth. A migration's record is written in the migration's own transaction, so whatever happens
//! to the agent or to its connection, reading the records settles what was done. Nothing here talks to a controller.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod blockers;
pub mod catalog;
mod check;
mod connect;
mod count;
mod dry_run;
mod extensions;
mod fault;
mod history;
mod inspect;
mod layout;
mod lock;
mod marks;
mod measure;
mod old_table;
mod opening;
mod pieces;
mod prepared;
mod quote;
mod records;
mod recover;
mod run;
mod script;
mod session;
mod settle;
mod step;
mod tally;
mod target;
mod transaction;
mod verify;

pub(crate) use check::difference;
pub use connect::ConnectError;
pub(crate) use connect::connect;
pub use count::count_loss;
pub use dry_run::dry_run;
pub use extensions::{Trust, trust};
pub(crate) use fault::{Fault, Loss};
pub use history::{HistoryError, history};
pub(crate) use inspect::observe_outlined;
pub use inspect::{InspectError, inspect};
pub use measure::measure;
pub(crate) use quote::{identifier, literal};
pub use recover::recover;
pub use run::{adopt, run};
pub(crate) use session::Session;
pub use target::{DEFAULT_SCHEMA, Secret, Target};
pub(crate) use verify::unknown;
pub use verify::verify;

/// What the sessions of pg_dump are called. There is one at a time for each database: any other is left over.
pub(crate) const DUMP: &str = "pgbelay-agent dump";

/// What the sessions of dry runs are called. A run ends them: a trial may be repeated, and others wait for a run.
pub(crate) const TRIAL: &str = "pgbelay-agent dry run";

/// How far a piece of work is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Steps that are recorded.
    pub steps_done: u32,
    /// Steps in all.
    pub steps_total: u32,
    /// What is going on, in words for people.
    pub doing: String,
}

/// How the rest of the agent follows a piece of work, and stops it.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Where progress goes.
    pub progress: &'a watch::Sender<Progress>,
    /// Ends the work: what is under way is rolled back.
    pub cancel: &'a CancellationToken,
    /// Asked before each new transaction: may it start? An agent that has not heard from its controller for too long
    /// finishes what it is at and starts nothing new.
    pub lease: &'a (dyn Fn() -> bool + Send + Sync),
    /// Roles whose sessions may be ended when they are in the way, where policy says after how long.
    pub may_end: &'a [String],
}

impl std::fmt::Debug for Control<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}

impl Control<'_> {
    pub(crate) fn say(&self, steps_done: usize, steps_total: usize, doing: String) {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (steps_done, steps_total) = (count(steps_done), count(steps_total));
        self.progress.send_replace(Progress { steps_done, steps_total, doing });
    }
}
