//! What a person has to confirm before a plan is carried out, and what happens when there is no person.

use pgbelay_proto::wire::PlanView;

use crate::app::App;
use crate::error::{CliError, ErrorKind};
use crate::render;

#[cfg(test)]
mod tests;

/// How the danger was confirmed, as the rollout records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// Nothing had to be confirmed.
    None,
    /// The environment's name was typed.
    Typed,
    /// `--force`.
    Forced,
}

impl Confirmation {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Typed => "typed",
            Self::Forced => "forced",
        }
    }
}

/// What the decision rests on.
#[derive(Debug, Clone, Copy)]
struct Circumstances {
    /// The plan is dangerous, or destroys data.
    dangerous: bool,
    /// `--force` was given.
    force: bool,
    /// The environment's policy allows it.
    force_allowed: bool,
    /// Somebody can read a prompt and type.
    person: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    Start(Confirmation),
    Ask,
    NobodyToAsk,
    ForceNotAllowed,
}

fn decide(here: Circumstances) -> Decision {
    match (here.dangerous, here.force) {
        (false, _) => Decision::Start(Confirmation::None),
        (true, true) if here.force_allowed => Decision::Start(Confirmation::Forced),
        (true, true) => Decision::ForceNotAllowed,
        (true, false) if here.person => Decision::Ask,
        (true, false) => Decision::NobodyToAsk,
    }
}

/// Whether a plan has to be confirmed: policy says so, or it destroys data, or might.
fn is_dangerous(plan: &PlanView) -> bool {
    let mut losses = plan.groups.iter().flat_map(|group| &group.losses);
    plan.confirmation_needed || losses.any(|loss| loss.rows > 0 || !loss.error.is_empty())
}

/// Gets the confirmation that a plan needs, from `--force` or from the person at the terminal.
pub(crate) fn confirm(app: &mut App, plan: &PlanView, force: bool) -> Result<Confirmation, CliError> {
    let here = Circumstances {
        dangerous: is_dangerous(plan),
        force,
        force_allowed: plan.force_allowed,
        person: app.screen.is_interactive(),
    };
    match decide(here) {
        Decision::Start(confirmation) => Ok(confirmation),
        Decision::Ask => ask(app, plan),
        Decision::NobodyToAsk => Err(nobody_to_ask(plan)),
        Decision::ForceNotAllowed => Err(force_not_allowed(plan)),
    }
}

fn ask(app: &mut App, plan: &PlanView) -> Result<Confirmation, CliError> {
    app.screen.note(&render::plan::danger(plan));
    let typed = app.screen.ask(&format!("Type {} to go on: ", plan.environment));
    let typed = typed.map_err(|error| refused(plan, &format!("the answer could not be read: {error}")))?;
    if is_answer(&typed, &plan.environment) {
        return Ok(Confirmation::Typed);
    }
    Err(refused(plan, "what was typed is not the environment's name")
        .hint(format!("run the command again and type {}", plan.environment)))
}

fn is_answer(typed: &str, environment: &str) -> bool {
    typed.trim() == environment
}

fn refused(plan: &PlanView, why: &str) -> CliError {
    CliError::new(ErrorKind::Refused, format!("nothing was started: plan {} was not confirmed", plan.id))
        .because(why)
}

fn nobody_to_ask(plan: &PlanView) -> CliError {
    let hint = if plan.force_allowed {
        "run it from a terminal and type the environment's name, or add --force, which is recorded"
    } else {
        "run it from a terminal and type the environment's name; the policy does not allow --force here"
    };
    let why = format!("it is of {} risk, or destroys data, and there is no terminal to ask at", plan.risk);
    refused(plan, &why).hint(hint)
}

fn force_not_allowed(plan: &PlanView) -> CliError {
    refused(plan, &format!("the policy of {} does not allow --force", plan.environment))
        .hint("run it without --force from a terminal and type the environment's name")
}
