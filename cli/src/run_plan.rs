//! From a plan to its end: shown, checked, confirmed, started, watched. What `migrate`, `promote` and `rollback` share.

use clap::Args;
use pgbelay_core::acknowledge::Acknowledgement;
use pgbelay_core::time::Span;
use pgbelay_proto::wire::{PlanView, StartRolloutRequest, TryPlanRequest};

use crate::app::App;
use crate::client::Client;
use crate::confirm::{Confirmation, confirm};
use crate::error::{CliError, ErrorKind};
use crate::exit_code::ExitCode;
use crate::render;
use crate::render::progress::Place;
use crate::watch;

/// How a plan is carried out.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// Run it on the live databases in a transaction that is always rolled back
    #[arg(long, conflicts_with_all = ["force", "detach"])]
    pub(crate) dry_run: bool,
    /// Ask nothing, however risky it is; the rollout records it
    #[arg(long)]
    pub(crate) force: bool,
    /// Acknowledge a hazard, by its name and object: drop-column:public.orders.note; the rollout records it
    #[arg(long, value_name = "HAZARD:OBJECT")]
    pub(crate) acknowledge: Vec<Acknowledgement>,
    /// Return as soon as it has started
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) watch: WatchArgs,
}

/// How long a rollout is watched.
#[derive(Debug, Clone, Args)]
pub(crate) struct WatchArgs {
    /// How long to wait while the rollout stands still (nothing of it is at work), for example 30m [default: for ever on a terminal, else 10m]
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<Span>,
}

/// Shows a plan and carries it out as the arguments say.
pub(crate) async fn run_plan(
    app: &mut App,
    client: Client,
    plan: PlanView,
    args: &RunArgs,
) -> Result<ExitCode, CliError> {
    let layout = app.screen.layout();
    app.screen.show(&render::plan::overview(&plan, layout));
    if args.dry_run && render::plan::only_records(&plan) {
        // There is nothing to try: the plan is all that there is.
        app.screen.json(&plan);
        return Ok(ExitCode::Done);
    }
    if args.dry_run {
        return try_plan(app, &client, &plan).await;
    }
    if let Err(error) = may_start(&plan, &args.acknowledge) {
        app.screen.json(&plan);
        return Err(error);
    }
    let confirmation = confirm(app, &plan, args.force)?;
    let client = if confirmation == Confirmation::Typed { client.again().await? } else { client };
    let request = StartRolloutRequest {
        plan: plan.id.clone(),
        confirmation: confirmation.as_str().to_owned(),
        acknowledge: args.acknowledge.iter().map(ToString::to_string).collect(),
    };
    let rollout = client.start_rollout(request, &plan.environment).await?;
    if args.detach {
        app.screen.present(&rollout, render::rollout::started);
        return Ok(ExitCode::Done);
    }
    watch::follow(app, client, rollout, &args.watch, Place::Remark).await
}

/// Whether the controller would start it now: spares the person a prompt whose answer changes nothing.
fn may_start(plan: &PlanView, given: &[Acknowledgement]) -> Result<(), CliError> {
    let have = u32::try_from(plan.approved_by.len()).unwrap_or(u32::MAX);
    if have < plan.approvals_needed {
        let gate = plan.gates.iter().find(|gate| gate.name == "approvals" && gate.state == "needs");
        let has = gate.map_or_else(
            || format!("it has {have} of {}", plan.approvals_needed),
            |gate| gate.detail.clone(),
        );
        let message = format!("plan {} waits for approval: {has}", plan.id);
        return Err(CliError::new(ErrorKind::Approval, message).because(plan.blocked_by.join("; ")).hint(
            format!("have somebody else run: pgbelay approve {}; then {}", plan.id, render::plan::run(plan)),
        ));
    }
    if !plan.blocked_by.is_empty() {
        return Err(CliError::new(ErrorKind::Refused, format!("plan {} cannot be started now", plan.id))
            .because(plan.blocked_by.join("; "))
            .hint("put that right and run the command again; a plan that is stale has to be made anew"));
    }
    acknowledged(plan, given)
}

