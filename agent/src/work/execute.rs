//! Carrying out one command.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pgbelay_core::command::{Failure, FailureKind, Outcome, RefusedBecause, Verify};
use pgbelay_core::digest::Digest;
use pgbelay_proto::convert::{WireCommand, WireKind, WireRehearse, WireRun, WireStep};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::guard::Objection;
use super::{Guard, RunRequest, Site};
use crate::clock::now;
use crate::database::{self, Control, Progress};
use crate::failpoint::reach;
use crate::session::SqlSource;
use crate::words;

/// What a job works with.
pub(crate) struct Tools<S> {
    pub(crate) site: Arc<S>,
    pub(crate) guard: Guard,
    pub(crate) sql: SqlSource,
}

/// Carries out a command, to whatever end.
pub(super) async fn execute<S: Site>(
    command: WireCommand,
    tools: Tools<S>,
    progress: watch::Sender<Progress>,
    cancel: CancellationToken,
    may_go_on: impl Fn() -> bool + Send + Sync + 'static,
) -> Outcome {
    let control = Control {
        progress: &progress,
        cancel: &cancel,
        lease: &may_go_on,
        may_end: &tools.guard.rules.cancel_blockers_of,
    };
    let outcome = match &command.kind {
        WireKind::Backup { expect, order } => {
            Box::pin(tools.site.back_up(&command, (expect, order), control)).await
        }
        WireKind::Run(run) => Box::pin(migrate(&command, run, &tools, control)).await,
        WireKind::Adopt(adopt) => Box::pin(tools.site.adopt(&command, adopt, control)).await,
        WireKind::Verify(verify) => Box::pin(ask(verify, &tools, control)).await,
        WireKind::Rehearse(tried) => Box::pin(rehearse(&command, tried, &tools, control)).await,
    };
    reach(match &outcome {
        Outcome::BackedUp { .. } => "before-report-of-backup",
        Outcome::Ran { .. }
        | Outcome::Verified { .. }
        | Outcome::Rehearsed { .. }
        | Outcome::Failed { .. }
        | Outcome::Interrupted { .. }
        | Outcome::Cancelled { .. }
        | Outcome::Unsettled { .. }
        | Outcome::Refused { .. }
        | Outcome::Unknown { .. } => "before-report",
    })
    .await;
    outcome
}

/// Asks queries, as far as this agent's own limits let it.
async fn ask<S: Site>(verify: &Verify, tools: &Tools<S>, control: Control<'_>) -> Outcome {
    let queries = &verify.queries;
    match tools.guard.objects_to_queries(queries, tools.site.as_ref()).await {
        None => Box::pin(tools.site.verify(queries, control)).await,
        Some(why) => Outcome::Verified { answers: database::unknown(queries, &why) },
    }
}

/// What is tried on a copy is within the same limits as what is run on the database.
async fn rehearse<S: Site>(
    command: &WireCommand,
    asked: &WireRehearse,
    tools: &Tools<S>,
    control: Control<'_>,
) -> Outcome {
    let steps: Vec<_> = asked.up.iter().chain(&asked.back).cloned().collect();
    let sql = tokio::select! {
        () = control.cancel.cancelled() => return untouched(),
        sql = fetch(&steps, tools, control) => sql,
    };
    match sql {
        Ok(sql) => {
            if let Some(failure) = tools.guard.leaves_a_copy(&steps, &sql).await {
                return Outcome::Failed { done: Vec::new(), failure, observation: None };
            }
            let settings = tools.guard.within(&asked.settings);
            let asked = WireRehearse { settings, ..asked.clone() };
            Box::pin(tools.site.rehearse(command, (&asked, &sql), control)).await
        }
        Err(outcome) => outcome,
    }
}

async fn migrate<S: Site>(
    command: &WireCommand,
    run: &WireRun,
    tools: &Tools<S>,
    control: Control<'_>,
) -> Outcome {
    let ready = tokio::select! {
        () = control.cancel.cancelled() => return untouched(),
        ready = prepare(run, tools, control) => ready,
    };
    let sql = match ready {
        Ok(sql) => sql,
        Err(outcome) => return outcome,
    };
    let run = WireRun { settings: tools.guard.within(&run.settings), ..run.clone() };
    Box::pin(tools.site.run(RunRequest { command, run: &run, sql: &sql }, control)).await
}

/// What a run needs before the database is touched; or the outcome, when it can't be had.
async fn prepare<S: Site>(
    run: &WireRun,
    tools: &Tools<S>,
    control: Control<'_>,
) -> Result<BTreeMap<Digest, String>, Outcome> {
    if tools.guard.looks_at_age(run) {
        let seen = tools.site.inspect().await.map_err(|error| {
            failed(FailureKind::Connection, error.to_string(), "see that the database answers, then retry")
        })?;
        if let Some(rule) = tools.guard.too_old(run, &seen, now()) {
            return Err(Outcome::Refused { reason: RefusedBecause::Guard { rule } });
        }
    }
    fetch(&run.steps, tools, control).await
}

/// The SQL of steps, once it is known that nothing in it is against this agent's limits.
async fn fetch<S: Site>(
    steps: &[WireStep],
    tools: &Tools<S>,
    control: Control<'_>,
) -> Result<BTreeMap<Digest, String>, Outcome> {
    control.say(0, steps.len(), "fetching the SQL".to_owned());
    let wanted: BTreeSet<_> = steps.iter().map(|step| step.sql).collect();
    let sql = tools.sql.fetch(&wanted).await.map_err(|error| {
        failed(FailureKind::SqlMissing, words::line(&error), "nothing was changed: retry the rollout")
    })?;
    match tools.guard.objects_to(steps, &sql, tools.site.as_ref()).await {
        None => Ok(sql),
        Some(Objection::Broken { version, line, what, next }) => {
            let rule = format!("migration {version}, line {line}: {what}; {next}");
            Err(Outcome::Refused { reason: RefusedBecause::Guard { rule } })
        }
        Some(Objection::Failed(failure)) => {
            Err(Outcome::Failed { done: Vec::new(), failure: *failure, observation: None })
        }
    }
}

fn untouched() -> Outcome {
    Outcome::Cancelled { done: Vec::new(), observation: None }
}

/// A failure before anything was touched.
pub(crate) fn failed(kind: FailureKind, message: String, hint: &str) -> Outcome {
    let failure = Failure {
        kind,
        version: None,
        message,
        hint: Some(hint.to_owned()),
        sqlstate: None,
        line: None,
        blockers: Vec::new(),
    };
    Outcome::Failed { done: Vec::new(), failure, observation: None }
}
