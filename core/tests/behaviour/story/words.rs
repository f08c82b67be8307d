//! One line for one event.

use pgbelay_core::command::{Answer, BackupOrder, Command, CommandKind, Outcome, Resolution, Said, StepDone};
use pgbelay_core::database::AppliedRecord;
use pgbelay_core::event::Event;
use pgbelay_core::job::JobEnd;
use pgbelay_core::plan::{Direction, Goal, Plan, Step, Touches};
use pgbelay_core::policy::{BackupEach, BackupPolicy, MethodRule};

use crate::world::START;

/// What an event says, for people.
#[expect(clippy::too_many_lines, reason = "one arm for each event")]
pub(crate) fn line(event: &Event) -> String {
    let text = match event {
        Event::PolicyApplied { policy } => list(policy.environments.iter().map(|e| &e.name)),
        Event::OperatorAdded { operator } => format!("{} {}", operator.name, operator.role.as_str()),
        Event::OperatorRevoked { operator, .. } => operator.to_string(),
        Event::TokenCreated { token } => {
            format!("{} for {} in {}", token.id, token.database, token.environment)
        }
        Event::AgentEnrolled { token, certificate, .. } => {
            format!("with {token}, certificate {}", certificate.serial)
        }
        Event::AgentRenewed { database, certificate } => {
            format!("{database} certificate {}", certificate.serial)
        }
        Event::RenewalUsed { database }
        | Event::AgentRevoked { database, .. }
        | Event::DatabaseRemoved { database, .. } => database.to_string(),
        Event::DatabaseObserved { database, observation } => {
            format!("{database} {}", records(&observation.records))
        }
        Event::ReleaseRecorded { release } => {
            format!("{}: {}", release.id, list(release.migrations.iter().map(|m| &m.version)))
        }
        Event::PlanCreated { plan } => return planned(plan),
        Event::PlanApproved { plan, by } => format!("{plan} by {by}"),
        Event::BackupChecked { database, backup, problems, quick, notes: _ } => {
            let how = if *quick { "looked at, " } else { "" };
            format!("{database} {backup}: {how}{}", if problems.is_empty() { "whole" } else { "not whole" })
        }
        Event::BackupCondemned { database, backup, why } => format!("{database} {backup}: {why}"),
        Event::BackupRemoved { database, backup } => format!("{database} {backup}"),
        Event::PlanTried { plan, databases, failed } => format!("{plan} on {databases}, failed on {failed}"),
        Event::RolloutStarted { rollout, plan, by, confirmation, acknowledged, .. } => {
            let words = if acknowledged.is_empty() {
                String::new()
            } else {
                format!(", acknowledged {}", list(acknowledged))
            };
            format!("{rollout} {plan} by {by}, confirmation {confirmation:?}{words}")
        }
        Event::RolloutPaused { rollout, reason } => format!("{rollout} {reason}"),
        Event::WaveStarted { rollout, place, databases } => {
            format!("{rollout} wave {}: {}", place + 1, list(databases))
        }
        Event::WaveBakes { rollout, until } => format!("{rollout} until {} after the start", *until - START),
        Event::WaveVerifies { rollout } => rollout.to_string(),
        Event::UndoGivenUp { rollout, why } => format!("{rollout}: {why}"),
        Event::WavePassed { rollout, by } => {
            format!(
                "{rollout}, {}",
                by.as_ref().map_or_else(|| "its time had come".to_owned(), |by| format!("by {by}"))
            )
        }
        Event::RolloutRetried { rollout, databases } => format!("{rollout} {}", list(databases)),
        Event::TargetSkipped { rollout, database, by, reason } => {
            format!("{rollout} {database} by {by}: {reason}")
        }
        Event::TargetOverdue { rollout, database, deadline } => {
            format!("{rollout} {database} after {deadline}")
        }
        Event::RolloutResumed { rollout } | Event::RolloutAborted { rollout } => rollout.to_string(),
        Event::WindowOverridden { rollout, by, reason } => format!("{rollout} by {by}: {reason}"),
        Event::Frozen { environment, by, reason } => {
            format!("{} by {by}: {reason}", environment.as_ref().map_or("everything", |e| e.as_str()))
        }
        Event::Unfrozen { environment, by } => {
            format!("{} by {by}", environment.as_ref().map_or("everything", |e| e.as_str()))
        }
        Event::RolloutFinished { rollout, verdict } => format!("{rollout} {verdict:?}"),
        Event::StatementResolved { database, resolution } => {
            let word = if resolution.done { "done" } else { "not done" };
            let Resolution { version, piece, by, reason, .. } = resolution;
            format!("{database} piece {piece} of {version} {word}, by {by}: {reason}")
        }
        Event::TargetUpToDate { rollout, database }
        | Event::TargetGivenUp { rollout, database, .. }
        | Event::TargetCancelled { rollout, database } => {
            format!("{rollout} {database}")
        }
        Event::JobStarted { job, database, by, restore } => {
            let by = by.as_ref().map_or("policy", |name| name.as_str());
            format!("{job} {} of {} on {database} by {by}", restore.into.as_str(), restore.backup)
        }
        Event::JobTaken { job } | Event::JobCancelled { job } => job.to_string(),
        Event::JobEnded { job, end } => format!("{job} {}", ended(end)),
        Event::AgentContested { database, serials, places } => {
            format!("{database} from {}; shut out: {}", list(places), list(serials))
        }
        Event::DriftFound { database, .. } => format!("{database} has another schema"),
        Event::DatabaseUnreachable { database, since } => format!("{database} since {since}"),
        Event::DatabaseReachable { database } => database.to_string(),
        Event::WindowsClosing { environment, windows } => {
            format!(
                "{environment}: {}",
                list(windows.iter().map(|w| format!("{} of {}", w.version, w.database)))
            )
        }
        Event::LedgerDoubted { database, witnessed, finding, head } => {
            format!("{database} was told of entry {}, {finding:?}, the ledger ended at {head}", witnessed.seq)
        }
        Event::LedgerAccepted { witnessed, reason } => {
            format!("against {}: {reason}", list(witnessed.keys()))
        }
        Event::WitnessSetAside { database, reason } => format!("{database}: {reason}"),
        Event::WitnessHeard { database } => database.to_string(),
        Event::CommandIssued { command } => issued(command),
        Event::CommandAccepted { command } => command.to_string(),
        Event::CommandFinished { command, outcome } => format!("{command} {}", came_of_it(outcome)),
    };
    format!("{}: {text}", event.kind())
}

