//! How much of an agent's words is kept. They go into the ledger and into answers that have a bound of their own,
//! and they come from servers, tools and SQL of any kind.

use pgbelay_core::command::MAX_SEALED_KEY;
use pgbelay_core::history::MAX_TEXT;
use pgbelay_core::job::JobEnd;
use pgbelay_core::policy::MAX_QUERIES;
use pgbelay_core::release::MAX_MIGRATIONS;
use pgbelay_proto::wire;
use pgbelay_proto::wire::job_ended::End;
use pgbelay_proto::wire::outcome::{Outcome, answer::Said, refused::Because};

use crate::rpc::enrolment::MAX_SYSTEM_IDENTIFIER;

/// One line that people read: an error of PostgreSQL with its hint is far below this.
const LINE: usize = 1_000;

/// What is wrong with a backup, line by line.
const PROBLEMS: usize = 50;

/// What is going on, in words: it stands in a table.
const DOING: usize = 200;

/// Sessions that are named as holders of locks.
const BLOCKERS: usize = 20;

/// The same, each with each relation.
const HOLDERS: usize = 100;

/// Relations that are measured at once.
const RELATIONS: usize = 20_000;

/// Migrations that a database says it has. A database outlives many a release: four times the largest one.
const RECORDS: usize = 4 * MAX_MIGRATIONS;

/// Longest name of a migration: a file name of any system.
const RECORD_NAME: usize = 256;

/// Longest path of a backup: Linux takes no longer one.
const PATH: usize = 4_096;

/// Most stores that have a backup: an agent's file names a few.
const COPIES: usize = 100;

/// Of what was observed of a step: as many of each sort as an agent keeps, and some.
const OBSERVED: usize = 50;
/// Of a name of a relation or a statement.
const NAME: usize = 256;

/// Tables of other migration tools: one for each schema of a database with many tenants.
const HISTORY_TABLES: usize = 1_000;

/// Longest text in them: characters have up to four bytes.
const HISTORY_TEXT: usize = 4 * MAX_TEXT;

const CUT: char = '…';

/// More than is kept of something that has to be whole: cut off, it would say what is not true.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    #[error("the database has {0} records of migrations; at most {RECORDS} are taken")]
    Records(usize),
    #[error("the name of migration {0:.32} has more than {RECORD_NAME} bytes")]
    RecordName(String),
    #[error("the system identifier has more than {MAX_SYSTEM_IDENTIFIER} bytes")]
    SystemIdentifier,
    #[error("the path of the backup has more than {PATH} bytes, or it has more than {COPIES} copies")]
    Path,
    #[error(
        "the key of the backup, encrypted to its owners, has {0} bytes; at most {MAX_SEALED_KEY} are taken"
    )]
    SealedKey(usize),
}

/// Whether what was seen may go into the ledger.
pub(super) fn observation(seen: &wire::Observation) -> Result<(), TooMuch> {
    if seen.records.len() > RECORDS {
        return Err(TooMuch::Records(seen.records.len()));
    }
    if let Some(long) = seen.records.iter().find(|record| record.name.len() > RECORD_NAME) {
        return Err(TooMuch::RecordName(long.version.clone()));
    }
    if seen.system_identifier.len() > MAX_SYSTEM_IDENTIFIER {
        return Err(TooMuch::SystemIdentifier);
    }
    Ok(())
}

/// Cuts a text to at most `max` bytes, the mark that says so included.
fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        let end = text.floor_char_boundary(max.saturating_sub(CUT.len_utf8()));
        text.truncate(end);
        text.push(CUT);
    }
}

/// One line of words.
pub(super) fn line(mut text: String) -> String {
    cut(&mut text, LINE);
    text
}

pub(super) fn progress(mut progress: wire::Progress) -> wire::Progress {
    cut(&mut progress.doing, DOING);
    progress
}

pub(super) fn job_progress(mut progress: wire::JobProgress) -> wire::JobProgress {
    cut(&mut progress.doing, DOING);
    progress
}

