//! The promises, as they can be seen from the ledger. What databases alone can tell is in `world`.

use std::collections::{BTreeMap, BTreeSet};

use pgbelay_core::access::Role;
use pgbelay_core::command::{Command, CommandId, CommandKind, Outcome, RefusedBecause};
use pgbelay_core::database::AppliedRecord;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::migration::Version;
use pgbelay_core::name::{DatabaseName, EnvironmentName, OperatorName};
use pgbelay_core::plan::{Goal, PlanId};
use pgbelay_core::policy::{BackupPolicy, Weekly};
use pgbelay_core::rollout::{Rollout, RolloutId, TargetState};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;

/// What has to be remembered to see whether a promise is kept. Kept apart from the state on purpose: a mistake in the
/// state must not hide itself.
#[derive(Default)]
pub(crate) struct Rules {
    /// Who approved what.
    approvals: BTreeMap<PlanId, BTreeSet<OperatorName>>,
    /// What each database has carried, by the results that were told.
    carried: BTreeMap<DatabaseName, BTreeSet<Digest>>,
    /// Rollouts that are over. Nobody waits for a command of theirs any more.
    over: BTreeSet<RolloutId>,
    /// Commands that have been issued and have not ended, by database.
    open: BTreeMap<DatabaseName, (CommandId, RolloutId)>,
    /// What went wrong in each rollout, and is not to be tried again.
    failed: BTreeMap<RolloutId, BTreeSet<DatabaseName>>,
    /// The databases of the waves that have started.
    reached: BTreeMap<RolloutId, BTreeSet<DatabaseName>>,
    /// Rollouts that need not wait for a window.
    overridden: BTreeSet<RolloutId>,
    /// What is frozen.
    frozen: BTreeSet<Option<EnvironmentName>>,
    /// Rollouts that a person has paused.
    paused: BTreeSet<RolloutId>,
    /// Backups of the rollouts.
    backed_up: BTreeSet<(RolloutId, DatabaseName)>,
}

impl Rules {
    /// What an event breaks, in the state before it.
    pub(crate) fn before(
        &mut self,
        state: &State,
        actor: &Actor,
        event: &Event,
        now: Timestamp,
    ) -> Option<String> {
        self.revoked(state, actor).or_else(|| match event {
            Event::RolloutStarted { rollout, plan, by, .. } => self.start(state, (rollout, plan), by, now),
            Event::CommandIssued { command } => self.issue(state, command, now),
            Event::PlanApproved { plan, by } => {
                self.approvals.entry(plan.clone()).or_default().insert(by.clone());
                let author = &state.plans.get(plan)?.plan.author;
                (author == by).then(|| format!("{by} approved a plan of their own"))
            }
            Event::RolloutResumed { rollout } => {
                self.paused.remove(rollout);
                self.moves(rollout)
            }
            Event::RolloutAborted { rollout } => self.moves(rollout),
            Event::RolloutRetried { rollout, .. } => {
                self.failed.remove(rollout);
                self.moves(rollout)
            }
            Event::TargetSkipped { rollout, database, .. } => {
                self.failed.entry(rollout.clone()).or_default().remove(database);
                self.moves(rollout)
            }
            Event::WaveStarted { rollout, place, databases } => {
                let plan = state.rollouts.get(rollout).and_then(|known| state.plan_of(known));
                let count = plan.and_then(|plan| plan.body.course.waves.get(*place)?.count);
                if count.is_some_and(|count| databases.len() > count as usize) {
                    return Some(format!("wave {place} of {rollout} has {} databases", databases.len()));
                }
                let reached = self.reached.entry(rollout.clone()).or_default();
                let twice = databases.iter().find(|name| reached.contains(*name)).cloned();
                reached.extend(databases.iter().cloned());
                twice.map(|name| format!("{name} is in two waves of {rollout}"))
            }
            Event::WindowOverridden { rollout, .. } => {
                self.overridden.insert(rollout.clone());
                self.moves(rollout)
            }
            Event::Frozen { environment, .. } => {
                self.frozen.insert(environment.clone());
                None
            }
            Event::Unfrozen { environment, .. } => {
                self.frozen.remove(environment);
                None
            }
            _ => None,
        })
    }