/// Several things, or the word for none.
pub(crate) fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(" ") }
}

/// What is applied.
pub(crate) fn records(records: &[AppliedRecord]) -> String {
    format!("has {}", list(records.iter().map(|r| &r.version)))
}

fn planned(plan: &Plan) -> String {
    let goal = match &plan.body.goal {
        Goal::Release { release } => format!("to {release}"),
        Goal::Back { target } => format!("back to {}", list(target)),
        Goal::Undo { rollout, wave: true } => format!("to undo the last wave of {rollout}"),
        Goal::Undo { rollout, wave: false } => format!("to undo {rollout}"),
        Goal::Adopt { release, tool } => {
            let tool = tool.map_or_else(String::new, |tool| format!(" from {tool}"));
            format!("to adopt {release}{tool}")
        }
        Goal::Baseline { release, version } => format!("to take {release} to be applied up to {version}"),
    };
    let mut text = format!(
        "plan-created: {} {} {goal} by {}, risk {}, backup {}",
        plan.id,
        plan.body.environment,
        plan.author,
        plan.body.risk(),
        backup_policy(&plan.body.backup)
    );
    if !plan.body.course.waves.is_empty() {
        text.push_str(&format!(", {} waves by policy", plan.body.course.waves.len()));
    }
    for (name, target) in &plan.body.targets {
        text.push_str(&format!("; {name} {}", list(target.steps.iter().map(step))));
    }
    text
}

fn backup_policy(policy: &BackupPolicy) -> String {
    match policy {
        BackupPolicy::Off => "Off".to_owned(),
        BackupPolicy::Required(rules) => match rules.each {
            BackupEach::Run => "Required".to_owned(),
            BackupEach::Migration => "Required before each migration".to_owned(),
        },
    }
}