/// How a job ended, with no more words than are kept.
pub(super) fn job_end(end: Option<End>) -> Result<JobEnd, String> {
    let mut end = end.ok_or_else(|| "it is of a kind that is not known here".to_owned())?;
    match &mut end {
        End::Restored(restored) => {
            restored.observation.as_ref().map_or(Ok(()), observation).map_err(|error| error.to_string())?;
            cut(&mut restored.location, LINE);
            restored.notes.truncate(PROBLEMS);
            let words = restored.notes.iter_mut().chain(&mut restored.kept);
            words.chain(&mut restored.schema_doubt).for_each(|text| cut(text, LINE));
        }
        End::Failed(failed) => {
            cut(&mut failed.message, LINE);
            cut(&mut failed.hint, LINE);
            failed.problems.truncate(PROBLEMS);
            failed.problems.iter_mut().for_each(|problem| cut(problem, LINE));
        }
        End::Interrupted(interrupted) => cut(&mut interrupted.why, LINE),
        End::Cancelled(_) => {}
    }
    JobEnd::try_from(end).map_err(|error| error.to_string())
}

pub(super) fn outcome(mut outcome: wire::Outcome) -> Result<wire::Outcome, TooMuch> {
    seen_in(&outcome).map_or(Ok(()), observation)?;
    match &mut outcome.outcome {
        Some(Outcome::Failed(failed)) => {
            if let Some(failure) = &mut failed.failure {
                bound(failure);
            }
        }
        Some(Outcome::Refused(refused)) => match &mut refused.because {
            Some(Because::Moved(what)) => cut(what, LINE),
            Some(Because::Guard(rule)) => cut(rule, LINE),
            Some(Because::StaleFence(_) | Because::TooLate(_)) | None => {}
        },
        Some(Outcome::Unknown(unknown)) => cut(&mut unknown.why, LINE),
        Some(Outcome::Unsettled(unsettled)) => cut(&mut unsettled.what, LINE),
        Some(Outcome::Verified(verified)) => answers(&mut verified.answers),
        Some(Outcome::Rehearsed(tried)) => {
            let steps = tried.up.iter_mut().chain(&mut tried.back);
            steps.filter_map(|step| step.observed.as_mut()).for_each(observed);
        }
        Some(Outcome::BackedUp(done)) => {
            let places = |backup: &wire::Backup| {
                let mut all = backup.copies.iter().chain([&backup.path]);
                backup.copies.len() > COPIES || all.any(|place| place.len() > PATH)
            };
            if done.backup.as_ref().is_some_and(places) {
                return Err(TooMuch::Path);
            }
            if let Some(backup) = &mut done.backup {
                if backup.sealed_key.len() > MAX_SEALED_KEY {
                    return Err(TooMuch::SealedKey(backup.sealed_key.len()));
                }
                cut(&mut backup.reason, LINE);
                cut(&mut backup.outside, LINE);
            }
        }
        Some(Outcome::Ran(_) | Outcome::Interrupted(_) | Outcome::Cancelled(_)) | None => {}
    }
    done_in(&mut outcome).iter_mut().filter_map(|step| step.observed.as_mut()).for_each(observed);
    Ok(outcome)
}

/// Policy asks no more than so many queries.
fn answers(answers: &mut Vec<wire::outcome::Answer>) {
    answers.truncate(MAX_QUERIES + 1);
    for answer in answers {
        match &mut answer.said {
            Some(Said::Failed(text) | Said::Unknown(text)) => cut(text, LINE),
            Some(Said::Passed(_)) | None => {}
        }
    }
}

fn done_in(outcome: &mut wire::Outcome) -> &mut [wire::StepDone] {
    match &mut outcome.outcome {
        Some(Outcome::Ran(ran)) => &mut ran.done,
        Some(Outcome::Failed(failed)) => &mut failed.done,
        Some(Outcome::Interrupted(interrupted)) => &mut interrupted.done,
        Some(Outcome::Cancelled(cancelled)) => &mut cancelled.done,
        Some(Outcome::Unsettled(unsettled)) => &mut unsettled.done,
        Some(
            Outcome::BackedUp(_)
            | Outcome::Verified(_)
            | Outcome::Rehearsed(_)
            | Outcome::Refused(_)
            | Outcome::Unknown(_),
        )
        | None => &mut [],
    }
}