    /// What an event breaks, in the state after it.
    pub(crate) fn after(&mut self, state: &State, event: &Event) -> Option<String> {
        match event {
            Event::RolloutPaused { rollout, reason } => {
                if matches!(reason, pgbelay_core::rollout::PauseReason::Operator) {
                    self.paused.insert(rollout.clone());
                }
                self.moves(rollout)
            }
            Event::RolloutFinished { rollout, .. } => {
                let again = self.moves(rollout);
                let known = state.rollouts.get(rollout)?;
                self.over.insert(rollout.clone());
                self.open.retain(|_, (_, of)| of != rollout);
                again.or_else(|| {
                    let busy = known.targets.values().any(|t| matches!(t.state, TargetState::Running { .. }));
                    busy.then(|| format!("{rollout} is over, and an agent works on it"))
                })
            }
            Event::CommandFinished { command, outcome } => {
                self.finished(state, command, outcome);
                None
            }
            Event::CommandIssued { command } => {
                let rollout = state.rollouts.get(&command.rollout)?;
                parallel(state, rollout)
            }
            Event::TargetUpToDate { database, .. } => {
                let (_, seen) = state.databases.get(database)?.observed.as_ref()?;
                self.carries(state, database, &seen.records);
                None
            }
            Event::TargetGivenUp { rollout, database } => {
                self.failed.entry(rollout.clone()).or_default().insert(database.clone());
                self.open.remove(database);
                None
            }
            _ => None,
        }
    }

    /// Nobody who was revoked causes anything.
    fn revoked(&self, state: &State, actor: &Actor) -> Option<String> {
        let revoked = match actor {
            Actor::Operator(name) => {
                state.operators.get(name).is_none_or(|operator| operator.certificates.revoked)
            }
            Actor::Agent(name) => state.agents.get(name).is_none_or(|agent| agent.revoked),
            Actor::Controller => false,
        };
        revoked.then(|| format!("{actor} was revoked, and caused something"))
    }

    fn start(
        &mut self,
        state: &State,
        (rollout, plan): (&RolloutId, &PlanId),
        by: &OperatorName,
        _now: Timestamp,
    ) -> Option<String> {
        let known = state.plans.get(plan)?;
        let body = &known.plan.body;
        let policy = state.policy.environment(&body.environment)?;
        let given = self.approvals.get(plan);
        let counts = |name: &&OperatorName| {
            **name != known.plan.author && state.allow(name, Role::Approver, Some(&body.environment)).is_ok()
        };
        let have = given.map_or(0, |names| names.iter().filter(counts).count());
        if have < policy.approvals as usize {
            return Some(format!("{by} started {rollout} with {have} of {} approvals", policy.approvals));
        }
        if let Goal::Release { release } = &body.goal
            && let Some(why) = self.out_of_order(state, release, &body.environment)
        {
            return Some(format!("{rollout} was started, and {why}"));
        }
        let busy = |other: &&Rollout| {
            !other.state.is_finished() && body.targets.keys().any(|name| other.targets.contains_key(name))
        };
        let busy = state.rollouts.values().map(AsRef::as_ref).find(busy);
        busy.map(|other| format!("{rollout} was started on a database of {}, which goes on", other.id))
    }

    /// A release comes to an environment only when every database of those before has carried it.
    fn out_of_order(&self, state: &State, release: &Digest, environment: &EnvironmentName) -> Option<String> {
        let before = state.policy.environments.iter().take_while(|known| known.name != *environment);
        for known in before {
            let missing = state.databases_of(&known.name).find(|database| {
                self.carried.get(&database.name).is_none_or(|carried| !carried.contains(release))
            });
            if let Some(database) = missing {
                return Some(format!("{} of {} has never carried its release", database.name, known.name));
            }
        }
        None
    }

