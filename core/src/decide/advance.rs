//! The next steps of a rollout: which commands are due, and when it is over.
//!
//! Level-triggered: it looks at where the rollout stands, never at what has just happened, so that it may be
//! asked at any time, as often as one likes, and after a restart as well.

use super::{gates, waves};
use crate::command::{
    Adopt, BackupOrder, Command, CommandId, CommandKind, Rehearse, Resolution, Run, StrongLock, Verify,
};
use crate::digest::Digest;
use crate::event::Event;
use crate::migration::Migration;
use crate::name::DatabaseName;
use crate::plan::{Direction, Goal, Lock, Plan, Step, TargetPlan};
use crate::policy::{BackupEach, BackupPolicy, EnvironmentPolicy, Rehearsal};
use crate::request::Refusal;
use crate::rollout::{
    MAX_ATTEMPTS, PauseReason, Rollout, RolloutId, RolloutState, Stage, Target, TargetState, Verdict,
};
use crate::state::{State, not_found};
use crate::time::Timestamp;

pub(super) fn advance(state: &State, id: &RolloutId, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    let rollout = state.rollout(id)?;
    let plan = state.plan_of(rollout).ok_or_else(|| not_found("plan", &rollout.plan))?;
    if rollout.state.is_finished() {
        return Ok(Vec::new());
    }
    let lost: Vec<_> = lost(state, rollout).collect();
    if !lost.is_empty() {
        let mut events: Vec<_> = lost.iter().map(|name| given_up(rollout, name)).collect();
        events.extend(no_longer_waited_for(rollout, &lost));
        return Ok(events);
    }
    match &rollout.state {
        RolloutState::Running => running(state, rollout, plan, now),
        // What cannot be told stays so: the abort is a person's word that nobody waits for it any longer.
        RolloutState::Aborting => Ok(over(rollout, at_work(rollout), Verdict::Aborted)),
        RolloutState::Paused { reason } => paused(state, rollout, plan, (reason, now)),
        RolloutState::Finished { .. } => Ok(Vec::new()),
    }
}

/// What takes too long is ended, whatever the rollout waits for; what was run is asked how it is while only the rest is
/// held back.
fn paused(
    state: &State,
    rollout: &Rollout,
    plan: &Plan,
    (reason, now): (&PauseReason, Timestamp),
) -> Result<Vec<Event>, Refusal> {
    let overdue = waves::overdue(state, rollout, plan, now);
    if !overdue.is_empty() {
        return Ok(overdue);
    }
    if !gates::is_gate(reason) {
        return Ok(Vec::new());
    }
    match gates::look_again(state, rollout, now) {
        Some(event) => Ok(vec![event]),
        None => verifications(state, rollout, plan, now),
    }
}

/// Targets that an agent works on, as far as is known.
pub(super) fn at_work(rollout: &Rollout) -> usize {
    rollout.targets.values().filter(|t| matches!(t.state, TargetState::Running { .. })).count()
}

/// Targets whose command may still be carried out, or may have been.
pub(super) fn in_hand(rollout: &Rollout) -> usize {
    rollout.targets.values().filter(|t| t.state.command().is_some()).count()
}

/// Targets in the hands of an agent that was revoked: it is not listened to, so it never tells.
fn lost<'a>(state: &'a State, rollout: &'a Rollout) -> impl Iterator<Item = &'a DatabaseName> {
    let held = rollout.targets.iter().filter(|(_, target)| target.state.command().is_some());
    held.map(|(name, _)| name).filter(|name| is_revoked(state, name))
}

fn is_revoked(state: &State, name: &DatabaseName) -> bool {
    state.agents.get(name).is_some_and(|agent| agent.revoked)
}

/// A pause whose reason was an agent that is given up is over.
fn no_longer_waited_for(rollout: &Rollout, lost: &[&DatabaseName]) -> Option<Event> {
    match &rollout.state {
        RolloutState::Paused {
            reason:
                PauseReason::Unknown { database }
                | PauseReason::AgentUnreachable { database }
                | PauseReason::Unsettled { database }
                | PauseReason::NoProgress { database },
        } if lost.contains(&database) => Some(Event::RolloutResumed { rollout: rollout.id.clone() }),
        RolloutState::Paused { .. }
        | RolloutState::Running
        | RolloutState::Aborting
        | RolloutState::Finished { .. } => None,
    }
}

