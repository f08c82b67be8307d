//! From a state to what is still to be done: level-triggered, and the same after a restart as before.

use crate::backup::BackupId;
use crate::command::CommandId;
use crate::decide::{at_work, in_hand, lost, unsettled};
use crate::event::Actor;
use crate::job::{Job, JobId};
use crate::name::DatabaseName;
use crate::retention::may_be_deleted;
use crate::rollout::{PauseReason, Rollout, RolloutId, RolloutState, TargetState};
use crate::state::State;

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
    /// End every connection of an identity.
    Disconnect {
        /// Whose.
        whose: Actor,
    },
}

/// Everything that is still to be done.
#[must_use]
pub fn outstanding(state: &State) -> Vec<Effect> {
    let advances = state
        .open_rollouts()
        .filter(|r| wants_advance(state, r))
        .map(|r| Effect::Advance { rollout: r.id.clone() });
    let commands = state.commands.values().filter_map(|known| {
        let (database, command) = (known.command.database.clone(), known.command.id.clone());
        let rollout = state.rollouts.get(&known.command.rollout)?;
        let cancelled = rollout.targets.get(&database).is_some_and(|target| target.cancelled);
        match &rollout.state {
            RolloutState::Running | RolloutState::Paused { .. } if cancelled => {
                Some(Effect::Cancel { database, command })
            }
            RolloutState::Aborting => Some(Effect::Cancel { database, command }),
            // A person's pause holds back what no agent has taken yet.
            RolloutState::Paused { reason: PauseReason::Operator } if !known.accepted => None,
            RolloutState::Running | RolloutState::Paused { .. } | RolloutState::Finished { .. } => {
                Some(Effect::Deliver { database, command })
            }
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
    let deletions = state.condemned.iter().filter(deletable).map(|(database, backup)| Effect::DeleteBackup {
        database: database.clone(),
        backup: backup.clone(),
    });
    advances.chain(commands).chain(deletions).chain(jobs).chain(revoked).collect()
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
    is_first.then_some(Effect::StartJob { database, job: id })
}

/// Whether asking for the next steps would give any. Cheap: it is asked after every event.
fn wants_advance(state: &State, rollout: &Rollout) -> bool {
    let lost = || lost(state, rollout).next().is_some();
    match rollout.state {
        RolloutState::Paused { .. } => lost(),
        RolloutState::Finished { .. } => false,
        RolloutState::Aborting => at_work(rollout) == 0 || lost(),
        RolloutState::Running => {
            let in_hand = in_hand(rollout);
            let room = state.policy.environment(&rollout.environment).map_or(0, |e| e.max_parallel as usize);
            let (mut due, mut bad, mut unknown) = (false, false, false);
            for target in rollout.targets.values() {
                due |= target.state == TargetState::Due;
                bad |= target.state.is_bad();
                unknown |= matches!(target.state, TargetState::Unknown { .. });
            }
            unknown
                || unsettled(rollout).is_some()
                || in_hand == 0
                || (due && !bad && in_hand < room)
                || lost()
        }
    }
}
