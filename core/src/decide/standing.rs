//! All gates before a plan in one list: how each stands, which rule decides, and what to do.

use super::gates::held;
use super::rollouts::{Met, approved, needs_confirmation};
use crate::plan::Goal;
use crate::request::Refusal;
use crate::request::by_role;
use crate::rollout::PauseReason;
use crate::state::{PlanState, State};
use crate::time::Timestamp;

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It lets the plan through.
    Open,
    /// It does not, until time or somebody else opens it.
    Closed,
    /// Somebody has to do something for it.
    Needs,
}

impl Standing {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Needs => "needs",
        }
    }
}

/// One gate before a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// freeze, window, requires, approvals, confirmation.
    pub name: &'static str,
    /// How it stands.
    pub standing: Standing,
    /// In words.
    pub detail: String,
    /// The rule that decides: the version of the policy and the key, or a command.
    pub rule: String,
    /// What to do; empty: nothing.
    pub next: String,
}

/// The gates before a plan, in the order in which they count. Nothing is decided here: the same rules decide on the start.
///
/// # Errors
/// When the plan's environment is not in the policy any more.
pub fn gates_of(state: &State, known: &PlanState, now: Timestamp) -> Result<Vec<Gate>, Refusal> {
    let clock = clock(state, known, now);
    Ok(clock
        .into_iter()
        .chain([requires(state, known, now), approvals(state, known)?, confirmation(state, known)?])
        .collect())
}

fn rule(state: &State, known: &PlanState, key: &str) -> String {
    state.rule(&known.plan.body.environment, key)
}

/// A freeze beats the hours.
fn clock(state: &State, known: &PlanState, now: Timestamp) -> [Gate; 2] {
    let gate = |name, key| Gate {
        name,
        standing: Standing::Open,
        detail: String::new(),
        rule: rule(state, known, key),
        next: String::new(),
    };
    let (mut freeze, mut window) = (gate("freeze", "freeze"), gate("window", "windows"));
    let Some(reason) = held(state, &known.plan.body.environment, now) else { return [freeze, window] };
    let (gate, rule, when) = match &reason {
        PauseReason::Freeze { rule, .. } => (&mut freeze, rule, "once the freeze is lifted"),
        PauseReason::Window { rule, .. } => (&mut window, rule, "then"),
        PauseReason::Operator
        | PauseReason::Unknown { .. }
        | PauseReason::AgentUnreachable { .. }
        | PauseReason::Unsettled { .. }
        | PauseReason::Budget { .. }
        | PauseReason::Wave { .. }
        | PauseReason::NoProgress { .. }
        | PauseReason::Verification { .. }
        | PauseReason::ApprovalStale { .. } => return [freeze, window],
    };
    (gate.standing, gate.detail) = (Standing::Closed, reason.to_string());
    (gate.rule, gate.next) = (rule.clone(), format!("start it: it goes on by itself {when}"));
    [freeze, window]
}

fn requires(state: &State, known: &PlanState, now: Timestamp) -> Gate {
    let body = &known.plan.body;
    let unproven = match &body.goal {
        Goal::Release { release } => state.unproven(release, &body.environment, now),
        Goal::Back { .. } | Goal::Undo { .. } | Goal::Adopt { .. } | Goal::Baseline { .. } => None,
    };
    let soaks = matches!(unproven, Some(Refusal::Soaking { .. } | Refusal::Unreachable { .. }));
    let key = if soaks { "soak" } else { "requires" };
    let rule = rule(state, known, key);
    let open =
        Gate { name: "requires", standing: Standing::Open, detail: String::new(), rule, next: String::new() };
    match unproven {
        None => open,
        Some(refusal) => Gate {
            standing: Standing::Closed,
            detail: refusal.to_string(),
            next: refusal.next_step(),
            ..open
        },
    }
}

fn approvals(state: &State, known: &PlanState) -> Result<Gate, Refusal> {
    let of = |met: &Met<'_>| format!("{} of {}{}", met.have, met.rule.count, by_role(&met.rule.roles));
    let rules = super::rollouts::approvals(state, known)?;
    let said: Vec<_> = rules.iter().map(of).collect();
    let detail =
        if said.is_empty() { "none is asked for".to_owned() } else { format!("it has {}", said.join(", ")) };
    let open = Gate {
        name: "approvals",
        standing: Standing::Open,
        detail,
        rule: rule(state, known, "approvals"),
        next: String::new(),
    };
    Ok(match approved(state, known) {
        Err(refusal @ Refusal::WaitsForApproval { .. }) => {
            let next = refusal.next_step();
            let Refusal::WaitsForApproval { rule, .. } = refusal else { return Ok(open) };
            Gate { standing: Standing::Needs, rule, next, ..open }
        }
        Ok(()) | Err(_) => open,
    })
}

fn confirmation(state: &State, known: &PlanState) -> Result<Gate, Refusal> {
    let body = &known.plan.body;
    let at = state.environment(&body.environment)?.confirm_at;
    let (standing, next) = if needs_confirmation(state, &known.plan)? {
        (Standing::Needs, "type the environment's name when it is asked for".to_owned())
    } else {
        (Standing::Open, String::new())
    };
    let detail = format!("risk {}, asked for from {at} on", body.risk());
    Ok(Gate { name: "confirmation", standing, detail, rule: rule(state, known, "confirm_at"), next })
}
