//! Answers to probes: questions that change nothing in the database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::digest::Digest;
use pgbelay_core::plan::ExecutionSettings;
use pgbelay_proto::convert::WireStep;
use pgbelay_proto::wire::{self, loss_count::Lost, probe_answer::Answer};
use pgbelay_proto::{CATALOG_PART_BYTES, MAX_CATALOG_BYTES};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::guard::Objection;
use super::{JobTools, Site};
use crate::backup::stores::Checked;
use crate::session::Question;
use crate::words;

/// Answers one question, within a deadline: its own, or this one. A schema has an answer for each of its parts, every
/// other question one.
pub(crate) async fn answer<S: Site>(
    id: u64,
    question: Question,
    tools: JobTools<S>,
    deadline: Duration,
) -> Vec<wire::ProbeAnswer> {
    let deadline = match &question {
        Question::Backup { deadline: own, .. } => own.unwrap_or(deadline),
        Question::Inspect
        | Question::DryRun { .. }
        | Question::CountLoss(_)
        | Question::Catalog
        | Question::Measure(_)
        | Question::History
        | Question::LookAtBackup(..)
        | Question::DeleteBackup(..) => deadline,
    };
    let found = timeout(deadline, Box::pin(find(question, tools))).await;
    let late = |_| vec![Answer::Error(format!("there was no answer within {deadline:?}"))];
    let answers = found.unwrap_or_else(late).into_iter();
    answers.map(|answer| wire::ProbeAnswer { id, answer: Some(answer) }).collect()
}

async fn find<S: Site>(question: Question, tools: JobTools<S>) -> Vec<Answer> {
    let answer = match question {
        Question::Inspect => match tools.site.inspect().await {
            Ok(seen) => Answer::Observation((&seen).into()),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::DryRun { steps, settings } => dry_run(&steps, &settings, &tools).await,
        Question::CountLoss(objects) => count_loss(objects, &tools.site).await,
        Question::Catalog => return catalog(&tools.site).await,
        Question::Measure(relations) => match tools.site.measure(&relations).await {
            Ok(measured) => Answer::Measured(measured),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::History => match tools.site.history().await {
            Ok(tables) => Answer::History(tables.as_slice().into()),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::Backup { path, sha256, copies, .. } => {
            match tools.site.verify_backup(&path, sha256, &copies).await {
                Ok(Checked { problems, notes }) => Answer::Backup(wire::BackupCheck { problems, notes }),
                Err(error) => Answer::Error(error.to_string()),
            }
        }
        Question::LookAtBackup(path, sha256) => match tools.site.look_at_backup(&path, sha256).await {
            Ok(problems) => Answer::Backup(wire::BackupCheck { problems, notes: Vec::new() }),
            Err(error) => Answer::Error(error.to_string()),
        },
        Question::DeleteBackup(path, sha256) => match tools.site.delete_backup(&path, sha256).await {
            Ok(()) => Answer::BackupDeleted(wire::BackupDeleted {}),
            Err(error) => Answer::Error(error.to_string()),
        },
    };
    vec![answer]
}

async fn dry_run<S: Site>(steps: &[WireStep], settings: &ExecutionSettings, tools: &JobTools<S>) -> Answer {
    let wanted: BTreeSet<_> = steps.iter().map(|step| step.sql).collect();
    let sql = match tools.sql.fetch(&wanted).await {
        Ok(sql) => sql,
        Err(error) => return Answer::Error(words::line(&error)),
    };
    if let Some(objection) = tools.guard.objects_to(steps, &sql, tools.site.as_ref()).await {
        let failure = refusal(objection);
        return Answer::DryRun(wire::DryRunResult { done: Vec::new(), failure: Some((&failure).into()) });
    }
    let (done, failure) = tools.site.dry_run(steps, &tools.guard.within(settings), &sql).await;
    let done = done.iter().map(Into::into).collect();
    Answer::DryRun(wire::DryRunResult { done, failure: failure.as_ref().map(Into::into) })
}

/// What a run would be refused for, or fail with, before anything of it is started.
fn refusal(objection: Objection) -> Failure {
    match objection {
        Objection::Broken { version, line, what, next } => Failure {
            kind: FailureKind::Agent,
            version: Some(version),
            message: format!("the agent's own guard does not allow it: {what}"),
            hint: Some(next),
            sqlstate: None,
            line: Some(line),
            blockers: Vec::new(),
        },
        Objection::Failed(failure) => *failure,
    }
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

async fn catalog<S: Site>(site: &Arc<S>) -> Vec<Answer> {
    let (catalog, fingerprint) = match site.catalog().await {
        Ok(read) => read,
        Err(error) => return vec![Answer::Error(error.to_string())],
    };
    // Writing tens of megabytes is no work for a thread that others wait for.
    match spawn_blocking(move || serde_json::to_vec(&catalog)).await {
        Ok(Ok(json)) => parts(&json, fingerprint),
        Ok(Err(error)) => vec![Answer::Error(error.to_string())],
        Err(error) => vec![Answer::Error(error.to_string())],
    }
}

fn parts(json: &[u8], fingerprint: Digest) -> Vec<Answer> {
    if json.len() > MAX_CATALOG_BYTES {
        let size = json.len();
        return vec![Answer::Error(format!(
            "the schema takes {size} bytes as JSON; at most {MAX_CATALOG_BYTES} are sent"
        ))];
    }
    let pieces: Vec<_> = json.chunks(CATALOG_PART_BYTES).collect();
    let count = pieces.len();
    let part = |(number, piece): (usize, &[u8])| {
        let last = number + 1 == count;
        let fingerprint = if last { fingerprint.to_string() } else { String::new() };
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Answer::Catalog(wire::CatalogPart { number, last, json: piece.to_vec(), fingerprint })
    };
    pieces.into_iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_cut_into_parts_that_make_it_again() {
        for size in [1, CATALOG_PART_BYTES, CATALOG_PART_BYTES + 1, MAX_CATALOG_BYTES] {
            let json: Vec<u8> = (0..size).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
            let parts = parts(&json, Digest::of("schema"));
            let mut whole: Vec<u8> = Vec::new();
            for (at, answer) in parts.iter().enumerate() {
                let Answer::Catalog(part) = answer else { panic!("{answer:?}") };
                assert_eq!(part.number as usize, at);
                assert_eq!((part.last, part.fingerprint.is_empty()), (at + 1 == parts.len(), !part.last));
                whole.extend(&part.json);
            }
            assert!(whole == json, "{size}");
        }
    }

    #[test]
    fn a_schema_that_is_too_large_is_no_answer() {
        let answers = parts(&vec![b'x'; MAX_CATALOG_BYTES + 1], Digest::of("schema"));
        assert!(matches!(answers.as_slice(), [Answer::Error(why)] if why.contains("at most")), "{answers:?}");
    }
}