/// Whether everything was acknowledged that the environment asks for, and the exact words if it was not.
fn acknowledged(plan: &PlanView, given: &[Acknowledgement]) -> Result<(), CliError> {
    let needed = plan.acknowledge.iter().filter_map(|text| text.parse::<Acknowledgement>().ok());
    let missing: Vec<_> = needed.filter(|needed| !given.iter().any(|given| given.means(needed))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
    let flags: Vec<_> = missing.iter().map(Acknowledgement::flag).collect();
    let message = format!("plan {} has hazards that must be acknowledged", plan.id);
    Err(CliError::new(ErrorKind::Refused, message)
        .because(names.join("; "))
        .hint(format!("if that is meant, add: {}", flags.join(" "))))
}

async fn try_plan(app: &mut App, client: &Client, plan: &PlanView) -> Result<ExitCode, CliError> {
    let waiting = app.screen.spinner("trying it on the live databases, in transactions that are rolled back");
    let trial = client.try_plan(TryPlanRequest { plan: plan.id.clone() }).await;
    drop(waiting);
    let trial = trial?;
    app.screen.present(&trial, render::trial::trial);
    if trial.succeeded {
        return Ok(ExitCode::Done);
    }
    let failed: Vec<_> =
        trial.databases.iter().filter(|d| !d.succeeded).map(|d| d.database.as_str()).collect();
    Err(CliError::new(ErrorKind::Failed, format!("the dry run failed on {}", failed.join(", ")))
        .because("every transaction was rolled back: nothing has changed")
        .hint("correct the migration and run it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(needed: u32, approved: &[&str], blocked: &[&str]) -> PlanView {
        PlanView {
            id: "p1".into(),
            environment: "production".into(),
            direction: "up".into(),
            approvals_needed: needed,
            approved_by: approved.iter().map(ToString::to_string).collect(),
            blocked_by: blocked.iter().map(ToString::to_string).collect(),
            ..PlanView::default()
        }
    }

    #[test]
    fn what_stands_against_a_start_decides_the_exit_code() {
        let code = |plan| may_start(&plan, &[]).map_err(|error| error.kind);
        assert_eq!(code(plan(0, &[], &[])), Ok(()));
        assert_eq!(code(plan(1, &["bob"], &[])), Ok(()));
        assert_eq!(code(plan(2, &["bob"], &["it waits for approval"])), Err(ErrorKind::Approval));
        assert_eq!(
            code(plan(0, &[], &["the release has not succeeded in staging"])),
            Err(ErrorKind::Refused)
        );
    }

    #[test]
    fn what_is_not_acknowledged_is_said_as_it_is_typed() {
        let asked = |given: &[&str]| {
            let plan = PlanView {
                acknowledge: vec!["drop-column:public.a.note".into(), "drop-table:public.\"B\"".into()],
                ..plan(0, &[], &[])
            };
            let given: Vec<_> = given.iter().map(|text| text.parse().unwrap()).collect();
            may_start(&plan, &given)
        };
        let error = asked(&[]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
        assert_eq!(
            error.hint.unwrap(),
            "if that is meant, add: --acknowledge drop-column:public.a.note --acknowledge 'drop-table:public.\"B\"'"
        );
        let error = asked(&["drop-table:public.\"B\""]).unwrap_err();
        assert_eq!(error.cause.unwrap(), "drop-column:public.a.note");
        assert_eq!(asked(&["drop-column:a.note", "drop-table:public.\"B\""]), Ok(()));
    }

    #[test]
    fn waiting_for_approval_says_what_to_type() {
        let hint = may_start(&plan(1, &[], &[]), &[]).unwrap_err().hint.unwrap();
        assert_eq!(
            hint,
            "have somebody else run: pgbelay approve p1; then pgbelay migrate --env production --plan p1"
        );
    }
}