/// What was observed goes into the ledger: as much of it as an agent keeps.
fn observed(seen: &mut wire::Observed) {
    seen.statements.truncate(OBSERVED);
    seen.locks.truncate(OBSERVED);
    seen.statements.iter_mut().for_each(|one| cut(&mut one.what, NAME));
    for lock in &mut seen.locks {
        cut(&mut lock.relation, NAME);
        cut(&mut lock.mode, NAME);
    }
    for names in [&mut seen.rewrites, &mut seen.waited_for, &mut seen.ended] {
        names.truncate(OBSERVED);
        names.iter_mut().for_each(|name| cut(name, LINE));
    }
}

fn seen_in(outcome: &wire::Outcome) -> Option<&wire::Observation> {
    match outcome.outcome.as_ref()? {
        Outcome::Ran(ran) => ran.observation.as_ref(),
        Outcome::Failed(failed) => failed.observation.as_ref(),
        Outcome::Interrupted(interrupted) => interrupted.observation.as_ref(),
        Outcome::Cancelled(cancelled) => cancelled.observation.as_ref(),
        Outcome::Unsettled(unsettled) => unsettled.observation.as_ref(),
        Outcome::BackedUp(_)
        | Outcome::Verified(_)
        | Outcome::Rehearsed(_)
        | Outcome::Refused(_)
        | Outcome::Unknown(_) => None,
    }
}

fn bound(failure: &mut wire::Failure) {
    cut(&mut failure.message, LINE);
    cut(&mut failure.hint, LINE);
    cut(&mut failure.sqlstate, LINE);
    failure.blockers.truncate(BLOCKERS);
    failure.blockers.iter_mut().for_each(|blocker| cut(blocker, LINE));
}

