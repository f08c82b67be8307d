//! Events of commands: what came of them moves the target, the database and its windows.

use std::sync::Arc;

use super::rollouts::{carries_goal, rollout, target};
use super::{IllegalEvent, Place, backups, database, observed, proofs};
use crate::backup::id_of;
use crate::command::{
    Adopt, Answer, Command, CommandId, CommandKind, Failure, FailureKind, Outcome, RefusedBecause, Run, Said,
    StepDone,
};
use crate::database::{AppliedRecord, Observation, Window, records_digest};
use crate::digest::Digest;
use crate::name::DatabaseName;
use crate::plan::{Direction, Expectation, Step};
use crate::rollout::{Target, TargetState};
use crate::state::{CommandState, State};
use crate::time::Span;

pub(super) fn issued(state: &mut State, command: &Command, place: Place) -> Result<(), IllegalEvent> {
    let database = database(state, &command.database, place)?;
    database.fence = command.fence;
    database.in_flight = Some(command.id.clone());
    let target = target(rollout(state, &command.rollout, place)?, &command.database, place)?;
    target.attempt = command.attempt;
    target.state = TargetState::Running { command: command.id.clone() };
    target.overdue = None;
    state.commands_issued += 1;
    let known = CommandState { command: Arc::new(command.clone()), accepted: false };
    match state.commands.insert(command.id.clone(), known) {
        Some(_) => Err(place.exists(&command.id)),
        None => Ok(()),
    }
}

pub(super) fn accepted(state: &mut State, id: &CommandId, place: Place) -> Result<(), IllegalEvent> {
    let known = state.commands.get_mut(id).ok_or_else(|| place.unknown("command", id))?;
    known.accepted = true;
    let command = known.command.clone();
    target(rollout(state, &command.rollout, place)?, &command.database, place)?;
    Ok(())
}

