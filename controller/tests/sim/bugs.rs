//! Mistakes that are made on purpose, to see that the histories find them. Each changes what a rule is given, or what it
//! has said; the last ones are mistakes of an agent, or of the network's end.

use std::sync::Arc;

use pgbelay_core::command::{Backup, Failure, FailureKind, Outcome};
use pgbelay_core::decide::decide;
use pgbelay_core::digest::Digest;
use pgbelay_core::event::{Actor, Event};
use pgbelay_core::policy::{Blackout, Course, OnFailure, Policy, Rehearsal, Window};
use pgbelay_core::request::{Circumstances, Refusal, Request};
use pgbelay_core::rollout::{PauseReason, RolloutState, TargetState};
use pgbelay_core::state::State;
use pgbelay_core::time::Span;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// One more database at a time than policy says.
    OneTooMany,
    /// Approvals are not asked for.
    NoApprovals,
    /// The author's own word counts.
    OwnApproval,
    /// A release may skip an environment.
    NoOrder,
    /// What failed is left behind, and the rest goes on.
    NoBudget,
    /// Freezes do not count.
    NoFreeze,
    /// Windows do not count.
    NoWindow,
    /// All waves are one.
    NoWaves,
    /// A person's pause does not count.
    NoPause,
    /// No backup is waited for.
    NoBackup,
    /// What an agent could not tell has failed.
    UnknownIsFailed,
    /// An agent that is away has failed.
    SilentIsFailed,
    /// Revoked agents are given commands.
    RevokedIsServed,
    /// Revoked agents are listened to.
    RevokedIsHeard,
    /// Revoked operators may act.
    RevokedActs,
    /// Two rollouts share a database.
    NotExclusive,
    /// What is over can be taken up again.
    OverGoesOn,
    /// The end of a crash: the last events were not on disk.
    NotDurable,
    /// A command that the agent may still carry out is given up when the rollout is aborted.
    AbortForgets,
    /// The agent guesses what it did before it died.
    Guesses,
    /// The agent says that it has a command before that is on its disk.
    AcceptedTooEarly,
    /// Results are acknowledged that nobody has written down.
    AcknowledgedUnread,
    /// Nobody waits until a release has lived somewhere for a while.
    NoSoak,
    /// What nobody can see is well.
    UnseenIsWell,
    /// Whoever may approve counts for every rule.
    AnyRole,
    /// What was approved under another policy stays approved.
    OldApprovals,
    /// What was run is not asked how it is.
    NoQueries,
    /// What could not be asked is well.
    UnaskedIsWell,
    /// What has come to a halt is taken back, also where policy says halt.
    UndoneUnasked,
    /// Nobody waits between waves.
    NoBake,
    /// However much is unknown, the rest goes on.
    EndlessUnknown,
    /// What no agent has taken is given out in a freeze.
    GivenOutFrozen,
    /// The pause of a person ends with the next result.
    EndsPauses,
    /// Nothing is tried on a copy.
    NoRehearsal,
    /// Of what is planned, only the first is tried on a copy.
    TriesTheFirst,
    /// Blackouts do not count.
    NoBlackout,
    /// Schedules are not understood: what has one is as if it were not there.
    NoSchedule,
    /// What policy itself freezes goes on.
    NoFreezeOfPolicy,
    /// Waves take whatever there is.
    AnyLabel,
    /// A wave takes more once it has started.
    WaveGrows,
    /// Nobody waits longer after the first wave that changed something.
    NoFirstBake,
    /// Nobody minds that nothing moves.
    NoProgressDeadline,
    /// What does not move is cancelled.
    NoProgressCancels,
}