fn given_up(rollout: &Rollout, name: &DatabaseName) -> Event {
    Event::TargetGivenUp { rollout: rollout.id.clone(), database: name.clone(), why: None }
}

/// The end of a rollout that starts nothing more, once nobody is waited for.
fn over(rollout: &Rollout, waits_for: usize, verdict: Verdict) -> Vec<Event> {
    let end = (waits_for == 0).then(|| Event::RolloutFinished { rollout: rollout.id.clone(), verdict });
    end.into_iter().collect()
}

fn running(state: &State, rollout: &Rollout, plan: &Plan, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    if let Some(reason) = pause(rollout, plan, now) {
        return Ok(vec![Event::RolloutPaused { rollout: rollout.id.clone(), reason }]);
    }
    let overdue = waves::overdue(state, rollout, plan, now);
    if !overdue.is_empty() {
        return Ok(overdue);
    }
    if let Some(reason) = gates::gate(state, rollout, now) {
        return Ok(vec![Event::RolloutPaused { rollout: rollout.id.clone(), reason }]);
    }
    let due: Vec<_> = rollout.targets.iter().filter(|(_, t)| t.state == TargetState::Due).collect();
    let may_start = |name: &DatabaseName| {
        waves::of(rollout, name).is_some()
            || plan.body.targets.get(name).is_none_or(|target| target.steps.is_empty())
    };
    let ready: Vec<_> = due.iter().copied().filter(|(name, _)| may_start(name)).collect();
    if ready.is_empty() {
        if let Some(step) = waves::step(state, rollout, plan, now) {
            return Ok(step);
        }
        let bakes = rollout.waves.last().is_some_and(|wave| matches!(wave.stage, Stage::Baking { .. }));
        if !due.is_empty() && bakes {
            return Ok(Vec::new());
        }
        if let Some(event) = only_unknown(rollout) {
            return Ok(vec![event]);
        }
        if !due.is_empty() {
            return Ok(Vec::new());
        }
        let whole = rollout.targets.values().all(|t| t.state == TargetState::Done);
        let verdict = if whole { Verdict::Succeeded } else { Verdict::Failed };
        return Ok(over(rollout, in_hand(rollout), verdict));
    }
    let left = gates::left(state, rollout, now);
    let ready = ready.into_iter().filter(|(name, _)| gates::fits(state, rollout, name, left));
    // Targets that have begun go first: what is begun is finished before anything else starts.
    let has_begun =
        |t: &Target| t.attempt > 0 || t.rehearsed.is_some() || t.backup.is_some() || !t.done.is_empty();
    let (begun, mut fresh): (Vec<_>, Vec<_>) = ready.partition(|(_, t)| has_begun(t));
    fresh.sort_by_key(|(name, _)| waves::of(rollout, name));
    let events = issue(state, rollout, plan, (begun.into_iter().chain(fresh), now))?;
    // What cannot be told may take all the room that there is.
    Ok(if events.is_empty() { only_unknown(rollout).into_iter().collect() } else { events })
}

/// A rollout in which nothing is at work says so, when that is because something cannot be told.
fn only_unknown(rollout: &Rollout) -> Option<Event> {
    let database = unknown(rollout).filter(|_| at_work(rollout) == 0)?.clone();
    Some(Event::RolloutPaused { rollout: rollout.id.clone(), reason: PauseReason::Unknown { database } })
}

/// Whether everything is run on a target that a plan has for it.
pub(super) fn is_run(rollout: &Rollout, plan: &Plan, name: &DatabaseName) -> bool {
    let steps = plan.body.targets.get(name).map(|planned| planned.steps.as_slice()).unwrap_or_default();
    let is_done = |target: &Target| {
        steps.iter().all(|step| target.done.iter().any(|done| done.version == step.version))
    };
    rollout.targets.get(name).is_some_and(is_done)
}

