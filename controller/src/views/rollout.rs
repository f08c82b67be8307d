//! Rollouts and their targets.

use std::collections::HashMap;

use pgbelay_core::command::{Backup, CommandKind, Failure, FailureKind, Rehearsed, StepDone, Unsettled};
use pgbelay_core::decide::undo_wanted;
use pgbelay_core::migration::Version;
use pgbelay_core::name::DatabaseName;
use pgbelay_core::outstanding::is_held_back;
use pgbelay_core::plan::{Goal, Step};
use pgbelay_core::policy::BackupEach;
use pgbelay_core::rollout::{Confirmation, Rollout, RolloutId, RolloutState, Target, TargetState, Verdict};
use pgbelay_core::state::State;
use pgbelay_core::time::Span;
use pgbelay_proto::wire;

use super::plan::goal;
use crate::clock::rfc3339;
use crate::fleet::Fleet;

/// The word for a confirmation.
#[must_use]
pub const fn confirmation(confirmation: Confirmation) -> &'static str {
    match confirmation {
        Confirmation::None => "none",
        Confirmation::Typed => "typed",
        Confirmation::Forced => "forced",
    }
}

/// Most steps on all databases whose observations are told: the view of a large fleet stays small.
const MOST_OBSERVED: usize = 1_000;

/// A rollout as people read it, without what was observed.
#[must_use]
pub fn rollout(state: &State, fleet: &Fleet, rollout: &Rollout) -> wire::RolloutView {
    let mut view = full(state, fleet, rollout);
    forget_observed(&mut view);
    view
}

/// The same with what was observed, unless there are too many steps.
#[must_use]
pub fn detailed(state: &State, fleet: &Fleet, rollout: &Rollout) -> wire::RolloutView {
    let mut view = full(state, fleet, rollout);
    if rollout.targets.values().map(|target| target.done.len()).sum::<usize>() > MOST_OBSERVED {
        forget_observed(&mut view);
    }
    view
}

fn forget_observed(view: &mut wire::RolloutView) {
    let steps = view.targets.iter_mut().flat_map(|target| &mut target.steps);
    steps.for_each(|step| step.observed = None);
}

fn full(state: &State, fleet: &Fleet, rollout: &Rollout) -> wire::RolloutView {
    let plan = state.plan_of(rollout);
    let (release, direction, _) = plan.map(|plan| goal(&plan.body.goal)).unwrap_or_default();
    let (word, reason, finished_at) = standing(&rollout.state);
    let mut backups = of_rollout(state, rollout);
    let targets = rollout.targets.iter().map(|(name, target)| {
        let backups = backups.remove(name).unwrap_or_default();
        let steps = plan.and_then(|plan| plan.body.targets.get(name)).map(|planned| planned.steps.as_slice());
        wire::TargetView { backups, ..view(state, fleet, name, target, steps.unwrap_or_default()) }
    });
    wire::RolloutView {
        id: rollout.id.to_string(),
        plan: rollout.plan.to_string(),
        environment: rollout.environment.to_string(),
        state: word.to_owned(),
        reason,
        direction: direction.to_owned(),
        release,
        started_by: rollout.started_by.to_string(),
        started_at: rfc3339(rollout.started_at),
        finished_at,
        confirmation: confirmation(rollout.confirmation).to_owned(),
        targets: targets.collect(),
        overridden: rollout.overridden.as_ref().map_or_else(String::new, |(by, why)| format!("{by}: {why}")),
        acknowledged: rollout.acknowledged.iter().map(ToString::to_string).collect(),
        held: held(state, rollout),
        undo: undo(state, rollout),
        waves: plan.map(|plan| super::waves::of_rollout(state, plan, rollout)).unwrap_or_default(),
    }
}

/// Why it does not go on, though it is not over and perhaps not paused.
fn held(state: &State, rollout: &Rollout) -> String {
    if rollout.state.is_finished() {
        return String::new();
    }
    // Whoever reads it may see this environment, and perhaps no other.
    let is_of_it = |name: &DatabaseName| {
        state.databases.get(name).is_some_and(|database| database.environment == rollout.environment)
    };
    state.trust.problem_for(is_of_it).unwrap_or_default()
}

/// What becomes of what it did, where policy wants that to be rolled back by itself.
fn undo(state: &State, rollout: &Rollout) -> String {
    if let Some(why) = &rollout.not_undone {
        return format!("not rolled back by itself: {why}");
    }
    if undo_wanted(state, rollout).is_some() {
        return "about to be rolled back by itself".to_owned();
    }
    let of_first = rollout.targets.keys().next().and_then(|name| state.rollouts_of.get(name));
    let is_undo = |id: &&RolloutId| {
        let plan = state.rollouts.get(*id).and_then(|other| state.plan_of(other));
        plan.is_some_and(
            |plan| matches!(&plan.body.goal, Goal::Undo { rollout: of, .. } if *of == rollout.id),
        )
    };
    let by = of_first.into_iter().flatten().rev().take_while(|id| **id != rollout.id).find(is_undo);
    by.map(|by| format!("rolled back by itself: {by}")).unwrap_or_default()
}