    fn issue(&mut self, state: &State, command: &Command, now: Timestamp) -> Option<String> {
        let (id, name) = (&command.id, &command.database);
        if let Some((open, _)) = self.open.get(name) {
            return Some(format!("{name} is given {id} while {open} has not ended"));
        }
        if state.agents.get(name).is_none_or(|agent| agent.revoked) {
            return Some(format!("{id} is for {name}, whose agent was revoked"));
        }
        if self.over.contains(&command.rollout) {
            return Some(format!("{id} is of {}, which is over", command.rollout));
        }
        if self.paused.contains(&command.rollout) {
            return Some(format!("{id} is of {}, which a person has paused", command.rollout));
        }
        let rollout = state.rollouts.get(&command.rollout)?;
        let body = &state.plans.get(&rollout.plan)?.plan.body;
        let failed = self.failed.get(&command.rollout).map_or(0, BTreeSet::len);
        if failed > body.course.max_failures as usize {
            return Some(format!("{id} is of {}, in which {failed} failed", command.rollout));
        }
        let reached = self.reached.get(&command.rollout).is_some_and(|reached| reached.contains(name));
        if !body.course.waves.is_empty() && !reached && matches!(body.goal, Goal::Release { .. }) {
            return Some(format!("{id} is for {name}, whose wave has not started"));
        }
        if self.frozen.contains(&None) || self.frozen.contains(&Some(body.environment.clone())) {
            return Some(format!("{id} is issued in a freeze"));
        }
        let windows = &state.policy.environment(&body.environment)?.windows;
        if !windows.is_empty() && !open(windows, now) && !self.overridden.contains(&command.rollout) {
            return Some(format!("{id} is issued outside of every window"));
        }
        let Some(target) = body.targets.get(name) else {
            return Some(format!("{id} is for {name}, which is not in the plan"));
        };
        if let CommandKind::Run(run) = &command.kind {
            let planned = run.steps.iter().all(|step| target.steps.contains(step));
            if !planned {
                return Some(format!("{id} runs on {name} what was not planned"));
            }
            let wants = matches!(body.backup, BackupPolicy::Required(_));
            let has = self.backed_up.contains(&(command.rollout.clone(), name.clone()));
            if wants && !(has && run.backup.is_some()) {
                return Some(format!("{id} runs on {name} without a backup"));
            }
        }
        self.open.insert(name.clone(), (id.clone(), command.rollout.clone()));
        None
    }

    fn finished(&mut self, state: &State, id: &CommandId, outcome: &Outcome) {
        let open = self.open.iter().find(|(_, (open, _))| open == id);
        let Some((name, rollout)) = open.map(|(name, (_, rollout))| (name.clone(), rollout.clone())) else {
            return;
        };
        match outcome {
            Outcome::Unknown { .. } => return,
            Outcome::BackedUp { .. } => {
                self.backed_up.insert((rollout, name.clone()));
            }
            // It was not begun; it is tried again.
            Outcome::Refused { reason: RefusedBecause::TooLate } => {}
            Outcome::Failed { .. } | Outcome::Refused { .. } => {
                self.failed.entry(rollout).or_default().insert(name.clone());
            }
            Outcome::Ran { observation, .. } => self.carries(state, &name, &observation.records),
            Outcome::Interrupted { .. } | Outcome::Cancelled { .. } | Outcome::Unsettled { .. } => {}
        }
        self.open.remove(&name);
    }

    fn carries(&mut self, state: &State, name: &DatabaseName, records: &[AppliedRecord]) {
        let has = |release: &&std::sync::Arc<pgbelay_core::release::Release>| {
            let is_there = |version: &Version| records.iter().any(|record| record.version == *version);
            release.migrations.iter().all(|migration| is_there(&migration.version))
        };
        let whole = state.releases.values().filter(has).map(|release| release.id);
        self.carried.entry(name.clone()).or_default().extend(whole);
    }

    /// What is over never moves again.
    fn moves(&self, rollout: &RolloutId) -> Option<String> {
        self.over.contains(rollout).then(|| format!("{rollout} is over, and moves"))
    }
}

fn parallel(state: &State, rollout: &Rollout) -> Option<String> {
    let most = state.policy.environment(&rollout.environment)?.max_parallel as usize;
    let running = rollout.targets.values().filter(|target| target.state.command().is_some()).count();
    (running > most).then(|| format!("{} works on {running} databases, and {most} is the most", rollout.id))
}

/// Whether it is time, by the form that the windows here have: every day, in UTC. By hand, and not by the real rule.
fn open(windows: &[Weekly], now: Timestamp) -> bool {
    let minute = now.0.div_euclid(60_000).rem_euclid(24 * 60);
    windows.iter().any(|window| {
        let text = serde_json::to_value(window).unwrap();
        let at = |key: &str| {
            let (hours, minutes) = text[key].as_str().unwrap_or("24:00").split_once(':').unwrap();
            hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
        };
        let (from, to) = (at("from"), at("to"));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    })
}
