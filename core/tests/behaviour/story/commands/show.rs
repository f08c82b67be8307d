//! Where everything stands.

use pgbelay_core::database::Database;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::retention::{Fate, Judged, judge};
use pgbelay_core::rollout::{RolloutState, Target, TargetState};

use crate::story::teller::Teller;
use crate::story::words::{list, records};

/// The last rollout and every database.
pub(super) fn show(teller: &mut Teller) {
    let state = teller.world.state.clone();
    if let Some(rollout) = teller.rollout.as_ref().and_then(|id| state.rollouts.get(id)) {
        teller.say(format!("{} {}", rollout.id, rollout_state(&rollout.state)));
        for (name, target) in &rollout.targets {
            teller.say(format!("  {name}: {}", target_state(target)));
        }
    }
    for database in state.databases.values() {
        let line = database_line(teller, database);
        teller.say(line);
    }
}

/// What becomes of each backup of a database, the newest first.
pub(super) fn backups(teller: &mut Teller, database: &DatabaseName) {
    let state = teller.world.state.clone();
    for Judged { backup, fate } in judge(&state, database, teller.world.now) {
        let fate = match fate {
            Fate::Stays(keep) => format!("stays: {keep}"),
            Fate::Goes(why) => format!("goes: {why}"),
            Fate::Condemned(why) => format!("is being deleted: {why}"),
        };
        teller.say(format!("{} {fate}", backup.id()));
    }
}

fn rollout_state(state: &RolloutState) -> String {
    match state {
        RolloutState::Running => "runs".to_owned(),
        RolloutState::Paused { reason } => format!("paused: {reason}"),
        RolloutState::Aborting => "is being aborted".to_owned(),
        RolloutState::Finished { verdict, .. } => format!("{verdict:?}"),
    }
}

fn target_state(target: &Target) -> String {
    let state = match &target.state {
        TargetState::Due => "due".to_owned(),
        TargetState::Running { command } => format!("works on {command}, attempt {}", target.attempt),
        TargetState::Done => "done".to_owned(),
        TargetState::Failed { failure } => format!("failed: {}", failure.message),
        TargetState::Refused { why } => format!("refused: {why}"),
        TargetState::Cancelled => "cancelled".to_owned(),
        TargetState::Unknown { command, why } => format!("{command} unknown: {why}"),
        TargetState::Unsettled { statement } => {
            format!("piece {} of {} unsettled: {}", statement.piece, statement.version, statement.what)
        }
        TargetState::Unverified { why } => format!("not verified: {why}"),
        TargetState::Skipped { by, reason } => format!("skipped by {by}: {reason}"),
        TargetState::NotReached => "not reached".to_owned(),
    };
    let backup = if target.backup.is_some() { "backup" } else { "no backup" };
    format!("{state}; {backup}; recorded {}", list(target.done.iter().map(|d| &d.version)))
}

fn database_line(teller: &Teller, database: &Database) -> String {
    let now = teller.world.now;
    let seen =
        database.observed.as_ref().map_or_else(|| "was never seen".to_owned(), |(_, o)| records(&o.records));
    let windows = database.windows.keys().filter_map(|version| {
        let state = database.window_state(version, now)?;
        Some(format!("{version} {state:?}"))
    });
    let carries = list(database.carries.keys());
    format!(
        "{} {seen}; windows {}; carries {carries}; fence {}",
        database.name,
        list(windows),
        database.fence
    )
}
