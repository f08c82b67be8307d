//! Answers to probes: questions that change nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::plan::ExecutionSettings;
use pgbelay_proto::convert::WireStep;
use pgbelay_proto::wire::{self, loss_count::Lost, probe_answer::Answer};
use tokio::time::timeout;

use super::{JobTools, Site};
use crate::session::Question;
use crate::words;

/// Answers one question, within a deadline.
pub(crate) async fn answer<S: Site>(
    id: u64,
    question: Question,
    tools: JobTools<S>,
    deadline: Duration,
) -> wire::ProbeAnswer {
    let found = timeout(deadline, Box::pin(find(question, tools))).await;
    let late = |_| Answer::Error(format!("there was no answer within {deadline:?}"));
    wire::ProbeAnswer { id, answer: Some(found.unwrap_or_else(late)) }
}

async fn find<S: Site>(question: Question, tools: JobTools<S>) -> Answer {
    match question {
        Question::Inspect => match tools.site.inspect().await {
            Ok(seen) => Answer::Observation((&seen).into()),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::DryRun { steps, settings } => dry_run(&steps, &settings, &tools).await,
        Question::CountLoss(objects) => count_loss(objects, &tools.site).await,
    }
}

async fn dry_run<S: Site>(steps: &[WireStep], settings: &ExecutionSettings, tools: &JobTools<S>) -> Answer {
    let wanted: BTreeSet<_> = steps.iter().map(|step| step.sql).collect();
    let sql = match tools.sql.fetch(&wanted).await {
        Ok(sql) => sql,
        Err(error) => return Answer::Error(words::line(&error)),
    };
    let (done, failure) = tools.site.dry_run(steps, &tools.guard.within(settings), &sql).await;
    let done = done.iter().map(Into::into).collect();
    Answer::DryRun(wire::DryRunResult { done, failure: failure.as_ref().map(Into::into) })
}

async fn count_loss<S: Site>(objects: Vec<(String, Option<String>)>, site: &Arc<S>) -> Answer {
    let counts = site.count_loss(&objects).await;
    let lost = |((table, column), count): ((String, Option<String>), Result<u64, String>)| {
        let object = Some(wire::Doomed { table, column: column.unwrap_or_default() });
        let (rows, error) = count.map_or_else(|error| (0, error), |rows| (rows, String::new()));
        Lost { object, rows, error }
    };
    Answer::Loss(wire::LossCount { lost: objects.into_iter().zip(counts).map(lost).collect() })
}
