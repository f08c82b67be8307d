//! What holds a rollout back by the clock or by somebody's word: freezes and windows. They gate starts; what runs goes on.

use super::rollouts::stale_approvals;
use super::{advance, asked_by, given};
use crate::command::{Command, CommandId, CommandKind};
use crate::event::Event;
use crate::name::{DatabaseName, EnvironmentName};
use crate::policy::{Blackout, Hours, Opening};
use crate::request::{Circumstances, Refusal};
use crate::rollout::{PauseReason, Rollout, RolloutId, RolloutState, Target, TargetState, Verdict};
use crate::state::{Freeze, State};
use crate::time::{Span, Timestamp};

/// What holds back everything in an environment: a freeze of everything before one of the environment.
#[must_use]
pub fn frozen(state: &State, environment: &EnvironmentName) -> Option<PauseReason> {
    said(state, None)
        .or_else(|| written(state, None))
        .or_else(|| said(state, Some(environment)))
        .or_else(|| written(state, Some(environment)))
}

/// Every freeze that there is, with its place: by somebody's word, and by policy.
#[must_use]
pub fn freezes(state: &State) -> Vec<(Option<EnvironmentName>, PauseReason)> {
    let environments = state.policy.environments.iter().map(|environment| Some(environment.name.clone()));
    let of_place = |place: Option<EnvironmentName>| {
        let both = [said(state, place.as_ref()), written(state, place.as_ref())];
        both.into_iter().flatten().map(move |reason| (place.clone(), reason))
    };
    std::iter::once(None).chain(environments).flat_map(of_place).collect()
}

fn said(state: &State, place: Option<&EnvironmentName>) -> Option<PauseReason> {
    let Freeze { by, reason, .. } = state.freezes.get(&place.cloned())?;
    let rule = place
        .map_or_else(|| "pgbelay unfreeze".to_owned(), |place| format!("pgbelay unfreeze --env {place}"));
    Some(PauseReason::Freeze { reason: reason.clone(), by: Some(by.clone()), rule })
}

fn written(state: &State, place: Option<&EnvironmentName>) -> Option<PauseReason> {
    let (reason, rule) = match place {
        None => (state.policy.freeze.clone()?, format!("policy v{}, freeze", state.policy_version)),
        Some(place) => (state.policy.environment(place)?.freeze.clone()?, state.rule(place, "freeze")),
    };
    Some(PauseReason::Freeze { reason, by: None, rule })
}

/// The hours of an environment.
#[must_use]
pub fn hours<'a>(state: &'a State, environment: &EnvironmentName) -> Hours<'a> {
    let policy = state.policy.environment(environment);
    let (windows, blackouts) =
        policy.map(|policy| (&*policy.windows, &*policy.blackouts)).unwrap_or_default();
    Hours { windows, blackouts }
}

/// Whether anything may begin in an environment now, whatever rollout it is of. Cheap.
fn is_shut(state: &State, rollout: &Rollout, now: Timestamp) -> bool {
    frozen(state, &rollout.environment).is_some()
        || stale_approvals(state, rollout).is_some()
        || (rollout.overridden.is_none() && !hours(state, &rollout.environment).is_open(now))
}

/// Whether a command that no agent has taken may reach one now. What was run is asked how it is at any time.
pub(crate) fn may_be_taken(state: &State, rollout: &Rollout, command: &Command, now: Timestamp) -> bool {
    matches!(command.kind, CommandKind::Verify(_)) || !is_shut(state, rollout, now)
}

/// Why nothing may begin in an environment now.
#[must_use]
pub fn held(state: &State, environment: &EnvironmentName, now: Timestamp) -> Option<PauseReason> {
    frozen(state, environment).or_else(|| match hours(state, environment).at(now) {
        Opening::Open { .. } => None,
        Opening::Shut { blackout, opens } => Some(shut(state, environment, (blackout, opens))),
    })
}

fn shut(
    state: &State,
    environment: &EnvironmentName,
    (blackout, opens): (Option<usize>, Option<Timestamp>),
) -> PauseReason {
    let key = blackout.map_or_else(|| "windows".to_owned(), |at| format!("blackouts[{at}]"));
    let rule = state.rule(environment, &key);
    let why = blackout.and_then(|at| hours(state, environment).blackouts.get(at)).map(Blackout::reason);
    PauseReason::Window { opens, rule, why: why.unwrap_or_default().to_owned(), needs: None }
}