pub(super) fn finished(
    state: &mut State,
    id: &CommandId,
    outcome: &Outcome,
    place: Place,
) -> Result<(), IllegalEvent> {
    let command = state.commands.get(id).ok_or_else(|| place.unknown("command", id))?.command.clone();
    // What cannot be told stays in the agent's hands: nothing else is started on that database.
    if matches!(outcome, Outcome::Unknown { .. }) {
        // Who tells of it has it: whoever wants to know more may ask for it, whatever may begin now.
        if let Some(known) = state.commands.get_mut(id) {
            known.accepted = true;
        }
    } else {
        state.commands.remove(id);
        database(state, &command.database, place)?.in_flight = None;
    }
    if let Outcome::Refused { reason: RefusedBecause::StaleFence { seen } } = outcome {
        // Another controller has been at work there, or this one was restored from an old copy. The rollout fails;
        // whoever looks at that and plans again means this controller.
        let database = database(state, &command.database, place)?;
        database.fence = database.fence.max(*seen);
    }
    if uses_resolution(&command, outcome) {
        database(state, &command.database, place)?.resolution = None;
    }
    let plan_id = rollout(state, &command.rollout, place)?.plan.clone();
    let plan = state.plans.get(&plan_id).map(|known| Arc::clone(&known.plan));
    let plan = plan.ok_or_else(|| place.unknown("plan", &plan_id))?;
    let target = target(rollout(state, &command.rollout, place)?, &command.database, place)?;
    move_target(target, &command, outcome, !plan.body.queries().is_empty());
    if let (TargetState::Failed { failure }, Some(release)) = (&target.state, plan.body.goal.release())
        && failure.kind == FailureKind::Verification
    {
        proofs::verified(state, (&plan.body.environment, &release), false, place);
    }
    if let Outcome::BackedUp { backup } = outcome {
        backups::made(state, &command, backup, place);
    }
    let (done, observation) = recorded(outcome);
    if matches!(outcome, Outcome::Ran { .. }) {
        note_rates(state, &command, done, place)?;
    }
    if let Some(observation) = observation {
        observed(state, &command.database, observation, place)?;
    }
    if let CommandKind::Run(run) = &command.kind {
        match run.direction {
            Direction::Up => open_windows(state, &command, done, place)?,
            Direction::Down => close_windows(state, &command.database, done, place)?,
        }
    }
    match outcome {
        Outcome::Ran { .. } if goes_on(&command) => Ok(()),
        Outcome::Ran { .. } => carries_goal(state, &command.rollout, &command.database, place),
        Outcome::BackedUp { .. }
        | Outcome::Rehearsed { .. }
        | Outcome::Verified { .. }
        | Outcome::Failed { .. }
        | Outcome::Interrupted { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Unsettled { .. }
        | Outcome::Refused { .. }
        | Outcome::Unknown { .. } => Ok(()),
    }
}

/// Whether further migrations of its plan follow a command.
fn goes_on(command: &Command) -> bool {
    matches!(&command.kind, CommandKind::Run(run) if run.more)
}

/// Whether a person's word has come to where it counts. One that was given for an interrupted run goes with the next.
fn uses_resolution(command: &Command, outcome: &Outcome) -> bool {
    let carries = matches!(&command.kind, CommandKind::Run(run) if run.resolution.is_some());
    let over = match outcome {
        Outcome::Ran { .. }
        | Outcome::Failed { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Unsettled { .. } => true,
        Outcome::BackedUp { .. }
        | Outcome::Rehearsed { .. }
        | Outcome::Verified { .. }
        | Outcome::Interrupted { .. }
        | Outcome::Refused { .. }
        | Outcome::Unknown { .. } => false,
    };
    carries && over
}

/// `asks`: whether policy has queries for what was run.
fn move_target(target: &mut Target, command: &Command, outcome: &Outcome, asks: bool) {
    let (done, observation) = recorded(outcome);
    target.done.extend(done.iter().cloned());
    if let Some(observation) = observation
        && explains(command, done, observation)
    {
        target.expect = Expectation::from(observation);
    }
    let state = match outcome {
        Outcome::BackedUp { backup } => {
            target.backup = Some(backup.clone());
            target.backup_after = target.done.len();
            target.attempt = 0;
            TargetState::Due
        }
        Outcome::Interrupted { .. } => {
            let pieces = observation.map_or(0, |seen| seen.unfinished.iter().map(|one| one.done).sum());
            if !done.is_empty() || pieces > target.pieces {
                target.attempt = 0;
            }
            target.pieces = pieces;
            TargetState::Due
        }
        // Before the next migration comes its backup.
        Outcome::Ran { .. } if goes_on(command) => {
            target.attempt = 0;
            target.pieces = 0;
            TargetState::Due
        }
        Outcome::Ran { .. } if asks => {
            (target.attempt, target.pieces, target.verified) = (0, 0, false);
            TargetState::Due
        }
        Outcome::Ran { .. } => TargetState::Done,
        Outcome::Rehearsed { rehearsed } => {
            target.rehearsed = Some(rehearsed.clone());
            target.attempt = 0;
            TargetState::Due
        }
        Outcome::Verified { answers } => {
            let state = judged(answers);
            target.verified = state == TargetState::Done;
            state
        }
        // That nobody could ask says nothing of the database.
        Outcome::Failed { failure, .. } if matches!(command.kind, CommandKind::Verify(_)) => {
            TargetState::Unverified { why: failure.message.clone() }
        }
        Outcome::Failed { failure, .. } => TargetState::Failed { failure: failure.clone() },
        Outcome::Cancelled { .. } if !target.cancelled => match target.overdue {
            Some(deadline) => TargetState::Failed { failure: overdue(deadline) },
            None => TargetState::Cancelled,
        },
        Outcome::Cancelled { .. } => TargetState::Cancelled,
        Outcome::Unsettled { statement, .. } => TargetState::Unsettled { statement: statement.clone() },
        // Nobody could start it in time. Nothing has happened, and the next command has a deadline of its own.
        Outcome::Refused { reason: RefusedBecause::TooLate } => TargetState::Due,
        Outcome::Refused { reason } => TargetState::Refused { why: reason.to_string() },
        Outcome::Unknown { why } => TargetState::Unknown { command: command.id.clone(), why: why.clone() },
    };
    // What would come next was cancelled, and what is not settled waits for the next run.
    let ends = target.cancelled && matches!(state, TargetState::Due | TargetState::Unsettled { .. });
    target.state = if ends { TargetState::Cancelled } else { state };
}

/// What the answers say of a database: one that is wrong weighs more than one that is missing.
fn judged(answers: &[Answer]) -> TargetState {
    let wrong = answers.iter().find_map(|answer| match &answer.said {
        Said::Failed { got } => Some(format!("verification {:?} gave {got}", answer.query)),
        Said::Passed | Said::Unknown { .. } => None,
    });
    if let Some(message) = wrong {
        let hint =
            "its migrations are applied: look at the database, then retry, skip it or roll back".to_owned();
        let failure = Failure { hint: Some(hint), ..failure(FailureKind::Verification, message) };
        return TargetState::Failed { failure };
    }
    let unasked = answers.iter().find_map(|answer| match &answer.said {
        Said::Unknown { why } => Some(format!("verification {:?} could not be asked: {why}", answer.query)),
        Said::Passed | Said::Failed { .. } => None,
    });
    unasked.map_or(TargetState::Done, |why| TargetState::Unverified { why })
}

/// The agent has ended what took longer than policy allows.
fn overdue(deadline: Span) -> Failure {
    failure(
        FailureKind::StepDeadline,
        format!("it took longer than {deadline} (step_deadline) and was cancelled"),
    )
}

fn failure(kind: FailureKind, message: String) -> Failure {
    Failure { kind, version: None, message, hint: None, sqlstate: None, line: None, blockers: Vec::new() }
}

/// What the steps say about how fast the database is. One that had to wait for locks says nothing.
fn note_rates(
    state: &mut State,
    command: &Command,
    done: &[StepDone],
    place: Place,
) -> Result<(), IllegalEvent> {
    let Some(bulk) = rollout(state, &command.rollout, place)?.bulk.get(&command.database).cloned() else {
        return Ok(());
    };
    let told = done.iter().filter(|step| step.retries == 0);
    let told: Vec<_> = told.filter_map(|step| Some((bulk.get(&step.version)?, step.took))).collect();
    if told.is_empty() {
        return Ok(());
    }
    let database = database(state, &command.database, place)?;
    for (bulk, took) in told {
        database.rates.note(bulk.kind, bulk.bytes, u64::try_from(took.0).unwrap_or_default());
    }
    Ok(())
}

/// Whether the database is where these steps alone have taken it. What somebody else did to it in the meantime is
/// not taken over: the next command expects what this plan left behind, and is refused.
pub(super) fn explains(command: &Command, done: &[StepDone], seen: &Observation) -> bool {
    match &command.kind {
        CommandKind::Backup { .. } | CommandKind::Verify(_) | CommandKind::Rehearse(_) => false,
        CommandKind::Run(_) | CommandKind::Adopt(_) if done.is_empty() => false,
        CommandKind::Run(Run { direction: Direction::Down, .. }) => true,
        CommandKind::Run(Run { direction: Direction::Up, expect, steps, .. })
        | CommandKind::Adopt(Adopt { expect, steps, .. }) => {
            let before: Vec<_> = seen.records.iter().filter_map(|r| before(steps, done, r)).collect();
            records_digest(&before) == expect.records
        }
    }
}

/// The record as it was before these steps: none, or that of a repeatable migration's earlier run.
fn before(steps: &[Step], done: &[StepDone], record: &AppliedRecord) -> Option<AppliedRecord> {
    if done.iter().all(|step| step.version != record.version) {
        return Some(record.clone());
    }
    let step = steps.iter().find(|step| step.version == record.version)?;
    Some(AppliedRecord { checksum: step.replaces?, ..record.clone() })
}

/// The steps that an outcome says are recorded, and the database afterwards.
fn recorded(outcome: &Outcome) -> (&[StepDone], Option<&Observation>) {
    match outcome {
        Outcome::Ran { done, observation } => (done, Some(observation)),
        Outcome::Failed { done, observation, .. }
        | Outcome::Interrupted { done, observation }
        | Outcome::Cancelled { done, observation }
        | Outcome::Unsettled { done, observation, .. } => (done, observation.as_ref()),
        Outcome::BackedUp { .. }
        | Outcome::Rehearsed { .. }
        | Outcome::Verified { .. }
        | Outcome::Refused { .. }
        | Outcome::Unknown { .. } => (&[], None),
    }
}

fn open_windows(
    state: &mut State,
    command: &Command,
    done: &[StepDone],
    place: Place,
) -> Result<(), IllegalEvent> {
    let environment = rollout(state, &command.rollout, place)?.environment.clone();
    let length = state.policy.environment(&environment).map(|e| e.rollback_window);
    let Some(length) = length else { return Ok(()) };
    let taken = target(rollout(state, &command.rollout, place)?, &command.database, place)?.backup.clone();
    let backup = taken.map(|backup| id_of(&backup.path).to_owned());
    let database = database(state, &command.database, place)?;
    for step in done {
        let window = Window { opened_at: place.at, until: place.at + length, backup: backup.clone() };
        database.windows.insert(step.version.clone(), window);
    }
    Ok(())
}

/// What was rolled back has no window, and no release with it is carried: also when the database could not be read
/// afterwards.
fn close_windows(
    state: &mut State,
    name: &DatabaseName,
    done: &[StepDone],
    place: Place,
) -> Result<(), IllegalEvent> {
    let releases = state.releases.clone();
    let database = database(state, name, place)?;
    database.windows.retain(|version, _| done.iter().all(|step| step.version != *version));
    let has = |id: &Digest, step: &StepDone| {
        releases.get(id).is_some_and(|release| release.migration(&step.version).is_some())
    };
    let lacks = |id: &&Digest| done.iter().any(|step| has(id, step));
    let gone: Vec<_> = database.carries.keys().filter(lacks).copied().collect();
    database.carries.retain(|id, _| !gone.contains(id));
    let environment = database.environment.clone();
    // What it no longer carried for another reason has not been taken back by anybody before.
    let known = state.shown.get(&environment).map(|shown| shown.releases.keys().copied().collect());
    let known: Vec<Digest> = known.unwrap_or_default();
    for id in known.iter().filter(lacks) {
        proofs::taken_back(state, &environment, id, gone.contains(id), place.at);
    }
    Ok(())
}

impl std::fmt::Display for RefusedBecause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StaleFence { seen } => {
                write!(f, "the database has already seen a newer command (fence {seen})")
            }
            Self::Moved { what } => write!(f, "the database is not as it was when the plan was made: {what}"),
            Self::TooLate => f.write_str("the command's deadline had passed before it could be started"),
            Self::Guard { rule } => write!(f, "the agent's own guard does not allow it: {rule}"),
        }
    }
}
