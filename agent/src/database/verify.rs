//! Asks the policy's queries. Nothing of the database is changed: a transaction that can only read, for each.

use std::time::Duration;

use pgbelay_core::command::{Answer, Outcome, Said};
use pgbelay_core::policy::Query;

use super::Control;
use super::connect::connect;
use super::session::{ANSWER, Session, within};
use super::target::Target;
use crate::words;

/// Longest text of an answer that is told.
const TOLD: usize = 200;

/// Asks each query, in this order.
pub async fn verify(target: &Target, queries: &[Query], control: &Control<'_>) -> Outcome {
    let session = tokio::select! {
        () = control.cancel.cancelled() => return cancelled(),
        session = Box::pin(connect(target, "pgbelay-agent verification")) => match session {
            Ok(session) => session,
            Err(error) => return Outcome::Verified { answers: unknown(queries, &words::line(&error)) },
        },
    };
    let mut answers = Vec::with_capacity(queries.len());
    for (at, query) in queries.iter().enumerate() {
        control.say(at, queries.len(), format!("asking {:?}", query.name));
        let said = tokio::select! {
            () = control.cancel.cancelled() => {
                session.cancel().await;
                session.abandon();
                return cancelled();
            }
            said = Box::pin(ask(&session, query)) => said,
        };
        answers.push(Answer { query: query.name.clone(), said });
    }
    session.close().await;
    Outcome::Verified { answers }
}

fn cancelled() -> Outcome {
    Outcome::Cancelled { done: Vec::new(), observation: None }
}

/// Nobody could ask any of them.
pub(crate) fn unknown(queries: &[Query], why: &str) -> Vec<Answer> {
    let said = Said::Unknown { why: why.to_owned() };
    queries.iter().map(|query| Answer { query: query.name.clone(), said: said.clone() }).collect()
}

async fn ask(session: &Session, query: &Query) -> Said {
    let unknown = |why: String| Said::Unknown { why };
    let limit = query.timeout.0.max(1);
    let open = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; RESET search_path; SET LOCAL statement_timeout = {limit}"
    );
    if let Err(fault) = session.tell(&open).await {
        return unknown(fault.words());
    }
    let said = answer(session, query).await;
    match session.tell("ROLLBACK").await {
        Ok(()) => said.unwrap_or_else(unknown),
        Err(fault) => unknown(fault.words()),
    }
}

/// What the query gives, beside what it should.
async fn answer(session: &Session, query: &Query) -> Result<Said, String> {
    // The statement itself, without what stands around it: it is put into another one.
    let script = pgbelay_analysis::read(&query.query).map_err(|error| error.to_string())?;
    let [statement] = script.statements.as_slice() else {
        return Err("it is more than one statement".to_owned());
    };
    let limit = Duration::from_millis(u64::try_from(query.timeout.0).unwrap_or_default()) + ANSWER;
    let prepared =
        within(ANSWER, session.client.prepare(&statement.text)).await.map_err(|fault| fault.words())?;
    if prepared.columns().len() != 1 {
        return Err(format!("it gives {} columns, and one is asked for", prepared.columns().len()));
    }
    let text = &statement.text;
    let sql = format!("SELECT answer::pg_catalog.text FROM (\n{text}\n) AS asked (answer) LIMIT 2");
    let rows = within(limit, session.client.query_typed(&sql, &[])).await.map_err(|fault| fault.words())?;
    let got = match rows.as_slice() {
        [] => return Ok(Said::Failed { got: format!("no row, not {:?}", query.expect) }),
        [row] => row.try_get::<_, Option<String>>(0).map_err(|error| error.to_string())?,
        _ => return Ok(Said::Failed { got: format!("more than one row, not {:?}", query.expect) }),
    };
    Ok(match got {
        Some(got) if got == query.expect => Said::Passed,
        Some(got) => {
            let got: String = got.chars().take(TOLD).collect();
            Said::Failed { got: format!("{got:?}, not {:?}", query.expect) }
        }
        None => Said::Failed { got: format!("NULL, not {:?}", query.expect) },
    })
}