impl Bug {
    pub(crate) const ALL: [Self; 43] = [
        Self::OneTooMany,
        Self::NoApprovals,
        Self::OwnApproval,
        Self::NoOrder,
        Self::NoBudget,
        Self::NoFreeze,
        Self::NoWindow,
        Self::NoWaves,
        Self::NoPause,
        Self::NoBackup,
        Self::UnknownIsFailed,
        Self::SilentIsFailed,
        Self::RevokedIsServed,
        Self::RevokedIsHeard,
        Self::RevokedActs,
        Self::NotExclusive,
        Self::OverGoesOn,
        Self::NotDurable,
        Self::AbortForgets,
        Self::Guesses,
        Self::AcceptedTooEarly,
        Self::AcknowledgedUnread,
        Self::NoSoak,
        Self::UnseenIsWell,
        Self::AnyRole,
        Self::OldApprovals,
        Self::NoQueries,
        Self::UnaskedIsWell,
        Self::UndoneUnasked,
        Self::NoBake,
        Self::EndlessUnknown,
        Self::GivenOutFrozen,
        Self::EndsPauses,
        Self::NoRehearsal,
        Self::TriesTheFirst,
        Self::NoBlackout,
        Self::NoSchedule,
        Self::NoFreezeOfPolicy,
        Self::AnyLabel,
        Self::WaveGrows,
        Self::NoFirstBake,
        Self::NoProgressDeadline,
        Self::NoProgressCancels,
    ];

