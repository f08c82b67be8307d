//! Recording migrations that are applied already: one transaction, in which the other tool's table is read again.

use pgbelay_core::command::{FailureKind, Outcome, RefusedBecause, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::plan::HistoryMark;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::{WireAdopt, WireAdopted, WireCommand};
use serde_json::json;

use super::{
    Control, DUMP, Ending, Session, TRIAL, Target, application, check_fence, connect, difference, failure,
    in_time, layout, lost, no_layout, observe, recorded, settle, sql_failure, take_lock, unreachable,
    unreadable,
};
use crate::database::fault::Fault;
use crate::database::history::{find_table, rows};
use crate::database::quote::{identifier, literal, nullable};
use crate::database::session::{FLUSHES, OWN_PATH};

/// Steps that are written with one message.
const AT_ONCE: usize = 200;

/// Nothing is waited for but the fence: whoever holds it is a run of this database.
const OPEN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '10s'; \
    SET LOCAL statement_timeout = '15s'; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL row_security = off";

/// Records the steps of a command, and tells exactly what is recorded afterwards. Nothing else is changed.
///
/// The history table must hold what the plan was made from. A lost connection is settled by reading the records.
pub async fn adopt(
    target: &Target,
    command: &WireCommand,
    adopt: &WireAdopt,
    control: &Control<'_>,
) -> Outcome {
    let (ending, session) = match Box::pin(prepare(target, command, adopt, control)).await {
        Ok(session) => Box::pin(record(target, command, adopt, (control, session))).await,
        Err(ending) => (ending, None),
    };
    finish(ending, adopt, (target, session)).await
}

/// Everything that comes before the transaction.
async fn prepare(
    target: &Target,
    command: &WireCommand,
    adopt: &WireAdopt,
    control: &Control<'_>,
) -> Result<Session, Ending> {
    in_time(command)?;
    let say = |doing: String| control.say(0, adopt.steps.len(), doing);
    say("connecting".to_owned());
    let session = connect(target, &application(command)).await.map_err(|error| unreachable(&error))?;
    for left_over in [TRIAL, DUMP] {
        session.end_others(left_over).await.map_err(|fault| Ending::Failed(lost(&fault)))?;
    }
    take_lock(&session, target, control, &say).await?;
    in_time(command)?;
    say("checking the state of the database".to_owned());
    let seen = observe(&session, &target.schema).await.map_err(|error| Ending::Failed(unreadable(&error)))?;
    let done =
        recorded(&session, target, command).await.map_err(|error| Ending::Unknown(error.to_string()))?;
    if !done.is_empty() {
        return Err(Ending::Earlier { done, seen: Box::new(seen) });
    }
    if let Some(what) = difference(&adopt.expect, &seen) {
        return Err(Ending::Refused(RefusedBecause::Moved { what }));
    }
    layout::ensure(&session, &target.schema).await.map_err(|fault| no_layout(target, &fault))?;
    check_fence(&session, target, command).await?;
    match () {
        () if control.cancel.is_cancelled() => Err(Ending::Cancelled),
        () if !(control.lease)() => Err(Ending::Interrupted),
        () => Ok(session),
    }
}

/// How the transaction ended; the session, if it can still be used.
async fn record(
    target: &Target,
    command: &WireCommand,
    adopt: &WireAdopt,
    (control, session): (&Control<'_>, Session),
) -> (Ending, Option<Session>) {
    control.say(0, adopt.steps.len(), "recording what is applied".to_owned());
    let fault = match transaction(&session, target, (command, adopt), control).await {
        Ok(None) => return (Ending::Ran, Some(session)),
        Ok(Some(ending)) => {
            // The server rolls back when the session ends, and it is not used for anything but reading.
            let _ = session.tell("ROLLBACK").await;
            return (ending, Some(session));
        }
        Err(fault) => fault,
    };
    if let Fault::Sql(error) = &fault {
        let _ = session.tell("ROLLBACK").await;
        let failed = sql_failure(error, None);
        let message = format!("what is applied could not be recorded: {}", failed.message);
        return (
            Ending::Failed(Box::new(pgbelay_core::command::Failure { message, ..failed })),
            Some(session),
        );
    }
    let why = fault.words();
    tracing::warn!(why, "the connection was lost; reading what is recorded");
    session.abandon();
    match Box::pin(settle(target, command)).await {
        Ok(settled) if settled.done.is_empty() => {
            let hint = "nothing was recorded; look at the server's log, then retry";
            let message = format!("the connection was lost before the records were committed: {why}");
            let failure = failure(FailureKind::Connection, message, hint);
            (Ending::Failed(Box::new(failure)), Some(settled.session))
        }
        // One transaction: where one step is recorded, all are.
        Ok(settled) => (Ending::Ran, Some(settled.session)),
        Err(error) => {
            let why = format!(
                "the connection was lost while recording ({why}), and the records could not be read since: {error}"
            );
            (Ending::Unknown(why), None)
        }
    }
}

/// `None`: it is committed. Otherwise it is still open.
async fn transaction(
    session: &Session,
    target: &Target,
    (command, adopt): (&WireCommand, &WireAdopt),
    control: &Control<'_>,
) -> Result<Option<Ending>, Fault> {
    let schema = identifier(&target.schema);
    let fence = format!("{OPEN}; {OWN_PATH}; SELECT epoch FROM {schema}.fence FOR UPDATE");
    let rows = session.ask(&fence).await?;
    let epoch: Option<u64> = rows.first().and_then(|row| row.get(0)).and_then(|epoch| epoch.parse().ok());
    match epoch {
        None => {
            let hint = "put its one row back: a run with a higher fence follows";
            let message = format!("{schema}.fence is empty or damaged");
            return Ok(Some(Ending::Failed(Box::new(failure(FailureKind::Agent, message, hint)))));
        }
        Some(seen) if seen > command.fence => {
            return Ok(Some(Ending::Refused(RefusedBecause::StaleFence { seen })));
        }
        Some(_) => session.tell(&format!("UPDATE {schema}.fence SET epoch = {}", command.fence)).await?,
    }
    if let Some(what) = moved(session, adopt.history.as_ref()).await? {
        return Ok(Some(Ending::Refused(RefusedBecause::Moved { what })));
    }
    for steps in adopt.steps.chunks(AT_ONCE) {
        let sql: Vec<String> = steps.iter().map(|step| record_sql(&schema, (command, adopt), step)).collect();
        session.tell(&sql.join("; ")).await?;
        if control.cancel.is_cancelled() {
            return Ok(Some(Ending::Cancelled));
        }
    }
    session.tell(&format!("{FLUSHES}; COMMIT")).await?;
    Ok(None)
}

/// What is different of the history table, in words.
async fn moved(session: &Session, expected: Option<&HistoryMark>) -> Result<Option<String>, Fault> {
    let Some(expected) = expected else { return Ok(None) };
    let title = format!("{}.{}", expected.schema, expected.table);
    let Some(mut table) = find_table(session, &expected.schema, &expected.table).await? else {
        return Ok(Some(format!("the history table {title} is gone, or cannot be read any more")));
    };
    let Some(shape) = table.shape() else {
        return Ok(Some(format!("the history table {title} has other columns")));
    };
    table.rows = rows(session, &table, shape).await?;
    let same = table.digest() == expected.digest;
    Ok((!same).then(|| format!("{} has been at work since: {title} holds something else", expected.tool)))
}

/// The record, and the attempt that says which command wrote it.
fn record_sql(schema: &str, (command, adopt): (&WireCommand, &WireAdopt), adopted: &WireAdopted) -> String {
    let WireAdopted { step, recorded } = adopted;
    let mut metadata = json!({
        "adopted": recorded.how.as_str(),
        "adopted_from": adopt.history.as_ref().map(|history| history.tool.as_str()),
        "tool_checksum": recorded.tool_checksum,
        "time_known": recorded.applied_at.is_some(),
        "command_id": command.id.as_str(),
        "attempt": command.attempt,
        "rollout": command.rollout.as_str(),
        "plan": command.plan.to_string(),
        "fence": command.fence,
        "direction": "up",
        "duration_ms": 0,
        "retries": 0,
        "agent_version": env!("CARGO_PKG_VERSION"),
    });
    if step.repeatable {
        metadata["repeatable"] = json!(true);
    }
    let metadata = format!("{}::pg_catalog.jsonb", literal(&metadata.to_string()));
    let applied_at = recorded.applied_at.map_or_else(
        || "pg_catalog.transaction_timestamp()".to_owned(),
        |at| format!("pg_catalog.to_timestamp({}::pg_catalog.numeric / 1000)", at.0),
    );
    let version = literal(step.version.as_str());
    let (name, checksum) = (literal(&step.name), literal(&step.checksum.to_string()));
    format!(
        "INSERT INTO {schema}.migration_records (version, name, checksum, applied_at, success, metadata) \
         VALUES ({version}, {name}, {checksum}, {applied_at}, true, {metadata}); \
         INSERT INTO {schema}.migration_attempts (version, name, direction, checksum, command_id, attempt, \
           started_at, outcome, error_msg, metadata) \
         VALUES ({version}, {name}, 'up', {checksum}, {}, {}, pg_catalog.transaction_timestamp(), 'done', {}, \
           {metadata})",
        literal(command.id.as_str()),
        command.attempt,
        nullable(None),
    )
}

async fn finish(ending: Ending, adopt: &WireAdopt, (target, session): (&Target, Option<Session>)) -> Outcome {
    let observation = match (&ending, &session) {
        (Ending::Ran | Ending::Failed(_) | Ending::Cancelled, Some(session)) => look(session, target).await,
        _ => None,
    };
    if let Some(session) = session {
        session.close().await;
    }
    let done = Vec::new();
    match (ending, observation) {
        (Ending::Ran, Some(observation)) => Outcome::Ran { done: all(adopt), observation },
        (Ending::Ran, None) => Outcome::Unknown {
            why: "everything is recorded, but the database could not be read afterwards".to_owned(),
        },
        (Ending::Failed(failure), observation) => Outcome::Failed { done, failure: *failure, observation },
        (Ending::Cancelled, observation) => Outcome::Cancelled { done, observation },
        (Ending::Interrupted, observation) => Outcome::Interrupted { done, observation },
        (Ending::Earlier { done, seen }, _) => Outcome::Interrupted { done, observation: Some(*seen) },
        (Ending::Refused(reason), _) => Outcome::Refused { reason },
        (Ending::Unsettled(statement), observation) => {
            Outcome::Unsettled { done, statement: *statement, observation }
        }
        (Ending::Unknown(why), _) => Outcome::Unknown { why },
    }
}

async fn look(session: &Session, target: &Target) -> Option<Observation> {
    match observe(session, &target.schema).await {
        Ok(seen) => Some(seen),
        Err(error) => {
            tracing::warn!(%error, "the database could not be read after recording");
            None
        }
    }
}

fn all(adopt: &WireAdopt) -> Vec<StepDone> {
    let done = |adopted: &WireAdopted| StepDone {
        version: adopted.step.version.clone(),
        took: Span(0),
        retries: 0,
        observed: None,
    };
    adopt.steps.iter().map(done).collect()
}