fn step(step: &Step) -> String {
    let direction = match step.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    format!("{direction} {} {}", step.version, step.risk)
}

fn recorded(step: &Step) -> String {
    let how = step.recorded.as_ref().map_or("run", |recorded| recorded.how.as_str());
    format!("{} {how}", step.version)
}

fn issued(command: &Command) -> String {
    let what = match &command.kind {
        CommandKind::Backup { order, .. } => back_up(order),
        CommandKind::Run(run) => {
            let backup = if run.backup.is_some() { "after a backup" } else { "without a backup" };
            format!("{:?} {} {backup}", run.direction, list(run.steps.iter().map(|s| &s.version)))
        }
        CommandKind::Rehearse(tried) => {
            let back = list(tried.back.iter().map(|step| &step.version));
            format!("try {} and back {back}", list(tried.up.iter().map(|step| &step.version)))
        }
        CommandKind::Verify(verify) => {
            format!("ask {}", list(verify.queries.iter().map(|query| &query.name)))
        }
        CommandKind::Adopt(adopt) => format!("record {}", list(adopt.steps.iter().map(recorded))),
    };
    format!("{} {} {what}, attempt {} fence {}", command.id, command.database, command.attempt, command.fence)
}

/// What a backup is to be, where that is not the whole database.
fn back_up(order: &BackupOrder) -> String {
    let method = order.method.as_str();
    let touched = match &order.touches {
        Touches::Relations { names, writes: true } => format!("writes to {}", list(names)),
        Touches::Relations { names, writes: false } => format!("touches {}", list(names)),
        Touches::Untold { why } => format!("untold, {why}"),
    };
    match order.method {
        MethodRule::Full => "back up".to_owned(),
        MethodRule::RestorePoint | MethodRule::Command => format!("back up {method}"),
        MethodRule::Touched | MethodRule::Auto => format!("back up {method} ({touched})"),
    }
}

/// What came of a command.
pub(crate) fn came_of_it(outcome: &Outcome) -> String {
    let after = |done: &[StepDone]| format!("after {}", list(done.iter().map(|d| &d.version)));
    match outcome {
        Outcome::BackedUp { backup } => format!("backed up, {} bytes", backup.bytes),
        Outcome::Rehearsed { rehearsed } => {
            let of = |steps: &[StepDone]| list(steps.iter().map(|step| &step.version));
            format!("rehearsed {}, back {}", of(&rehearsed.up), of(&rehearsed.back))
        }
        Outcome::Verified { answers } => {
            let one = |answer: &Answer| match &answer.said {
                Said::Passed => format!("{} passed", answer.query),
                Said::Failed { got } => format!("{} failed: {got}", answer.query),
                Said::Unknown { why } => format!("{} unknown: {why}", answer.query),
            };
            list(answers.iter().map(one))
        }
        Outcome::Ran { done, .. } => format!("ran {}", list(done.iter().map(|d| &d.version))),
        Outcome::Failed { done, failure, .. } => {
            let at = failure.version.as_ref().map(|version| format!(" at {version}")).unwrap_or_default();
            format!("failed{at} {}: {}", after(done), failure.message)
        }
        Outcome::Interrupted { done, .. } => format!("interrupted {}", after(done)),
        Outcome::Cancelled { done, .. } => format!("cancelled {}", after(done)),
        Outcome::Unsettled { done, statement, .. } => {
            let what = &statement.what;
            format!("unsettled {}: piece {} of {}, {what}", after(done), statement.piece, statement.version)
        }
        Outcome::Refused { reason } => format!("refused: {reason}"),
        Outcome::Unknown { why } => format!("unknown: {why}"),
    }
}

fn ended(end: &JobEnd) -> String {
    match end {
        JobEnd::Restored(restored) => format!("restored to {}", restored.location),
        JobEnd::Failed { message, .. } => format!("failed: {message}"),
        JobEnd::Cancelled => "cancelled".to_owned(),
        JobEnd::Interrupted { why } => format!("interrupted: {why}"),
    }
}