/// What was run is asked how it is, also while nothing else may begin.
fn verifications(
    state: &State,
    rollout: &Rollout,
    plan: &Plan,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let asked = |name: &DatabaseName, target: &Target| {
        target.state == TargetState::Due && !target.done.is_empty() && is_run(rollout, plan, name)
    };
    if plan.body.queries().is_empty() {
        return Ok(Vec::new());
    }
    let due = rollout.targets.iter().filter(|(name, target)| asked(name, target));
    issue(state, rollout, plan, (due, now))
}

/// The next commands of targets, in this order, as far as there is room.
fn issue<'a>(
    state: &State,
    rollout: &Rollout,
    plan: &Plan,
    (ready, now): (impl Iterator<Item = (&'a DatabaseName, &'a Target)>, Timestamp),
) -> Result<Vec<Event>, Refusal> {
    let policy = state.environment(&rollout.environment)?;
    let mut room = waves::Room::new(rollout, plan, policy);
    let (mut events, mut issued) = (Vec::new(), 0);
    for (name, target) in ready {
        if !room.take(rollout, name) {
            continue;
        }
        let next = Next { state, rollout, plan, policy, name, target, now, issued };
        let event = next.event()?;
        issued += u64::from(matches!(event, Event::CommandIssued { .. }));
        events.push(event);
    }
    // Whoever is given up in the same moment keeps the others from being started.
    if events.iter().any(|event| matches!(event, Event::TargetGivenUp { .. })) {
        events.retain(|event| !matches!(event, Event::CommandIssued { .. }));
    }
    Ok(events)
}

/// Why a rollout that runs starts nothing more, if it is so.
pub(super) fn pause(rollout: &Rollout, plan: &Plan, now: Timestamp) -> Option<PauseReason> {
    let course = &plan.body.course;
    let is_unknown = |target: &&Target| matches!(target.state, TargetState::Unknown { .. });
    let unknowns = rollout.targets.values().filter(is_unknown).count();
    if let Some(database) = unknown(rollout).filter(|_| unknowns > course.max_unknown as usize) {
        return Some(PauseReason::Unknown { database: database.clone() });
    }
    if let Some(database) = unsettled(rollout) {
        return Some(PauseReason::Unsettled { database: database.clone() });
    }
    let (failed, allowed) = (rollout.failures(), course.max_failures);
    if failed > allowed {
        return Some(PauseReason::Budget { failed, allowed });
    }
    let waits = |target: &Target| matches!(target.state, TargetState::Unverified { .. });
    if let Some((database, _)) = rollout.targets.iter().find(|(_, target)| waits(target)) {
        return Some(PauseReason::Verification { database: database.clone() });
    }
    let late = course.progress_deadline.is_some_and(|deadline| now > rollout.moved_at + deadline);
    let at_work = |target: &Target| matches!(target.state, TargetState::Running { .. });
    let (database, _) = rollout.targets.iter().find(|(_, target)| late && at_work(target))?;
    Some(PauseReason::NoProgress { database: database.clone() })
}

/// Whether asking for the next steps would give any.
pub(crate) fn wants(state: &State, rollout: &Rollout, now: Timestamp) -> bool {
    // A refusal is for the log to show.
    advance(state, &rollout.id, now).map_or(true, |events| !events.is_empty())
}

fn unknown(rollout: &Rollout) -> Option<&DatabaseName> {
    rollout.targets.iter().find(|(_, t)| matches!(t.state, TargetState::Unknown { .. })).map(|(name, _)| name)
}

/// A target that waits for a person's word.
fn unsettled(rollout: &Rollout) -> Option<&DatabaseName> {
    let waits = |target: &Target| matches!(target.state, TargetState::Unsettled { .. });
    rollout.targets.iter().find(|(_, target)| waits(target)).map(|(name, _)| name)
}

/// All that the next command of one target depends on.
struct Next<'a> {
    state: &'a State,
    rollout: &'a Rollout,
    plan: &'a Plan,
    policy: &'a EnvironmentPolicy,
    name: &'a DatabaseName,
    target: &'a Target,
    now: Timestamp,
    issued: u64,
}