/// Why a trial of a plan, which runs its SQL, has to wait.
///
/// # Errors
/// When a freeze or the hours of its environment stand against it.
pub fn may_try(state: &State, environment: &EnvironmentName, now: Timestamp) -> Result<(), Refusal> {
    match held(state, environment, now) {
        None => Ok(()),
        Some(reason) => Err(Refusal::Held { environment: environment.clone(), reason: Box::new(reason) }),
    }
}

/// Whether anything of a rollout is still to be begun: only that can be held back.
fn has_more(state: &State, rollout: &Rollout, now: Timestamp) -> bool {
    let untaken = |id: &CommandId| {
        let known = state.commands.get(id).filter(|known| !known.accepted);
        known.is_some_and(|known| !matches!(known.command.kind, CommandKind::Verify(_)))
    };
    let plan = state.plan_of(rollout);
    let is_run = |name: &DatabaseName| plan.is_some_and(|plan| advance::is_run(rollout, plan, name));
    let more = |(name, target): (&DatabaseName, &Target)| {
        (target.state == TargetState::Due && !is_run(name)) || target.state.command().is_some_and(&untaken)
    };
    // What starts nothing more for another reason has that one to tell. That nothing moves is no such reason while nothing
    // may begin.
    let ends = || {
        let pause = plan.and_then(|plan| advance::pause(rollout, plan, now));
        pause.is_some_and(|reason| !matches!(reason, PauseReason::NoProgress { .. }))
    };
    rollout.targets.iter().any(more) && !ends()
}

/// Why nothing more of a rollout may begin now; `None`: something may, nothing would, or something under way comes first.
pub(super) fn gate(state: &State, rollout: &Rollout, now: Timestamp) -> Option<PauseReason> {
    if !has_more(state, rollout, now) {
        return None;
    }
    if let Some(reason) = frozen(state, &rollout.environment) {
        return Some(reason);
    }
    if let Some(reason) = stale_approvals(state, rollout) {
        return Some(reason);
    }
    if rollout.overridden.is_some() {
        return None;
    }
    let hours = hours(state, &rollout.environment);
    match hours.at(now) {
        Opening::Shut { blackout, opens } => Some(shut(state, &rollout.environment, (blackout, opens))),
        Opening::Open { until: None } => None,
        Opening::Open { until: Some(until) } => {
            if advance::in_hand(rollout) > 0 {
                return None;
            }
            let needs = least_needed(state, rollout, until - now)?;
            let opens = match hours.at(until) {
                Opening::Shut { opens, .. } => opens,
                Opening::Open { .. } => Some(until),
            };
            let rule = state.rule(&rollout.environment, "windows");
            Some(PauseReason::Window { opens, rule, why: String::new(), needs: Some(needs) })
        }
    }
}

/// The least that any target needs that may be begun next, when none fits into what is left.
fn least_needed(state: &State, rollout: &Rollout, left: Span) -> Option<Span> {
    let is_next = |name: &DatabaseName| rollout.waves.iter().any(|wave| wave.members.contains_key(name));
    let due =
        rollout.targets.iter().filter(|(name, target)| target.state == TargetState::Due && is_next(name));
    // One of which nothing is known needs nothing that could be waited for.
    let needs = due.map(|(name, _)| needed(state, rollout, name).unwrap_or_default()).min()?;
    (needs > left).then_some(needs)
}

/// How long the steps of a target that are not done take at most, as far as its own runs have shown. `None`: nothing is
/// known of it.
#[must_use]
pub fn needed(state: &State, rollout: &Rollout, name: &DatabaseName) -> Option<Span> {
    let (bulk, rates) = (rollout.bulk.get(name)?, &state.databases.get(name)?.rates);
    let done = &rollout.targets.get(name)?.done;
    let missing = bulk.iter().filter(|(version, _)| done.iter().all(|step| step.version != **version));
    let times = missing.filter_map(|(_, bulk)| {
        let rate = rates.of(bulk.kind);
        rate.seen.then(|| {
            i64::try_from(bulk.bytes.saturating_mul(1_000) / rate.slowest.max(1)).unwrap_or(i64::MAX)
        })
    });
    times.reduce(i64::saturating_add).map(Span)
}

