//! `pgbelay dev`: a throwaway fleet on this machine. Real processes, real certificates, real PostgreSQL.
//!
//! Everything is below one directory, and every process is a child of this one. Nothing survives it: children end with
//! their values here, and should this process be killed, the [`watchdog`] ends them.
//!
//! [`cluster`], with [`programs`] and [`watchdog`], is the one place in the repository that starts a PostgreSQL server;
//! the tests use it too.

use std::ffi::OsString;
use std::path::PathBuf;

use tokio::time::Instant;

use self::environments::Environments;
use self::error::DevError;
use self::example::Example;
use self::narrate::Narrator;
use self::programs::{Places, Programs};
use self::signal::Signals;
use self::site::Site;
use self::story::Story;
use crate::exit_code::ExitCode;

mod agents;
pub mod cluster;
mod controller;
mod daemon;
mod environment;
pub(crate) mod environments;
pub(crate) mod error;
mod example;
mod fleet;
mod foreground;
mod home;
mod narrate;
mod operator;
mod port;
mod process;
pub mod programs;
mod signal;
mod site;
mod story;
#[cfg(test)]
mod testing;
mod tool;
pub mod watchdog;

/// What a fleet is wanted for.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// To be there, until somebody presses Ctrl-C.
    Wait,
    /// For a command, and as long as it runs.
    Command {
        /// The program.
        program: OsString,
        /// Its arguments.
        args: Vec<OsString>,
    },
    /// For the walk through, with these migrations.
    Example {
        /// Where they are; `None`: in the usual place.
        migrations: Option<PathBuf>,
    },
}

/// What is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The directory; `None`: a temporary one.
    pub(crate) dir: Option<PathBuf>,
    /// The databases.
    pub(crate) environments: Environments,
    /// What for.
    pub(crate) work: Work,
}

/// What this process finds around it.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// This program.
    pub(crate) pgbelay: PathBuf,
    /// `PATH`.
    pub(crate) path: Option<OsString>,
    /// Whether somebody types.
    pub(crate) interactive: bool,
}

/// Makes a fleet, does what it is wanted for, and takes it away.
pub(crate) async fn run(options: &Options, surroundings: &Surroundings) -> Result<ExitCode, DevError> {
    let began = Instant::now();
    let example = match &options.work {
        Work::Example { migrations } => Some(Example::prepare(&options.environments, migrations.as_deref())?),
        Work::Wait | Work::Command { .. } => None,
    };
    let mut signals = Signals::listen().map_err(DevError::Signals)?;
    let programs = Programs::find(&Places::usual(surroundings.path.as_deref()))?;
    let site = Site::make(options.dir.as_deref(), &surroundings.pgbelay, &programs)?;
    let story = Story { options, surroundings, site: &site, narrator: narrator(&options.work) };
    let mut running = tokio::select! {
        running = story.start(programs, began) => running?,
        signal = signals.next() => return Ok(ExitCode::Of(signal.exit_code())),
    };
    let code = story.work(&mut running, example.as_ref(), &mut signals).await;
    tokio::select! {
        stopped = running.fleet.stop(story.shutdown()) => stopped?,
        // Asked once more, nobody wants to wait: what is left is killed.
        _ = signals.next() => {}
    }
    story.say_end(began.elapsed());
    code
}

/// With a command, standard output is the command's.
fn narrator(work: &Work) -> Narrator {
    match work {
        Work::Command { .. } => Narrator::Beside,
        Work::Wait | Work::Example { .. } => Narrator::Output,
    }
}