    /// What a history says that has found it: any other trouble may have come of something else.
    pub(crate) const fn shows_as(self) -> &'static [&'static str] {
        match self {
            Self::OneTooMany => &["is the most"],
            Self::NoApprovals | Self::AnyRole => &["approvals [rollout-started"],
            Self::OwnApproval => &["a plan of their own"],
            Self::NoOrder => &["has never carried its release"],
            Self::NoBudget => &["in which 1 failed", "in which 2 failed"],
            Self::NoFreeze => &["is issued in a freeze", "is given out in a freeze"],
            Self::NoWindow => &["outside of every window"],
            Self::NoWaves => &["wave 0 of", "whose wave has not started"],
            Self::NoPause => &["which a person has paused", "and a person has paused"],
            Self::NoBackup => &["without a backup"],
            Self::UnknownIsFailed
            | Self::SilentIsFailed
            | Self::AbortForgets
            | Self::Guesses
            | Self::AcceptedTooEarly => &["and is not told"],
            Self::RevokedIsServed | Self::RevokedIsHeard => {
                &["whose agent was revoked", "was revoked, and caused"]
            }
            Self::RevokedActs => &["was revoked, and caused"],
            Self::NotExclusive => &["was started on a database of"],
            Self::OverGoesOn => &["is over, and moves"],
            Self::NotDurable => {
                &["has not ended", "is told to be done", "and is not told", "what is read from"]
            }
            Self::AcknowledgedUnread => &["never ends"],
            Self::NoSoak => &["has carried it for"],
            Self::UnseenIsWell => &["is out of reach, and counts as there"],
            Self::OldApprovals => {
                &["approvals [command-issued", "approvals [rollout-started", "is given out, and p"]
            }
            Self::NoQueries | Self::UnaskedIsWell => &["was not asked how it is"],
            Self::UndoneUnasked => &["and policy says halt"],
            Self::NoBake => &["before its time", "without a person's word"],
            Self::EndlessUnknown => &["are unknown"],
            Self::GivenOutFrozen => &["is given out in a freeze", "is paused: freeze"],
            Self::EndsPauses => &["ends the pause of a person"],
            Self::NoRehearsal => &["nothing was tried on a copy"],
            Self::TriesTheFirst => &["something else than what is planned"],
            Self::NoBlackout => &["in a blackout"],
            Self::NoSchedule => &["in a blackout", "outside of every window"],
            Self::NoFreezeOfPolicy => {
                &["is issued in a freeze of policy", "is given out in a freeze of policy"]
            }
            Self::AnyLabel => &["which it does not select"],
            Self::WaveGrows => &["whose wave has not started"],
            Self::NoFirstBake => &["its first bake", "before the first bake is over"],
            Self::NoProgressDeadline => &["and nothing of it moves"],
            Self::NoProgressCancels => &["before its deadline"],
        }
    }

    /// Decides with the mistake in it.
    pub(crate) fn decide(
        self,
        state: &Arc<State>,
        request: &Request,
        here: &Circumstances,
    ) -> Result<Vec<Event>, Refusal> {
        match (self, request) {
            (Self::OwnApproval, Request::Approve { plan }) => {
                if let (Actor::Operator(by), Some(known)) = (&here.actor, state.plans.get(plan))
                    && known.plan.author == *by
                    && !known.approvals.contains_key(by)
                {
                    return Ok(vec![Event::PlanApproved { plan: plan.clone(), by: by.clone() }]);
                }
            }
            (Self::OverGoesOn, Request::ResumeRollout { rollout }) => {
                if state.rollouts.get(rollout).is_some_and(|known| known.state.is_finished()) {
                    return Ok(vec![Event::RolloutResumed { rollout: rollout.clone() }]);
                }
            }
            (
                Self::UnknownIsFailed,
                Request::Report { command, attempt, outcome: Outcome::Unknown { why } },
            ) => {
                let outcome = Outcome::Failed { done: Vec::new(), failure: failure(why), observation: None };
                let request = Request::Report { command: command.clone(), attempt: *attempt, outcome };
                return decide(state, &request, here);
            }
            (Self::UnseenIsWell, Request::Unreachable { .. }) => return Ok(Vec::new()),
            (Self::SilentIsFailed, Request::AgentSilent { database }) => {
                let held = state.databases.get(database).and_then(|known| known.in_flight.clone());
                let known = held.and_then(|id| state.commands.get(&id));
                if let Some(known) = known {
                    let outcome =
                        Outcome::Failed { done: Vec::new(), failure: failure("silent"), observation: None };
                    let (command, attempt) = (known.command.id.clone(), known.command.attempt);
                    return decide(state, &Request::Report { command, attempt, outcome }, here);
                }
            }
            (Self::AbortForgets, Request::AbortRollout { rollout }) => {
                let mut events = decide(state, request, here)?;
                if !events.is_empty()
                    && let Some(known) = state.rollouts.get(rollout)
                {
                    let held = known.targets.values().filter_map(|target| target.state.command());
                    events.extend(held.map(|command| Event::CommandFinished {
                        command: command.clone(),
                        outcome: Outcome::Cancelled { done: Vec::new(), observation: None },
                    }));
                }
                return Ok(events);
            }
            (Self::EndsPauses, Request::Report { .. }) => {
                let mut events = decide(state, request, here)?;
                let is_paused = |rollout: &&pgbelay_core::rollout::Rollout| {
                    matches!(rollout.state, RolloutState::Paused { reason: PauseReason::Operator })
                };
                let resumed = state.open_rollouts().filter(is_paused);
                events.extend(resumed.map(|rollout| Event::RolloutResumed { rollout: rollout.id.clone() }));
                return Ok(events);
            }
            (_, _) => {}
        }
        decide(&self.twisted(state, request), request, here)
    }

    /// The state that a rule is given in place of the true one.
    fn twisted(self, state: &Arc<State>, request: &Request) -> Arc<State> {
        let mut twisted = Arc::clone(state);
        let advance = matches!(request, Request::Advance { .. });
        match self {
            Self::OneTooMany => policy(&mut twisted, |policy| policy.max_parallel += 1),
            Self::NoApprovals => policy(&mut twisted, |policy| policy.approvals = 0.into()),
            Self::NoOrder => policy(&mut twisted, |policy| policy.requires = Some(Default::default())),
            Self::NoSoak => policy(&mut twisted, |policy| policy.soak = None),
            Self::AnyRole => policy(&mut twisted, |policy| {
                if !serde_json::to_value(&policy.approvals).unwrap().is_number() {
                    policy.approvals = 1.into();
                }
            }),
            Self::OldApprovals if !matches!(request, Request::Approve { .. }) => {
                twisted = self.as_effects_see(state);
            }
            Self::UnaskedIsWell if advance => targets(&mut twisted, |target| {
                if matches!(target, TargetState::Unverified { .. }) {
                    *target = TargetState::Done;
                }
            }),
            Self::UndoneUnasked if matches!(request, Request::CreatePlan { .. }) => {
                twisted = self.as_effects_see(state);
            }
            Self::NoBudget if advance => targets(&mut twisted, |target| {
                if target.is_bad() {
                    *target = TargetState::NotReached;
                }
            }),
            Self::NoPause
            | Self::NoFreeze
            | Self::NoWindow
            | Self::NoWaves
            | Self::NoBlackout
            | Self::NoSchedule
            | Self::NoFreezeOfPolicy
            | Self::AnyLabel
            | Self::WaveGrows
            | Self::NoFirstBake
            | Self::NoProgressDeadline
            | Self::NoProgressCancels
            | Self::NoBake
            | Self::EndlessUnknown
            | Self::NoRehearsal
            | Self::TriesTheFirst
            | Self::NoQueries
                if advance =>
            {
                twisted = self.as_effects_see(state);
            }
            Self::NoBackup if advance => rollouts(&mut twisted, backed_up),
            Self::RevokedIsServed if advance => {
                Arc::make_mut(&mut twisted).agents.values_mut().for_each(|agent| agent.revoked = false);
            }
            Self::RevokedIsHeard => twisted = self.as_talks_see(state),
            Self::RevokedActs => {
                let operators = &mut Arc::make_mut(&mut twisted).operators;
                operators.values_mut().for_each(|operator| operator.certificates.revoked = false);
            }
            Self::NotExclusive if matches!(request, Request::StartRollout { .. }) => {
                rollouts(&mut twisted, |rollout| rollout.targets.clear());
            }
            _ => {}
        }
        twisted
    }

    /// Whether what an agent tells is taken for written down, and is not.
    pub(crate) fn loses(self, request: &Request) -> bool {
        let ran = matches!(request, Request::Report { outcome: Outcome::Ran { .. }, .. });
        self == Self::AcknowledgedUnread && ran
    }

    /// The state as it is looked at for what is outstanding.
    pub(crate) fn as_effects_see(self, state: &Arc<State>) -> Arc<State> {
        let mut seen = Arc::clone(state);
        if self == Self::NoBake {
            let plans = &mut Arc::make_mut(&mut seen).plans;
            for known in plans.values_mut() {
                for wave in &mut Arc::make_mut(&mut known.plan).body.course.waves {
                    (wave.bake, wave.pause) = (None, false);
                }
            }
        }
        self.read_otherwise(&mut seen);
        if self == Self::EndlessUnknown {
            let plans = &mut Arc::make_mut(&mut seen).plans;
            plans.values_mut().for_each(|known| Arc::make_mut(&mut known.plan).body.course.max_unknown = 99);
        }
        if self == Self::NoFreeze || self == Self::GivenOutFrozen {
            Arc::make_mut(&mut seen).freezes.clear();
        }
        if self == Self::OldApprovals {
            let seen = Arc::make_mut(&mut seen);
            let version = seen.policy_version;
            for known in seen.plans.values_mut() {
                known.approvals.values_mut().for_each(|given| *given = version);
            }
        }
        if self == Self::NoQueries {
            let plans = &mut Arc::make_mut(&mut seen).plans;
            plans.values_mut().for_each(|known| Arc::make_mut(&mut known.plan).body.course.verify.clear());
        }
        if self == Self::UndoneUnasked {
            let plans = &mut Arc::make_mut(&mut seen).plans;
            for known in plans.values_mut() {
                Arc::make_mut(&mut known.plan).body.course.on_failure = OnFailure::RollbackAll;
            }
        }
        if self == Self::NoWindow {
            policy(&mut seen, |policy| policy.windows.clear());
        }
        if self == Self::NoWaves {
            let plans = &mut Arc::make_mut(&mut seen).plans;
            plans.values_mut().for_each(|known| Arc::make_mut(&mut known.plan).body.course.waves.clear());
        }
        if self == Self::NoPause {
            rollouts(&mut seen, |rollout| {
                if matches!(rollout.state, RolloutState::Paused { reason: PauseReason::Operator }) {
                    rollout.state = RolloutState::Running;
                }
            });
        }
        seen
    }

    /// Policies and plans as the mistake has them.
    fn read_otherwise(self, seen: &mut Arc<State>) {
        match self {
            Self::NoRehearsal => courses(seen, |course| course.rehearsal = Rehearsal::Off),
            Self::TriesTheFirst => tries_the_first(seen),
            Self::AnyLabel => courses(seen, |course| {
                course.waves.iter_mut().for_each(|wave| wave.select = Default::default());
            }),
            Self::NoFirstBake => courses(seen, |course| course.first_bake = None),
            Self::NoProgressDeadline => courses(seen, |course| course.progress_deadline = None),
            Self::NoProgressCancels => courses(seen, |course| {
                let both = [course.step_deadline, course.progress_deadline];
                course.step_deadline = both.into_iter().flatten().min();
            }),
            Self::WaveGrows => rollouts(seen, |rollout| {
                let due = rollout.targets.iter().filter(|(_, target)| target.state == TargetState::Due);
                let taken = |name: &_| rollout.waves.iter().any(|wave| wave.members.contains_key(name));
                let due: Vec<_> = due.map(|(name, _)| name.clone()).filter(|name| !taken(name)).collect();
                if let Some(last) = rollout.waves.last_mut() {
                    last.members.extend(due.into_iter().map(|name| (name, usize::MAX)));
                }
            }),
            Self::NoBlackout => policy(seen, |policy| policy.blackouts.clear()),
            Self::NoSchedule => policy(seen, |policy| {
                policy.windows.retain(|window| !matches!(window, Window::Scheduled(_)));
                let has = |entry: &Blackout| !serde_json::to_value(entry).unwrap()["schedule"].is_null();
                policy.blackouts.retain(|entry| !has(entry));
            }),
            Self::NoFreezeOfPolicy | Self::GivenOutFrozen => {
                policy(seen, |policy| policy.freeze = None);
                Arc::make_mut(&mut Arc::make_mut(seen).policy).freeze = None;
            }
            _ => {}
        }
    }

    /// The state as the talks with agents see it.
    pub(crate) fn as_talks_see(self, state: &Arc<State>) -> Arc<State> {
        let mut seen = Arc::clone(state);
        if self == Self::RevokedIsHeard {
            Arc::make_mut(&mut seen).agents.values_mut().for_each(|agent| agent.revoked = false);
        }
        seen
    }
}