/// How long a target that is begun now may take; `None`: as long as it likes.
pub(super) fn left(state: &State, rollout: &Rollout, now: Timestamp) -> Option<Span> {
    if rollout.overridden.is_some() {
        return None;
    }
    match hours(state, &rollout.environment).at(now) {
        Opening::Open { until: Some(until) } => Some(until - now),
        Opening::Open { until: None } => None,
        Opening::Shut { .. } => Some(Span(-1)),
    }
}

/// Whether a target may be begun: what is known of its length fits into what is left.
pub(super) fn fits(state: &State, rollout: &Rollout, name: &DatabaseName, left: Option<Span>) -> bool {
    let Some(left) = left else { return true };
    needed(state, rollout, name).is_none_or(|needed| needed <= left)
}

/// What becomes of a pause of the clock or of a freeze.
pub(super) fn look_again(state: &State, rollout: &Rollout, now: Timestamp) -> Option<Event> {
    let RolloutState::Paused { reason: before } = &rollout.state else { return None };
    if !is_gate(before) {
        return None;
    }
    let id = rollout.id.clone();
    match gate(state, rollout, now) {
        None => Some(Event::RolloutResumed { rollout: id }),
        Some(reason) if is_same(before, &reason, now) => None,
        Some(reason) => Some(Event::RolloutPaused { rollout: id, reason }),
    }
}

pub(crate) const fn is_gate(reason: &PauseReason) -> bool {
    match reason {
        PauseReason::Window { .. } | PauseReason::Freeze { .. } | PauseReason::ApprovalStale { .. } => true,
        PauseReason::Operator
        | PauseReason::Unknown { .. }
        | PauseReason::AgentUnreachable { .. }
        | PauseReason::Unsettled { .. }
        | PauseReason::Budget { .. }
        | PauseReason::Wave { .. }
        | PauseReason::NoProgress { .. }
        | PauseReason::Verification { .. } => false,
    }
}

/// Whether two reasons are the same for a person. When it opens is told again once that has passed.
fn is_same(before: &PauseReason, after: &PauseReason, now: Timestamp) -> bool {
    match (before, after) {
        (PauseReason::Window { opens: Some(opens), .. }, PauseReason::Window { opens: other, .. }) => {
            now < *opens || Some(*opens) == *other
        }
        (PauseReason::Window { opens: None, .. }, PauseReason::Window { opens, .. }) => opens.is_none(),
        (before, after) => before == after,
    }
}

pub(super) fn freeze(
    state: &State,
    (environment, reason): (Option<&EnvironmentName>, &str),
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    if let Some(environment) = environment {
        state.environment(environment)?;
    }
    let (by, reason) = (asked_by(&here.actor)?, given(reason)?);
    let environment = environment.cloned();
    match state.freezes.get(&environment) {
        Some(Freeze { reason: known, .. }) if *known == reason => Ok(Vec::new()),
        Some(_) | None => Ok(vec![Event::Frozen { environment, by, reason }]),
    }
}

pub(super) fn unfreeze(
    state: &State,
    environment: Option<&EnvironmentName>,
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    let (by, environment) = (asked_by(&here.actor)?, environment.cloned());
    if state.freezes.contains_key(&environment) {
        return Ok(vec![Event::Unfrozen { environment, by }]);
    }
    let written = match &environment {
        None => state.policy.freeze.is_some(),
        Some(name) => state.environment(name)?.freeze.is_some(),
    };
    if written { Err(Refusal::FrozenByPolicy(environment)) } else { Ok(Vec::new()) }
}

/// A rollout need not wait for windows any more.
pub(super) fn override_window(
    state: &State,
    (id, reason): (&RolloutId, &str),
    here: &Circumstances,
) -> Result<Vec<Event>, Refusal> {
    let rollout = state.rollout(id)?;
    let over = |verdict| Err(Refusal::RolloutOver { rollout: id.clone(), verdict });
    match &rollout.state {
        RolloutState::Finished { verdict, .. } => over(*verdict),
        RolloutState::Aborting => over(Verdict::Aborted),
        RolloutState::Running | RolloutState::Paused { .. } if rollout.overridden.is_some() => Ok(Vec::new()),
        RolloutState::Running | RolloutState::Paused { .. } => {
            let (by, reason) = (asked_by(&here.actor)?, given(reason)?);
            Ok(vec![Event::WindowOverridden { rollout: id.clone(), by, reason }])
        }
    }
}