fn standing(state: &RolloutState) -> (&'static str, String, String) {
    match state {
        RolloutState::Running => ("running", String::new(), String::new()),
        RolloutState::Paused { reason } => ("paused", reason.to_string(), String::new()),
        RolloutState::Aborting => ("aborting", String::new(), String::new()),
        RolloutState::Finished { verdict, at } => {
            let word = match verdict {
                Verdict::Succeeded => "succeeded",
                Verdict::Failed => "failed",
                Verdict::Aborted => "aborted",
            };
            (word, String::new(), rfc3339(*at))
        }
    }
}

/// The backups that a rollout has taken, where policy asks for one before each migration; the first one first.
fn of_rollout(state: &State, rollout: &Rollout) -> HashMap<DatabaseName, Vec<wire::BackupView>> {
    let plan = state.plan_of(rollout);
    let rules = plan.and_then(|plan| plan.body.backup.rules());
    if rules.is_none_or(|rules| rules.each == BackupEach::Run) {
        return HashMap::new();
    }
    let of_targets = rollout.targets.keys().flat_map(|database| state.backups_of(database));
    let mut known: Vec<_> = of_targets.filter(|known| known.rollout == rollout.id).collect();
    known.sort_by_key(|known| known.made_at);
    let mut backups: HashMap<_, Vec<_>> = HashMap::new();
    for known in known {
        backups.entry(known.database.clone()).or_default().push(backup_view(&known.backup));
    }
    backups
}

fn backup_view(backup: &Backup) -> wire::BackupView {
    wire::BackupView {
        path: backup.path.clone(),
        sha256: backup.sha256.to_string(),
        bytes: backup.bytes,
        took_ms: backup.took.0,
        method: backup.method.as_str().to_owned(),
        method_reason: backup.reason.clone().unwrap_or_default(),
        outside: backup.outside.clone().unwrap_or_default(),
    }
}

fn view(
    state: &State,
    fleet: &Fleet,
    name: &DatabaseName,
    target: &Target,
    steps: &[Step],
) -> wire::TargetView {
    // A map: this is asked for every database of a fleet, several times a second.
    let done: HashMap<_, _> = target.done.iter().map(|done| (&done.version, done)).collect();
    wire::TargetView {
        database: name.to_string(),
        state: word(state, target).to_owned(),
        steps: steps.iter().map(|step| step_view(target, &done, step)).collect(),
        backup: target.backup.as_ref().map(backup_view),
        backups: Vec::new(),
        error: error(name, target),
        rehearsal: target.rehearsed.as_ref().map(rehearsal).unwrap_or_default(),
        doing: doing(fleet, name, target),
    }
}

/// What a rehearsal has shown, in words.
fn rehearsal(seen: &Rehearsed) -> String {
    let of = |n: usize| if n == 1 { "1 migration".to_owned() } else { format!("{n} migrations") };
    let (up, back) = (seen.up.len(), seen.back.len());
    let back = match back {
        0 => "none of them back".to_owned(),
        n if n == up => "back and forward again".to_owned(),
        n => format!("{n} of them back and forward again"),
    };
    format!("{} forward, {back}, in {}", of(up), Span(seen.took.0 / 1_000 * 1_000))
}

/// The word for where a target stands.
pub(super) fn word(state: &State, target: &Target) -> &'static str {
    match &target.state {
        TargetState::Due => "waiting",
        TargetState::Running { command } => {
            let known = state.commands.get(command);
            if known.is_some_and(|known| is_held_back(state, known)) {
                return "waiting";
            }
            match known.map(|known| &known.command.kind) {
                Some(CommandKind::Backup { .. }) => "backing-up",
                Some(CommandKind::Adopt(_)) => "recording",
                Some(CommandKind::Verify(_)) => "verifying",
                Some(CommandKind::Rehearse(_)) => "rehearsing",
                Some(CommandKind::Run(_)) | None => "running",
            }
        }
        TargetState::Done => "done",
        TargetState::Failed { .. } => "failed",
        TargetState::Refused { .. } => "refused",
        TargetState::Cancelled => "cancelled",
        TargetState::Unknown { .. } | TargetState::Unsettled { .. } => "unknown",
        TargetState::Unverified { .. } => "unverified",
        TargetState::Skipped { .. } => "skipped",
        TargetState::NotReached => "not-reached",
    }
}

