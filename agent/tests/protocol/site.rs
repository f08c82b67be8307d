//! A database that does what the test says, and remembers what was asked of it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pgbelay_agent::backup::stores::Checked;
use pgbelay_agent::database::{Control, Progress, Trust};
use pgbelay_agent::jobs::Kept;
use pgbelay_agent::work::{NoAnswer, RunRequest, Site};
use pgbelay_analysis::Catalog;
use pgbelay_core::command::{Answer, Backup, BackupOrder, Failure, Outcome, Rehearsed, Said, StepDone};
use pgbelay_core::database::Observation;
use pgbelay_core::digest::Digest;
use pgbelay_core::history::Table;
use pgbelay_core::job::{JobEnd, JobId, Restored};
use pgbelay_core::plan::{ExecutionSettings, Expectation};
use pgbelay_core::policy::Query;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::{WireAdopt, WireCommand, WireJob, WireRehearse, WireStep};
use pgbelay_proto::wire::{Measured, RelationSize};
use tokio::sync::watch;

/// What happens to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It ends well, at once.
    Quick,
    /// It works until it is told otherwise or cancelled.
    Slow,
    /// It works step by step, as long as the lease holds.
    Stepwise,
    /// It does not even listen to a cancel.
    Deaf,
    /// It panics.
    Broken,
}

#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) runs: Vec<String>,
    /// The SQL of the last run, and its statement timeout.
    pub(crate) sql: BTreeMap<Digest, String>,
    pub(crate) statement_timeout: Option<Span>,
    pub(crate) backups: u32,
    pub(crate) recoveries: u32,
    pub(crate) leftovers_removed: u32,
    pub(crate) restores: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct PlayedSite(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    asked: Mutex<Asked>,
    mood: watch::Sender<Mood>,
    /// What is wrong with the database.
    trouble: Mutex<Option<String>>,
    observation: Mutex<Observation>,
}

pub(crate) fn observation() -> Observation {
    Observation {
        conditions: pgbelay_core::database::no_conditions(),
        server_version: 150_000,
        system_identifier: "7/5".to_owned(),
        fingerprint: Digest::of("schema"),
        records: Vec::new(),
        unfinished: Vec::new(),
    }
}

impl PlayedSite {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner {
            asked: Mutex::default(),
            mood: watch::channel(Mood::Quick).0,
            trouble: Mutex::default(),
            observation: Mutex::new(observation()),
        }))
    }

    pub(crate) fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.asked.lock().unwrap()
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.0.mood.send_replace(mood);
    }

    pub(crate) fn trouble(&self, trouble: Option<&str>) {
        *self.0.trouble.lock().unwrap() = trouble.map(str::to_owned);
    }

    pub(crate) fn shows(&self, observation: Observation) {
        *self.0.observation.lock().unwrap() = observation;
    }

    fn answer(&self) -> Result<(), NoAnswer> {
        match &*self.0.trouble.lock().unwrap() {
            Some(trouble) => Err(NoAnswer(trouble.clone())),
            None => Ok(()),
        }
    }

    async fn until_mood(&self, wanted: Mood) {
        // The sender lives as long as this.
        let _ = self.0.mood.subscribe().wait_for(|mood| *mood == wanted).await;
    }
}

fn ran() -> Outcome {
    Outcome::Ran { done: Vec::new(), observation: observation() }
}

impl Site for PlayedSite {
    async fn inspect(&self) -> Result<Observation, NoAnswer> {
        self.answer()?;
        Ok(self.0.observation.lock().unwrap().clone())
    }

    async fn check(&self) -> Result<(), NoAnswer> {
        self.answer()
    }