/// As if it had a backup of everything.
fn backed_up(rollout: &mut pgbelay_core::rollout::Rollout) {
    for target in rollout.targets.values_mut() {
        target.backup_after = target.done.len();
        target.backup.get_or_insert_with(|| Backup {
            path: "/backups/none".to_owned(),
            sha256: Digest::of("none"),
            bytes: 0,
            took: Span(0),
            method: Default::default(),
            copies: Vec::new(),
            reason: None,
            outside: None,
            sealed_key: None,
        });
    }
}

fn failure(why: &str) -> Failure {
    Failure {
        kind: FailureKind::Connection,
        version: None,
        message: why.to_owned(),
        hint: None,
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    }
}

/// What was not yet tried on a copy has no more than one step in its plan.
fn tries_the_first(state: &mut Arc<State>) {
    let State { plans, rollouts, .. } = Arc::make_mut(state);
    for rollout in rollouts.values().filter(|rollout| !rollout.state.is_finished()) {
        let Some(known) = plans.get_mut(&rollout.plan) else { continue };
        if known.plan.body.course.rehearsal.is_off() {
            continue;
        }
        let planned = &mut Arc::make_mut(&mut known.plan).body.targets;
        for (name, target) in &rollout.targets {
            let begun = target.rehearsed.is_some() || target.backup.is_some() || !target.done.is_empty();
            if let Some(planned) = planned.get_mut(name).filter(|_| !begun) {
                planned.steps.truncate(1);
            }
        }
    }
}

fn courses(state: &mut Arc<State>, change: impl Fn(&mut Course)) {
    let plans = &mut Arc::make_mut(state).plans;
    plans.values_mut().for_each(|known| change(&mut Arc::make_mut(&mut known.plan).body.course));
}

fn policy(state: &mut Arc<State>, change: impl Fn(&mut pgbelay_core::policy::EnvironmentPolicy)) {
    let policy: &mut Policy = Arc::make_mut(&mut Arc::make_mut(state).policy);
    policy.environments.iter_mut().for_each(change);
}

fn rollouts(state: &mut Arc<State>, change: impl Fn(&mut pgbelay_core::rollout::Rollout)) {
    let rollouts = &mut Arc::make_mut(state).rollouts;
    rollouts.values_mut().map(Arc::make_mut).filter(|rollout| !rollout.state.is_finished()).for_each(change);
}

fn targets(state: &mut Arc<State>, change: impl Fn(&mut TargetState)) {
    rollouts(state, |rollout| rollout.targets.values_mut().map(|target| &mut target.state).for_each(&change));
}