fn step_view(target: &Target, done: &HashMap<&Version, &StepDone>, step: &Step) -> wire::StepView {
    let done = done.get(&step.version);
    let failed = match &target.state {
        TargetState::Failed { failure } => failure.version.as_ref() == Some(&step.version),
        TargetState::Due
        | TargetState::Running { .. }
        | TargetState::Done
        | TargetState::Refused { .. }
        | TargetState::Cancelled
        | TargetState::Unknown { .. }
        | TargetState::Unsettled { .. }
        | TargetState::Unverified { .. }
        | TargetState::Skipped { .. }
        | TargetState::NotReached => false,
    };
    let state = if done.is_some() {
        "done"
    } else if failed {
        "failed"
    } else {
        "pending"
    };
    wire::StepView {
        version: step.version.to_string(),
        name: step.name.clone(),
        state: state.to_owned(),
        took_ms: done.map_or(0, |done| done.took.0),
        retries: done.map_or(0, |done| done.retries),
        observed: done.and_then(|done| done.observed.as_deref()).map(Into::into),
    }
}

/// What went wrong on a target, in words.
pub(super) fn error(name: &DatabaseName, target: &Target) -> Option<wire::FailureView> {
    let plain = |kind: &str, message: &str, hint: &str| wire::FailureView {
        kind: kind.to_owned(),
        message: message.to_owned(),
        hint: hint.to_owned(),
        ..Default::default()
    };
    match &target.state {
        TargetState::Failed { failure } => Some(super::failure(with_hint(failure))),
        TargetState::Refused { why } => Some(plain("refused", why, "make a new plan and look at it again")),
        TargetState::Unknown { why, .. } => Some(plain(
            "unknown",
            why,
            "bring the agent and its database back; the agent then reads what is recorded and the rollout goes on",
        )),
        TargetState::Unverified { why } => Some(plain(
            "unverified",
            why,
            "its migrations are applied: see that the query can be asked, then resume the rollout, or skip the database",
        )),
        TargetState::Unsettled { statement } => Some(unsettled(name, statement)),
        TargetState::Skipped { by, reason } => {
            Some(plain("skipped", &format!("left out by {by}: {reason}"), ""))
        }
        TargetState::Due
        | TargetState::Running { .. }
        | TargetState::Done
        | TargetState::Cancelled
        | TargetState::NotReached => None,
    }
}

/// What a person has to find out.
fn unsettled(name: &DatabaseName, statement: &Unsettled) -> wire::FailureView {
    let Unsettled { version, piece, pieces, line, what, .. } = statement;
    wire::FailureView {
        kind: "unsettled".to_owned(),
        version: version.to_string(),
        message: format!(
            "piece {piece} of {pieces} was cut off, and nothing shows whether it took effect: {what}"
        ),
        hint: format!(
            "find out on {name} whether it took effect, then run pgbelay resolve {name} {version} --done --reason … \
             or --not-done --reason …"
        ),
        line: *line,
        ..Default::default()
    }
}

fn with_hint(failure: &Failure) -> wire::Failure {
    let default = match failure.kind {
        FailureKind::Sql => "correct the migration, push it and plan again",
        FailureKind::LockTimeout => "end or wait for the sessions that hold the lock, then plan again",
        FailureKind::StatementTimeout => {
            "make the statement cheaper, or raise statement_timeout in the policy"
        }
        FailureKind::StepDeadline => "make it faster, or raise step_deadline in the policy and plan again",
        FailureKind::Backup => "make the backup possible, then plan again; nothing was changed",
        FailureKind::Connection => "make the database reachable, then plan again",
        FailureKind::NotTransactional => "correct the migration, then plan again",
        FailureKind::Busy => "wait for the other migrator to finish, then plan again",
        FailureKind::ReplicationLag => "let the standbys catch up, then plan again",
        FailureKind::SqlMissing => "push the release again, then plan again",
        FailureKind::Rehearsal => {
            "nothing was changed: correct the migration or its rollback SQL, push it and plan again"
        }
        FailureKind::Verification => "look at the database, then retry, skip it or roll back",
        FailureKind::Agent => "look at the agent's log",
    };
    wire::Failure { hint: failure.hint.clone().unwrap_or_else(|| default.to_owned()), ..failure.into() }
}

fn doing(fleet: &Fleet, name: &DatabaseName, target: &Target) -> String {
    let Some(command) = target.state.command() else { return String::new() };
    let about_it = |progress: &wire::Progress| progress.command_id == command.as_str();
    let progress = fleet.look(name, |session| session.progress.clone().filter(about_it));
    match progress {
        None => "waiting for its agent to connect".to_owned(),
        Some(None) => String::new(),
        Some(Some(progress)) if progress.steps_total > 0 => {
            format!("{}/{} {}", progress.steps_done, progress.steps_total, progress.doing)
        }
        Some(Some(progress)) => progress.doing,
    }
}