    async fn run(&self, request: RunRequest<'_>, control: Control<'_>) -> Outcome {
        {
            let mut asked = self.asked();
            asked.runs.push(request.command.id.to_string());
            asked.sql = request.sql.clone();
            asked.statement_timeout = Some(request.run.settings.statement_timeout);
        }
        let mood = *self.0.mood.borrow();
        control.progress.send_replace(Progress {
            steps_done: 0,
            steps_total: 1,
            doing: "001 tasks".to_owned(),
        });
        match mood {
            Mood::Quick => ran(),
            Mood::Slow => tokio::select! {
                () = control.cancel.cancelled() => Outcome::Cancelled { done: Vec::new(), observation: None },
                () = self.until_mood(Mood::Quick) => ran(),
            },
            Mood::Stepwise => {
                while (control.lease)() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) }
            }
            Mood::Deaf => {
                self.until_mood(Mood::Quick).await;
                ran()
            }
            Mood::Broken => panic!("the test asked for it"),
        }
    }

    async fn adopt(&self, command: &WireCommand, _: &WireAdopt, _: Control<'_>) -> Outcome {
        self.asked().runs.push(command.id.to_string());
        ran()
    }

    async fn rehearse(
        &self,
        _: &WireCommand,
        _: (&WireRehearse, &BTreeMap<Digest, String>),
        _: Control<'_>,
    ) -> Outcome {
        let (up, back) = (Vec::new(), Vec::new());
        Outcome::Rehearsed { rehearsed: Rehearsed { up, back, took: Span(1) } }
    }

    async fn drop_copies(&self) {}

    async fn verify(&self, queries: &[Query], _: Control<'_>) -> Outcome {
        let answer = |query: &Query| Answer { query: query.name.clone(), said: Said::Passed };
        Outcome::Verified { answers: queries.iter().map(answer).collect() }
    }

    async fn recover(&self, _command: &WireCommand) -> Result<Outcome, NoAnswer> {
        self.asked().recoveries += 1;
        self.answer()?;
        Ok(Outcome::Interrupted { done: Vec::new(), observation: Some(observation()) })
    }

    async fn trust(&self, extensions: &[String]) -> Result<Vec<Trust>, NoAnswer> {
        self.answer()?;
        Ok(vec![Trust::Trusted; extensions.len()])
    }

    async fn back_up(
        &self,
        _: &WireCommand,
        _: (&Expectation, &BackupOrder),
        control: Control<'_>,
    ) -> Outcome {
        self.asked().backups += 1;
        let mood = *self.0.mood.borrow();
        if mood == Mood::Slow {
            tokio::select! {
                () = control.cancel.cancelled() => {
                    return Outcome::Cancelled { done: Vec::new(), observation: None };
                }
                () = self.until_mood(Mood::Quick) => {}
            }
        }
        let path = "/backups/1".to_owned();
        Outcome::BackedUp {
            backup: Backup {
                path,
                sha256: Digest::of("archive"),
                bytes: 7,
                took: Span(1),
                method: Default::default(),
                copies: Vec::new(),
                reason: None,
                outside: None,
                sealed_key: None,
            },
        }
    }

    async fn restore(&self, job: &WireJob, control: Control<'_>) -> JobEnd {
        self.asked().restores.push(job.id.to_string());
        let mood = *self.0.mood.borrow();
        control.progress.send_replace(Progress { doing: "restoring".to_owned(), ..Progress::default() });
        match mood {
            Mood::Quick => restored(),
            Mood::Slow | Mood::Stepwise | Mood::Deaf | Mood::Broken => tokio::select! {
                () = control.cancel.cancelled() => JobEnd::Cancelled,
                () = self.until_mood(Mood::Quick) => restored(),
            },
        }
    }

    async fn recover_restore(&self, _: &JobId, _: &Kept) -> Result<JobEnd, NoAnswer> {
        self.answer()?;
        Ok(JobEnd::Interrupted { why: "restarted".to_owned() })
    }

    async fn remove_leftovers(&self, _command: &WireCommand) {
        self.asked().leftovers_removed += 1;
    }

    async fn dry_run(
        &self,
        steps: &[WireStep],
        _: &ExecutionSettings,
        sql: &BTreeMap<Digest, String>,
    ) -> (Vec<StepDone>, Option<Failure>) {
        let known = steps.iter().filter(|step| sql.contains_key(&step.sql));
        let done = known.map(|step| StepDone {
            version: step.version.clone(),
            took: Span(1),
            retries: 0,
            observed: None,
        });
        (done.collect(), None)
    }

    async fn count_loss(&self, objects: &[(String, Option<String>)]) -> Vec<Result<u64, String>> {
        let mood = *self.0.mood.borrow();
        if mood == Mood::Slow {
            self.until_mood(Mood::Quick).await;
        }
        let count = |(table, _): &(String, Option<String>)| match table.as_str() {
            "gone" => Err("there is no such table".to_owned()),
            _ => Ok(42),
        };
        objects.iter().map(count).collect()
    }

    async fn measure(&self, relations: &[String]) -> Result<Measured, NoAnswer> {
        self.answer()?;
        let size =
            |relation: &String| RelationSize { relation: relation.clone(), bytes: 7, ..Default::default() };
        Ok(Measured { relations: relations.iter().map(size).collect(), holders: Vec::new() })
    }

    async fn verify_backup(&self, path: &Path, _: Digest, copies: &[String]) -> Result<Checked, NoAnswer> {
        let mood = *self.0.mood.borrow();
        if mood == Mood::Slow {
            self.until_mood(Mood::Quick).await;
        }
        self.answer()?;
        let notes = copies.iter().map(|copy| format!("the copy at {copy} is gone")).collect();
        Ok(Checked { problems: vec![format!("{} is missing", path.display())], notes })
    }

    async fn look_at_backup(&self, path: &Path, _: Digest) -> Result<Vec<String>, NoAnswer> {
        self.answer()?;
        Ok(vec![format!("{} is too short", path.display())])
    }

    async fn delete_backup(&self, path: &Path, _: Digest) -> Result<(), NoAnswer> {
        self.answer()?;
        if path.ends_with("mine") { Ok(()) } else { Err(NoAnswer("not mine".to_owned())) }
    }

    async fn history(&self) -> Result<Vec<Table>, NoAnswer> {
        self.answer()?;
        let (schema, name) = ("public".to_owned(), "goose_db_version".to_owned());
        Ok(vec![Table { schema, name, columns: Vec::new(), rows: vec![vec![Some("1".to_owned()), None]] }])
    }

    async fn catalog(&self) -> Result<(Catalog, Digest), NoAnswer> {
        let mood = *self.0.mood.borrow();
        if mood == Mood::Slow {
            self.until_mood(Mood::Quick).await;
        }
        self.answer()?;
        Ok((Catalog::fresh(), observation().fingerprint))
    }
}

pub(crate) fn restored() -> JobEnd {
    JobEnd::Restored(Restored {
        location: "restored".to_owned(),
        kept: None,
        counted: 1,
        sampled: 0,
        rows: 1,
        schema_doubt: None,
        notes: Vec::new(),
        took: Span(1),
        observation: None,
    })
}
