//! From a state to what is still to be done: level-triggered, and the same after a restart as before.

use crate::backup::BackupId;
use crate::command::{CommandId, CommandKind};
use crate::decide::{is_gate, may_be_taken, undo_wanted, waits, wants_advance};
use crate::event::Actor;
use crate::job::{Job, JobId};
use crate::name::DatabaseName;
use crate::retention::may_be_deleted;
use crate::rollout::{Rollout, RolloutId, RolloutState, TargetState};
use crate::state::{CommandState, State};
use crate::time::Timestamp;

/// Something that is still to be done. Doing it twice does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Ask for the next steps of a rollout.
    Advance {
        /// The rollout.
        rollout: RolloutId,
    },
    /// See to it that the agent has a command, unless it says that it has.
    Deliver {
        /// The database.
        database: DatabaseName,
        /// The command.
        command: CommandId,
    },
    /// See to it that the agent stops working on a command.
    Cancel {
        /// The database.
        database: DatabaseName,
        /// The command.
        command: CommandId,
    },
    /// See to it that the agent has a job, unless it says that it has.
    StartJob {
        /// The database.
        database: DatabaseName,
        /// The job.
        job: JobId,
    },
    /// See to it that the agent ends a job.
    CancelJob {
        /// The database.
        database: DatabaseName,
        /// The job.
        job: JobId,
    },
    /// Nobody will tell any more how a job ended: its agent was revoked, or its database is not managed any more.
    GiveUpJob {
        /// The job.
        job: JobId,
    },
    /// Have an agent delete a backup that was given up.
    DeleteBackup {
        /// Of which database.
        database: DatabaseName,
        /// Which.
        backup: BackupId,
    },
    /// Take back what a rollout did that has come to a halt.
    Undo {
        /// The rollout.
        rollout: RolloutId,
    },
    /// End every connection of an identity.
    Disconnect {
        /// Whose.
        whose: Actor,
    },
}

/// Everything that is still to be done at a moment. While the ledger is in doubt, nothing that changes a database is.
#[must_use]
pub fn outstanding(state: &State, now: Timestamp) -> Vec<Effect> {
    let believed = !state.trust.is_doubted();
    let advances = state
        .open_rollouts()
        .filter(|r| !waits(state, &r.id) && wants_advance(state, r, now))
        .map(|r| Effect::Advance { rollout: r.id.clone() });
    let undone = state.open_rollouts().filter(|rollout| believed && undo_wanted(state, rollout).is_some());
    let undone = undone.map(|rollout| Effect::Undo { rollout: rollout.id.clone() });
    let commands = state.commands.values().filter_map(|known| {
        let (database, command) = (known.command.database.clone(), known.command.id.clone());
        let rollout = state.rollouts.get(&known.command.rollout)?;
        let target = rollout.targets.get(&database);
        // Nothing is at work that could be ended: whoever is asked again reads from the database what was done.
        let unknown = target.is_some_and(|target| matches!(target.state, TargetState::Unknown { .. }));
        let cancelled = !unknown && target.is_some_and(|target| target.cancelled || target.overdue.is_some());
        match &rollout.state {
            RolloutState::Running | RolloutState::Paused { .. } if cancelled => {
                Some(Effect::Cancel { database, command })
            }
            RolloutState::Aborting => Some(Effect::Cancel { database, command }),
            RolloutState::Paused { .. } if is_held_back(state, known) => None,
            // So do a freeze and the hours, also while nobody has noticed yet.
            RolloutState::Running | RolloutState::Paused { .. }
                if !known.accepted && !may_be_taken(state, rollout, &known.command, now) =>
            {
                None
            }
            RolloutState::Running | RolloutState::Paused { .. } | RolloutState::Finished { .. }
                if believed =>
            {
                Some(Effect::Deliver { database, command })
            }
            RolloutState::Running | RolloutState::Paused { .. } | RolloutState::Finished { .. } => None,
        }
    });
    let open = state.open_jobs.keys().flat_map(|database| state.open_jobs(database));
    let jobs = open.filter_map(|job| job_effect(state, job));
    let agents = state.agents.iter().filter(|(_, certificates)| certificates.revoked);
    let operators = state.operators.values().filter(|operator| operator.certificates.revoked);
    let revoked = agents
        .map(|(name, _)| Actor::Agent(name.clone()))
        .chain(operators.map(|operator| Actor::Operator(operator.name.clone())))
        .map(|whose| Effect::Disconnect { whose });
    let deletable = |(database, backup): &&(DatabaseName, BackupId)| {
        state.backup(database, backup).is_ok_and(|known| may_be_deleted(state, known))
    };
    let deletions =
        state.condemned.iter().filter(|_| believed).filter(deletable).map(|(database, backup)| {
            Effect::DeleteBackup { database: database.clone(), backup: backup.clone() }
        });
    advances.chain(undone).chain(commands).chain(deletions).chain(jobs).chain(revoked).collect()
}

/// Whether a command is not given to its agent: a pause holds back what no agent has taken yet. What was run is asked how
/// it is also while windows, freezes or approvals hold back the rest.
#[must_use]
pub fn is_held_back(state: &State, known: &CommandState) -> bool {
    let rollout = state.rollouts.get(&known.command.rollout);
    let held = |rollout: &Rollout| match &rollout.state {
        RolloutState::Paused { reason } => {
            !(is_gate(reason) && matches!(known.command.kind, CommandKind::Verify(_)))
        }
        RolloutState::Running | RolloutState::Aborting | RolloutState::Finished { .. } => false,
    };
    !known.accepted && rollout.is_some_and(|rollout| held(rollout))
}

/// An agent has one job at a time; the others wait for it.
fn job_effect(state: &State, job: &Job) -> Option<Effect> {
    let (database, id) = (job.database.clone(), job.id.clone());
    match state.agents.get(&database) {
        None => return Some(Effect::GiveUpJob { job: id }),
        Some(agent) if agent.revoked => return Some(Effect::GiveUpJob { job: id }),
        Some(_) => {}
    }
    if job.cancelled {
        return Some(Effect::CancelJob { database, job: id });
    }
    let is_first = state.open_jobs(&job.database).next().is_some_and(|first| first.id == job.id);
    (is_first && !state.trust.is_doubted()).then_some(Effect::StartJob { database, job: id })
}
