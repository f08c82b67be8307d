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
use pgbelay_core::policy::{BackupPolicy, OnFailure};
use pgbelay_core::rollout::{Rollout, RolloutId, RolloutState, TargetState, Verdict};
use pgbelay_core::state::State;
use pgbelay_core::time::Timestamp;

use crate::hours::shut;
use crate::moves::{Moves, frozen_by_policy};
use crate::proofs::Proofs;
use crate::waits::Waits;

/// What has to be remembered to see whether a promise is kept. Kept apart from the state on purpose: a mistake in the
/// state must not hide itself.
#[derive(Default)]
pub(crate) struct Rules {
    /// Who approved what.
    approvals: BTreeMap<PlanId, BTreeMap<OperatorName, u64>>,
    /// Counts the policies.
    policies: u64,
    /// What environments have shown of releases.
    proofs: Proofs,
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
    /// What is waited for between waves.
    waits: Waits,
    /// When something last moved, and what labels databases have.
    moves: Moves,
    /// Of what it cannot be told what happened.
    unknown: BTreeMap<RolloutId, BTreeSet<DatabaseName>>,
    /// What was tried on a copy.
    rehearsed: BTreeSet<(RolloutId, DatabaseName)>,
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
        let waits = self.waits.before(state, (actor, event), now);
        let moves = self.moves.before(state, event, now);
        self.revoked(state, actor).or(waits).or(moves).or_else(|| match event {
            Event::RolloutStarted { rollout, plan, by, .. } => {
                self.undoes(state, plan, actor).or_else(|| self.start(state, (rollout, plan), by, now))
            }
            Event::PolicyApplied { .. } => {
                self.policies += 1;
                None
            }
            Event::CommandIssued { command } => self.issue(state, command, now),
            Event::PlanApproved { plan, by } => {
                self.approvals.entry(plan.clone()).or_default().insert(by.clone(), self.policies);
                let author = &state.plans.get(plan)?.plan.author;
                (author == by).then(|| format!("{by} approved a plan of their own"))
            }
            Event::RolloutResumed { rollout } => {
                let ended = self.paused.remove(rollout) && !matches!(actor, Actor::Operator(_));
                let ended = ended.then(|| format!("{actor} ends the pause of a person in {rollout}"));
                ended.or_else(|| self.moves(rollout))
            }
            Event::RolloutAborted { rollout } => self.moves(rollout),
            Event::RolloutRetried { rollout, databases } => {
                self.failed.entry(rollout.clone()).or_default().retain(|name| !databases.contains(name));
                let cut_off = |name: &DatabaseName| {
                    let seen = state.databases.get(name).and_then(|known| known.observed.as_ref());
                    seen.is_some_and(|(_, seen)| !seen.unfinished.is_empty())
                };
                let again = |(of, name): &(RolloutId, DatabaseName)| {
                    of == rollout && databases.contains(name) && !cut_off(name)
                };
                self.backed_up.retain(|it| !again(it));
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
    pub(crate) fn after(&mut self, state: &State, event: &Event, now: Timestamp) -> Option<String> {
        match event {
            Event::AgentEnrolled { .. } | Event::DatabaseRemoved { .. } | Event::PolicyApplied { .. } => {
                self.proofs.moved(state, now);
                None
            }
            Event::DatabaseObserved { database, observation } => {
                self.proofs.seen(state, database, (&observation.records, None), now);
                None
            }
            Event::DatabaseUnreachable { .. } | Event::DatabaseReachable { .. } => {
                self.proofs.sight(state, event, now);
                None
            }
            Event::DriftFound { database, .. } => {
                self.proofs.drifted(state, database, now);
                None
            }
            Event::WaveVerifies { rollout } => {
                let known = state.rollouts.get(rollout)?;
                let members = known.waves.last().into_iter().flat_map(|wave| wave.members.keys());
                members.for_each(|name| self.proofs.ran(rollout, name));
                None
            }
            Event::RolloutPaused { rollout, reason } => {
                if matches!(reason, pgbelay_core::rollout::PauseReason::Operator) {
                    self.paused.insert(rollout.clone());
                }
                self.moves(rollout)
            }
            Event::RolloutFinished { rollout, verdict } => {
                let again = self.moves(rollout);
                let known = state.rollouts.get(rollout)?;
                self.over.insert(rollout.clone());
                self.open.retain(|_, (_, of)| of != rollout);
                let goal =
                    state.plan_of(known).map(|plan| (&plan.body.goal, plan.body.course.verify.is_empty()));
                let unasked = match goal {
                    Some((Goal::Release { release }, none)) if *verdict == Verdict::Succeeded => {
                        self.proofs.succeeded(state, known, (*release, !none), now)
                    }
                    _ => None,
                };
                again.or(unasked).or_else(|| {
                    let busy = known.targets.values().any(|t| matches!(t.state, TargetState::Running { .. }));
                    busy.then(|| format!("{rollout} is over, and an agent works on it"))
                })
            }
            Event::CommandFinished { command, outcome } => {
                self.finished(state, command, (outcome, now));
                None
            }
            Event::CommandIssued { command } => {
                let rollout = state.rollouts.get(&command.rollout)?;
                parallel(state, rollout)
            }
            Event::TargetUpToDate { rollout, database } => {
                let (_, seen) = state.databases.get(database)?.observed.as_ref()?;
                let gains = release_of(state, rollout);
                self.proofs.seen(state, database, (&seen.records, gains), now);
                self.carries(state, database, &seen.records);
                None
            }
            Event::TargetGivenUp { rollout, database, .. } => {
                self.failed.entry(rollout.clone()).or_default().insert(database.clone());
                // Nobody waits for word of it any longer: it counts as what has failed.
                self.unknown.entry(rollout.clone()).or_default().remove(database);
                self.open.remove(database);
                None
            }
            _ => None,
        }
    }

    /// What an agent that has not taken it is given.
    pub(crate) fn deliver(&self, state: &State, id: &CommandId, now: Timestamp) -> Option<String> {
        let known = state.commands.get(id).filter(|known| !known.accepted)?;
        let (rollout, asks) = (&known.command.rollout, matches!(known.command.kind, CommandKind::Verify(_)));
        if self.paused.contains(rollout) {
            return Some(format!("{id} is given out, and a person has paused {rollout}"));
        }
        let of = state.rollouts.get(rollout)?;
        let environment = &of.environment;
        if asks {
            return None;
        }
        if let RolloutState::Paused { reason } = &of.state {
            return Some(format!("{id} is given out, and {rollout} is paused: {reason}"));
        }
        if self.frozen.contains(&None) || self.frozen.contains(&Some(environment.clone())) {
            return Some(format!("{id} is given out in a freeze"));
        }
        if frozen_by_policy(state, environment) {
            return Some(format!("{id} is given out in a freeze of policy"));
        }
        if let Some(why) = self.lacks_approval(state, &of.plan) {
            return Some(format!("{id} is given out, and {why}"));
        }
        let shut = shut(state.policy.environment(environment)?, now);
        let shut = shut.filter(|_| !self.overridden.contains(rollout));
        shut.map(|when| format!("{id} is given out {when}"))
    }

    /// What the controller leaves as it is, once it has done what is outstanding.
    pub(crate) fn at_rest(&self, state: &State, now: Timestamp) -> Option<String> {
        let told = |name: &DatabaseName, of: &RolloutId| {
            !self.unknown.get(of).is_some_and(|unknown| unknown.contains(name))
        };
        let at_work =
            |rollout: &RolloutId| self.open.iter().any(|(name, (_, of))| of == rollout && told(name, of));
        self.moves.at_rest(state, at_work, now)
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
        now: Timestamp,
    ) -> Option<String> {
        let known = state.plans.get(plan)?;
        let body = &known.plan.body;
        if let Some(why) = self.lacks_approval(state, plan) {
            return Some(format!("{by} started {rollout}, and {why}"));
        }
        if let Goal::Release { release } = &body.goal {
            let early = || self.too_early(state, release, &body.environment, now);
            if let Some(why) = self.out_of_order(state, release, &body.environment).or_else(early) {
                return Some(format!("{rollout} was started, and {why}"));
            }
        }
        let busy = |other: &&Rollout| {
            !other.state.is_finished() && body.targets.keys().any(|name| other.targets.contains_key(name))
        };
        let busy = state.rollouts.values().map(AsRef::as_ref).find(busy);
        busy.map(|other| format!("{rollout} was started on a database of {}, which goes on", other.id))
    }

    /// Every rule on approvals is met, by people who may approve and who know the policy in force.
    fn lacks_approval(&self, state: &State, plan: &PlanId) -> Option<String> {
        let known = state.plans.get(plan)?;
        let body = &known.plan.body;
        if matches!(body.goal, Goal::Undo { .. }) {
            return None;
        }
        let policy = serde_json::to_value(&state.policy.environment(&body.environment)?.approvals).unwrap();
        let plain = || vec![serde_json::json!({ "count": policy })];
        let rules = policy.as_array().cloned().unwrap_or_else(plain);
        let given = self.approvals.get(plan);
        let counts = |(name, version): &(&OperatorName, &u64)| {
            **name != known.plan.author
                && **version == self.policies
                && state.allow(name, Role::Approver, Some(&body.environment)).is_ok()
        };
        let given: Vec<_> = given.into_iter().flatten().filter(counts).map(|(name, _)| name).collect();
        rules.iter().find_map(|rule| {
            let admins = rule["roles"].as_array().is_some();
            let is_meant = |name: &&&OperatorName| !admins || name.as_str() == "root";
            let (have, need) =
                (given.iter().filter(is_meant).count() as u64, rule["count"].as_u64().unwrap());
            (have < need).then(|| format!("{plan} has {have} of {need} approvals"))
        })
    }

    /// A release has been healthy for long enough where it must have been before.
    fn too_early(
        &self,
        state: &State,
        release: &Digest,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Option<String> {
        let needs = state.policy.environment(environment)?.soak.map_or(0, |soak| soak.0);
        let before = state.policy.environments.iter().take_while(|known| known.name != *environment);
        before.last().and_then(|known| self.proofs.too_early(&known.name, release, (needs, now)))
    }

    /// Only the controller takes a rollout back, only one in which too much failed, where policy wants that, and only what
    /// that one did.
    fn undoes(&self, state: &State, plan: &PlanId, actor: &Actor) -> Option<String> {
        let body = &state.plans.get(plan)?.plan.body;
        let Goal::Undo { rollout: id, wave } = &body.goal else { return None };
        let of = state.rollouts.get(id)?;
        let course = &state.plan_of(of)?.body.course;
        let failed = self.failed.get(id).map_or(0, BTreeSet::len);
        let foreign = body.targets.iter().find(|(name, target)| {
            let done = &of.targets[*name].done;
            let in_last = of.waves.last().is_some_and(|last| last.members.contains_key(*name));
            let is_of_it = |version: &Version| done.iter().any(|step| step.version == *version);
            !target.steps.iter().all(|step| is_of_it(&step.version))
                || (*wave && !in_last && !target.steps.is_empty())
        });
        match () {
            () if *actor != Actor::Controller => {
                Some(format!("{actor} takes {id} back as the controller does"))
            }
            () if course.on_failure == OnFailure::Halt => {
                Some(format!("{id} is taken back, and policy says halt"))
            }
            () if failed <= course.max_failures as usize => {
                Some(format!("{id} is taken back, and {failed} failed"))
            }
            () => foreign.map(|(name, _)| format!("more is taken back on {name} than {id} did")),
        }
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
        let unknown = self.unknown.get(&command.rollout).map_or(0, BTreeSet::len);
        if unknown > body.course.max_unknown as usize {
            return Some(format!("{id} is of {}, in which {unknown} are unknown", command.rollout));
        }
        let asks = matches!(command.kind, CommandKind::Verify(_));
        if !asks && let Some(why) = self.lacks_approval(state, &rollout.plan) {
            return Some(format!("{id} is issued, and {why}"));
        }
        if asks {
            self.open.insert(name.clone(), (id.clone(), command.rollout.clone()));
            return None;
        }
        let reached = self.reached.get(&command.rollout).is_some_and(|reached| reached.contains(name));
        if !body.course.waves.is_empty() && !reached && matches!(body.goal, Goal::Release { .. }) {
            return Some(format!("{id} is for {name}, whose wave has not started"));
        }
        if self.frozen.contains(&None) || self.frozen.contains(&Some(body.environment.clone())) {
            return Some(format!("{id} is issued in a freeze"));
        }
        if frozen_by_policy(state, &body.environment) {
            return Some(format!("{id} is issued in a freeze of policy"));
        }
        let shut = shut(state.policy.environment(&body.environment)?, now);
        if let Some(when) = shut.filter(|_| !self.overridden.contains(&command.rollout)) {
            return Some(format!("{id} is issued {when}"));
        }
        let Some(target) = body.targets.get(name) else {
            return Some(format!("{id} is for {name}, which is not in the plan"));
        };
        if let Some(why) = self.untried(state, command) {
            return Some(why);
        }
        if let CommandKind::Rehearse(rehearse) = &command.kind
            && rehearse.up != target.steps
        {
            return Some(format!("{id} tries on a copy of {name} something else than what is planned"));
        }
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

    /// Something is begun on a database, and policy wants it tried on a copy first.
    fn untried(&mut self, state: &State, command: &Command) -> Option<String> {
        let Command { id, database: name, .. } = command;
        let body = &state.plans.get(&state.rollouts.get(&command.rollout)?.plan)?.plan.body;
        let tries = matches!(command.kind, CommandKind::Rehearse(_));
        let wanted = !body.course.rehearsal.is_off() && matches!(body.goal, Goal::Release { .. });
        let place = (command.rollout.clone(), name.clone());
        // A migration that is half way has no state before it to come back to: begun without, it goes on without.
        let seen = state.databases.get(name).and_then(|known| known.observed.as_ref());
        if seen.is_some_and(|(_, seen)| !seen.unfinished.is_empty()) {
            self.rehearsed.insert(place.clone());
        }
        let untried = wanted && !tries && !self.rehearsed.contains(&place);
        untried.then(|| format!("{id} is for {name}, and nothing was tried on a copy"))
    }

    fn finished(&mut self, state: &State, id: &CommandId, (outcome, now): (&Outcome, Timestamp)) {
        let open = self.open.iter().find(|(_, (open, _))| open == id);
        let Some((name, rollout)) = open.map(|(name, (_, rollout))| (name.clone(), rollout.clone())) else {
            return;
        };
        let of = rollout.clone();
        let unknown = self.unknown.entry(of.clone()).or_default();
        if matches!(outcome, Outcome::Unknown { .. }) {
            unknown.insert(name);
            return;
        }
        unknown.remove(&name);
        match outcome {
            Outcome::Unknown { .. } => return,
            Outcome::BackedUp { .. } => {
                self.backed_up.insert((rollout, name.clone()));
            }
            // It was not begun; it is tried again.
            Outcome::Refused { reason: RefusedBecause::TooLate } => {}
            Outcome::Failed { observation, .. } => {
                if let Some(seen) = observation {
                    self.proofs.seen(state, &name, (&seen.records, None), now);
                }
                self.failed.entry(rollout).or_default().insert(name.clone());
            }
            Outcome::Refused { .. } => {
                self.failed.entry(rollout).or_default().insert(name.clone());
            }
            Outcome::Rehearsed { .. } => {
                self.rehearsed.insert((rollout, name.clone()));
            }
            Outcome::Verified { answers } => {
                let known = state.rollouts.get(&rollout);
                if let (Some(known), Some(release)) = (known, release_of(state, &rollout))
                    && self.proofs.answered(state, (known, &name), (release, answers), now)
                {
                    self.failed.entry(rollout).or_default().insert(name.clone());
                }
            }
            Outcome::Ran { observation, .. } => {
                self.proofs.ran(&rollout, &name);
                self.proofs.seen(state, &name, (&observation.records, release_of(state, &rollout)), now);
                self.carries(state, &name, &observation.records);
            }
            Outcome::Interrupted { observation: Some(seen), .. }
            | Outcome::Cancelled { observation: Some(seen), .. }
            | Outcome::Unsettled { observation: Some(seen), .. } => {
                self.proofs.ran(&rollout, &name);
                self.proofs.seen(state, &name, (&seen.records, None), now);
            }
            Outcome::Interrupted { .. } | Outcome::Cancelled { .. } | Outcome::Unsettled { .. } => {}
        }
        // What took too long was cancelled, and has failed all the same.
        let target = state.rollouts.get(&of).and_then(|known| known.targets.get(&name));
        if target.is_some_and(|target| target.overdue.is_some() && target.state.is_bad()) {
            self.failed.entry(of).or_default().insert(name.clone());
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

fn release_of(state: &State, rollout: &RolloutId) -> Option<Digest> {
    let goal = &state.plan_of(state.rollouts.get(rollout)?)?.body.goal;
    if let Goal::Release { release } = goal { Some(*release) } else { None }
}

fn parallel(state: &State, rollout: &Rollout) -> Option<String> {
    let most = state.policy.environment(&rollout.environment)?.max_parallel as usize;
    let running = rollout.targets.values().filter(|target| target.state.command().is_some()).count();
    let narrow = state.plan_of(rollout).and_then(|plan| {
        rollout.waves.iter().find_map(|wave| {
            let most = plan.body.course.waves.get(wave.place)?.max_parallel? as usize;
            let held = |name: &&DatabaseName| {
                rollout.targets.get(*name).is_some_and(|t| t.state.command().is_some())
            };
            let running = wave.members.keys().filter(held).count();
            (running > most)
                .then(|| format!("a wave of {} works on {running} databases of {most}", rollout.id))
        })
    });
    if narrow.is_some() {
        return narrow;
    }
    (running > most).then(|| format!("{} works on {running} databases, and {most} is the most", rollout.id))
}