/// The words of a probe's answer go into the answer to an operator; an observation that is too much is no answer.
pub(super) fn answer(mut answer: wire::ProbeAnswer) -> wire::ProbeAnswer {
    use wire::probe_answer::Answer;
    match &mut answer.answer {
        Some(Answer::Error(why)) => cut(why, LINE),
        Some(Answer::DryRun(result)) => {
            if let Some(failure) = &mut result.failure {
                bound(failure);
            }
        }
        Some(Answer::Loss(count)) => count.lost.iter_mut().for_each(|lost| cut(&mut lost.error, LINE)),
        Some(Answer::Observation(seen)) => {
            if let Err(error) = observation(seen) {
                answer.answer = Some(Answer::Error(error.to_string()));
            }
        }
        Some(Answer::Measured(measured)) => {
            measured.relations.truncate(RELATIONS);
            measured.holders.truncate(HOLDERS);
            for holder in &mut measured.holders {
                for words in [&mut holder.user, &mut holder.application, &mut holder.state] {
                    cut(words, LINE);
                }
            }
        }
        Some(Answer::History(found)) => {
            found.tables.truncate(HISTORY_TABLES);
            for cell in
                found.tables.iter_mut().flat_map(|table| &mut table.rows).flat_map(|row| &mut row.cells)
            {
                cell.text.iter_mut().for_each(|text| cut(text, HISTORY_TEXT));
            }
        }
        Some(Answer::Backup(check)) => {
            check.problems.truncate(PROBLEMS);
            check.problems.iter_mut().for_each(|problem| cut(problem, LINE));
        }
        // Its size has a bound where its parts are put together.
        Some(Answer::Catalog(_) | Answer::BackupDeleted(_)) | None => {}
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_says_so() {
        for (text, max, expected) in
            [("abc", 3, "abc"), ("abcdef", 5, "ab…"), ("äöüß", 7, "äö…"), ("ä", 1, "…")]
        {
            let mut cut_text = text.to_owned();
            cut(&mut cut_text, max);
            assert_eq!(cut_text, expected);
        }
    }

    #[test]
    fn every_text_of_a_failure_has_a_bound() {
        let long = "x".repeat(1 << 20);
        let failure = wire::Failure {
            message: long.clone(),
            hint: long.clone(),
            blockers: vec![long; 1_000],
            ..wire::Failure::default()
        };
        let failed = wire::outcome::Failed { failure: Some(failure), ..Default::default() };
        let bounded = outcome(wire::Outcome { outcome: Some(Outcome::Failed(failed)) }).unwrap();
        assert!(prost::Message::encoded_len(&bounded) < 2 * LINE * (BLOCKERS + 2));
    }

    fn seen(records: usize, name: usize) -> wire::Observation {
        let record = wire::AppliedRecord {
            version: "1".to_owned(),
            name: "x".repeat(name),
            ..wire::AppliedRecord::default()
        };
        wire::Observation { records: vec![record; records], ..wire::Observation::default() }
    }

    #[test]
    fn an_observation_has_a_bound() {
        assert_eq!(observation(&seen(20_000, 4)), Ok(()));
        assert_eq!(observation(&seen(20_001, 4)), Err(TooMuch::Records(20_001)));
        assert_eq!(observation(&seen(1, 256)), Ok(()));
        assert_eq!(observation(&seen(1, 257)), Err(TooMuch::RecordName("1".to_owned())));
        let system_identifier = "7".repeat(65);
        let odd = wire::Observation { system_identifier, ..wire::Observation::default() };
        assert_eq!(observation(&odd), Err(TooMuch::SystemIdentifier));
    }

    #[test]
    fn what_comes_of_a_command_brings_no_more_than_that() {
        use wire::outcome::{BackedUp, Cancelled, Failed, Interrupted, Ran};
        let large = || Some(seen(20_001, 4));
        for carrier in [
            Outcome::Ran(Ran { observation: large(), ..Ran::default() }),
            Outcome::Failed(Failed { observation: large(), ..Failed::default() }),
            Outcome::Interrupted(Interrupted { observation: large(), ..Interrupted::default() }),
            Outcome::Cancelled(Cancelled { observation: large(), ..Cancelled::default() }),
        ] {
            let refused = outcome(wire::Outcome { outcome: Some(carrier) });
            assert_eq!(refused, Err(TooMuch::Records(20_001)));
        }
        let backup = wire::Backup { path: "x".repeat(4_097), ..wire::Backup::default() };
        let backed_up = Outcome::BackedUp(BackedUp { backup: Some(backup) });
        assert_eq!(outcome(wire::Outcome { outcome: Some(backed_up) }), Err(TooMuch::Path));
        for (bytes, expected) in [(16_384, None), (16_385, Some(TooMuch::SealedKey(16_385)))] {
            let backup = wire::Backup { sealed_key: "x".repeat(bytes), ..wire::Backup::default() };
            let backed_up = Outcome::BackedUp(BackedUp { backup: Some(backup) });
            assert_eq!(outcome(wire::Outcome { outcome: Some(backed_up) }).err(), expected);
        }
        let long = || "x".repeat(LINE + 100);
        let backup = wire::Backup { reason: long(), outside: long(), ..wire::Backup::default() };
        let backed_up = Outcome::BackedUp(BackedUp { backup: Some(backup) });
        let kept = outcome(wire::Outcome { outcome: Some(backed_up) }).map(|outcome| outcome.outcome);
        let Ok(Some(Outcome::BackedUp(BackedUp { backup: Some(backup) }))) = kept else { panic!("{kept:?}") };
        assert!(backup.reason.len() < LINE + 10 && backup.outside.len() < LINE + 10);
    }

    #[test]
    fn a_probe_that_brings_more_than_that_is_no_answer() {
        use wire::probe_answer::Answer;
        let bounded = answer(wire::ProbeAnswer { id: 1, answer: Some(Answer::Observation(seen(1, 257))) });
        assert!(matches!(bounded.answer, Some(Answer::Error(_))), "{bounded:?}");
    }
}