impl Next<'_> {
    fn event(&self) -> Result<Event, Refusal> {
        let (rollout, database) = (self.rollout.id.clone(), self.name.clone());
        let planned = self.plan.body.targets.get(self.name).ok_or_else(|| not_found("target", self.name))?;
        let missing: Vec<_> = planned
            .steps
            .iter()
            .filter(|step| self.target.done.iter().all(|done| done.version != step.version))
            .cloned()
            .collect();
        let asks = missing.is_empty() && self.is_asked(planned);
        if missing.is_empty() && !asks {
            return Ok(Event::TargetUpToDate { rollout, database });
        }
        if self.target.attempt >= MAX_ATTEMPTS || is_revoked(self.state, self.name) {
            return Ok(given_up(self.rollout, self.name));
        }
        if let Some(why) = self.has_closed(&missing) {
            return Ok(Event::TargetGivenUp { rollout, database, why: Some(why) });
        }
        if asks {
            let (queries, expect) = (self.plan.body.queries().to_vec(), self.target.expect.clone());
            return Ok(Event::CommandIssued {
                command: self.command(CommandKind::Verify(Verify { queries, expect }))?,
            });
        }
        if self.plan.body.goal.only_records() {
            let kind = CommandKind::Adopt(Adopt {
                steps: missing,
                expect: self.target.expect.clone(),
                history: planned.history.clone(),
            });
            return Ok(Event::CommandIssued { command: self.command(kind)? });
        }
        if let Some(rehearse) = self.rehearsal(&missing) {
            return Ok(Event::CommandIssued { command: self.command(CommandKind::Rehearse(rehearse))? });
        }
        let kind = match self.lacks_backup(&missing) {
            Some(order) => CommandKind::Backup { expect: self.target.expect.clone(), order },
            None => CommandKind::Run(self.run(missing)?),
        };
        Ok(Event::CommandIssued { command: self.command(kind)? })
    }

    /// What a way back rested on when it was started and rests on no more, though it has not begun: it may have waited for
    /// its turn for days.
    fn has_closed(&self, missing: &[Step]) -> Option<String> {
        if self.target.backup.is_some() || !self.target.done.is_empty() {
            return None;
        }
        let windows = &self.state.databases.get(self.name)?.windows;
        let mut back = missing.iter().filter(|step| step.direction == Direction::Down);
        back.find_map(|step| {
            let is_open = windows.get(&step.version).is_some_and(|window| !window.expired(self.now));
            let closed = || {
                format!(
                    "the rollback window of migration {} has closed since the plan was started",
                    step.version
                )
            };
            let unusable =
                || self.state.unusable(self.name, &step.version).map(|unusable| unusable.to_string());
            if is_open { unusable() } else { Some(closed()) }
        })
    }

    /// What has to be tried on a copy first, where policy wants that: everything, before anything of it is begun.
    fn rehearsal(&self, missing: &[Step]) -> Option<Rehearse> {
        let body = &self.plan.body;
        let with_rows = match body.course.rehearsal {
            Rehearsal::Off => return None,
            Rehearsal::Schema => false,
            Rehearsal::Data => true,
        };
        let Goal::Release { release } = &body.goal else { return None };
        let begun =
            self.target.rehearsed.is_some() || self.target.backup.is_some() || !self.target.done.is_empty();
        if begun || self.state.is_half_way(self.name) {
            return None;
        }
        let release = self.state.releases.get(release)?;
        // From the last one on, as far as there is a way back. What is repeatable comes last, and stays.
        let repeated = missing.iter().rev().take_while(|step| step.repeatable).count();
        let back = missing.iter().rev().skip(repeated);
        let back = back.map_while(|step| back_of(release.migration(&step.version)?, step));
        Some(Rehearse {
            with_rows,
            up: missing.to_vec(),
            back: back.collect(),
            expect: self.target.expect.clone(),
            settings: body.settings.clone(),
        })
    }

    /// Whether a database on which everything is run still has to be asked how it is: after a run, and where an earlier
    /// answer was not as it should be.
    fn is_asked(&self, planned: &TargetPlan) -> bool {
        let shown = self.state.shown.get(&self.rollout.environment);
        let failed = || {
            let release = self.plan.body.goal.release();
            let proof = shown.zip(release).and_then(|(shown, release)| shown.releases.get(&release));
            proof.is_some_and(|proof| proof.failed)
        };
        let asks = !self.plan.body.queries().is_empty() && !self.target.verified;
        asks && (!planned.steps.is_empty() || failed())
    }

    /// The backup that has to be there before the next migration, and is not.
    fn lacks_backup(&self, missing: &[Step]) -> Option<BackupOrder> {
        let rules = self.plan.body.backup.rules()?;
        let is_there = self.target.backup.is_some()
            && match rules.each {
                BackupEach::Run => true,
                // What was done since is not in it. A migration that is cut off goes on after the one that it began with.
                BackupEach::Migration => self.target.backup_after == self.target.done.len(),
            };
        let follows = match rules.each {
            BackupEach::Run => missing,
            BackupEach::Migration => missing.get(..1).unwrap_or(missing),
        };
        (!is_there).then(|| BackupOrder::new(rules, self.plan.body.touches(follows)))
    }

    fn run(&self, mut missing: Vec<Step>) -> Result<Run, Refusal> {
        let one = match &self.plan.body.backup {
            BackupPolicy::Required(rules) => rules.each == BackupEach::Migration,
            BackupPolicy::Off => false,
        };
        let more = one && missing.len() > 1;
        if one {
            missing.truncate(1);
        }
        Ok(Run {
            direction: direction(&self.plan.body.goal),
            locks: self.locks(&missing),
            steps: missing,
            expect: self.target.expect.clone(),
            backup: self.target.backup.clone(),
            settings: self.plan.body.settings.clone(),
            resolution: self.resolution()?,
            more,
        })
    }

    /// The locks of steps that make writers wait, on what is there before.
    fn locks(&self, steps: &[Step]) -> Vec<StrongLock> {
        let of_step = |step: &Step| {
            let judgement = self.plan.body.judgement(step)?;
            let strong = judgement.course.locks.iter().map(|at| &at.what);
            let strong = strong.filter(|lock| !lock.new && lock.mode.blocks_writes());
            let version = step.version.clone();
            let named = |lock: &Lock| StrongLock {
                version: version.clone(),
                relation: lock.relation.clone(),
                mode: lock.mode,
            };
            Some(strong.map(named).collect::<Vec<_>>())
        };
        steps.iter().filter_map(of_step).flatten().collect()
    }

    /// What a person said of the migration that comes first.
    fn resolution(&self) -> Result<Option<Resolution>, Refusal> {
        Ok(self.state.database(self.name)?.resolution.clone())
    }

    fn command(&self, kind: CommandKind) -> Result<Command, Refusal> {
        let database = self.state.database(self.name)?;
        Ok(Command {
            id: self.id()?,
            database: self.name.clone(),
            rollout: self.rollout.id.clone(),
            plan: self.plan.digest,
            attempt: self.target.attempt + 1,
            fence: database.fence + 1,
            not_after: self.now + self.policy.start_deadline,
            kind,
        })
    }

    /// A number for people, and a digest of the circumstances: a controller that was set up anew
    /// never gives out an identity that an agent has in its journal.
    fn id(&self) -> Result<CommandId, Refusal> {
        let number = self.state.commands_issued + self.issued + 1;
        let parts = [self.plan.digest.to_string(), self.name.to_string(), self.now.0.to_string()];
        let mark = Digest::of_parts("pgbelay command 1", parts.iter().map(String::as_bytes)).short();
        format!("c{number}-{mark}").parse().map_err(|_| not_found("command", number))
    }
}

/// The step that takes another back.
fn back_of(migration: &Migration, step: &Step) -> Option<Step> {
    let down = migration.down.as_ref().filter(|_| !migration.repeatable)?;
    Some(Step {
        direction: Direction::Down,
        sql: down.checksum,
        destroys: down.destroys.clone(),
        autocommit: down.autocommit,
        judgement: None,
        reasons: Vec::new(),
        ..step.clone()
    })
}

const fn direction(goal: &Goal) -> Direction {
    match goal {
        Goal::Release { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => Direction::Up,
        Goal::Back { .. } | Goal::Undo { .. } => Direction::Down,
    }
}
