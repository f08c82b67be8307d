//! What is written about a step, and read again when nobody is sure any more.
//!
//! The record says what is applied now. The attempt row beside it stays for ever, and says which run of which command
//! did it: both are written in the step's own transaction, so either tells what happened.

use std::time::Duration;

use pgbelay_core::command::{Failure, Observed, StepDone};
use pgbelay_core::plan::Direction;
use pgbelay_core::time::Span;
use pgbelay_proto::convert::{WireCommand, WireRun, WireStep};
use serde_json::{Value, json};

use super::fault::{Fault, Loss};
use super::old_table::{Kept, Old};
use super::quote::{identifier, literal, nullable};
use super::session::Session;
use super::tally::Before;

/// What tells one try of one step from all others.
#[derive(Clone, Copy)]
pub(crate) struct Doing<'a> {
    /// pgbelay's schema.
    pub(crate) schema: &'a str,
    pub(crate) command: &'a WireCommand,
    pub(crate) run: &'a WireRun,
    pub(crate) step: &'a WireStep,
    /// How often the step had to start again.
    pub(crate) retries: u32,
    /// The history table of the tool that the migrations come from.
    pub(crate) old: Option<&'a Old>,
}

pub(crate) fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

fn milliseconds(took: Duration) -> i64 {
    i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
}

impl Doing<'_> {
    fn constants(&self, took: Duration) -> Value {
        let command = self.command;
        let mut metadata = json!({
            "command_id": command.id.as_str(),
            "attempt": command.attempt,
            "rollout": command.rollout.as_str(),
            "plan": command.plan.to_string(),
            "fence": command.fence,
            "direction": word(self.step.direction),
            "retries": self.retries,
            "duration_ms": milliseconds(took),
            "backup_path": self.run.backup.as_ref().map(|backup| &backup.path),
            "agent_version": env!("CARGO_PKG_VERSION"),
        });
        if self.step.repeatable {
            metadata["repeatable"] = json!(true);
        }
        if let Some(before) = &self.step.replaces {
            metadata["checksum_before"] = json!(before.to_string());
        }
        metadata
    }

    fn metadata(&self, took: Duration) -> String {
        format!(
            "pg_catalog.jsonb_set({}::pg_catalog.jsonb, '{{xid}}', pg_catalog.to_jsonb(pg_catalog.txid_current()))",
            literal(&self.constants(took).to_string())
        )
    }

    /// The same with what was observed; `seen` is an expression for what the server has to add to that.
    fn with_observed(&self, took: Duration, observed: &Observed, seen: &str) -> String {
        let observed = serde_json::to_string(observed).unwrap_or_else(|_| "{}".to_owned());
        format!(
            "pg_catalog.jsonb_set({}, '{{observed}}', {}::pg_catalog.jsonb OPERATOR(pg_catalog.||) {seen})",
            self.metadata(took),
            literal(&observed)
        )
    }

    /// The record of a step forward and the attempt that goes with it; gives what was observed, and whether what is prepared
    /// is as it should be. What the server has to add to what was observed it finds by `before`; `None`: it has been asked.
    pub(crate) fn record(&self, took: Duration, observed: &Observed, before: Option<&Before>) -> String {
        let (step, backup) = (self.step, self.run.backup.as_ref());
        let observed = serde_json::to_string(observed).unwrap_or_else(|_| "{}".to_owned());
        let nothing = Before::default();
        let (relations, files) = before.unwrap_or(&nothing).files();
        format!(
            "EXECUTE {} ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {relations}, {files})",
            if step.repeatable { "pgbelay_repeat" } else { "pgbelay_record" },
            literal(step.version.as_str()),
            literal(&step.name),
            literal(&step.checksum.to_string()),
            milliseconds(took),
            nullable(backup.map(|backup| backup.path.as_str())),
            literal(&self.constants(took).to_string()),
            literal(&observed),
            self.command.fence,
            literal(self.command.id.as_str()),
            self.command.attempt,
            before.map_or_else(|| "NULL".to_owned(), Before::lsn),
        )
    }

    /// Closes the record of a step that was taken back; gives what was observed. It must touch exactly one row.
    pub(crate) fn close_record(&self, took: Duration, observed: &Observed, seen: &str) -> String {
        format!(
            "UPDATE {}.migration_records SET rolled_back_at = pg_catalog.clock_timestamp(), \
               metadata = pg_catalog.jsonb_set(metadata, '{{rolled_back}}', {}) \
             WHERE version OPERATOR(pg_catalog.=) {} AND checksum OPERATOR(pg_catalog.=) {} \
               AND success AND rolled_back_at IS NULL \
             RETURNING metadata OPERATOR(pg_catalog.#>) '{{rolled_back,observed}}'",
            identifier(self.schema),
            self.with_observed(took, observed, seen),
            literal(self.step.version.as_str()),
            literal(&self.step.checksum.to_string()),
        )
    }

    /// What makes the other tool's table before the first step.
    pub(crate) fn old_table(&self) -> Option<String> {
        let is_first = self.run.steps.first().is_some_and(|first| first.version == self.step.version);
        self.old.filter(|_| is_first)?.made()
    }

    /// The other tool's row, to follow the record; nothing where it is not kept.
    pub(crate) fn old_row(&self, took: Duration) -> String {
        let row = || {
            let (old, origin) = (self.old?, self.step.origin.as_ref()?);
            let kept = Kept { origin, took, own: self.schema };
            match self.step.direction {
                Direction::Up => old.applied(&kept),
                Direction::Down => old.taken_back(&kept),
            }
        };
        row().map_or_else(String::new, |row| format!("{row}; "))
    }

    /// The attempt that goes with the record of a step that was taken back.
    pub(crate) fn attempt_done(&self, took: Duration) -> String {
        let metadata = self.metadata(took);
        self.insert_attempt(self.attempt("pg_catalog.transaction_timestamp()", "done", None, &metadata))
    }

    /// An attempt that was rolled back, to be written afterwards.
    pub(crate) fn attempt_in_vain(&self, outcome: &str, failure: Option<&Failure>, took: Duration) -> String {
        let started = format!(
            "pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '{} ms'::pg_catalog.interval",
            milliseconds(took)
        );
        self.insert_attempt(self.attempt(&started, outcome, failure, &self.metadata(took)))
    }

    fn insert_attempt(&self, (columns, values): (&str, String)) -> String {
        format!("INSERT INTO {}.migration_attempts ({columns}) VALUES ({values})", identifier(self.schema))
    }

    /// The columns of an attempt, and its values.
    fn attempt(
        &self,
        started: &str,
        outcome: &str,
        failure: Option<&Failure>,
        metadata: &str,
    ) -> (&'static str, String) {
        let step = self.step;
        let values = format!(
            "{}, {}, '{}', {}, {}, {}, {started}, {}, {}, {}, {metadata}",
            literal(step.version.as_str()),
            literal(&step.name),
            word(step.direction),
            literal(&step.checksum.to_string()),
            literal(self.command.id.as_str()),
            self.command.attempt,
            literal(outcome),
            nullable(failure.map(|failure| failure.message.as_str())),
            nullable(failure.and_then(|failure| failure.sqlstate.as_deref())),
        );
        let columns = "version, name, direction, checksum, command_id, attempt, started_at, outcome, error_msg, \
                       sqlstate, metadata";
        (columns, values)
    }
}

/// The steps that this run of a command has done, in order. The schema must be there.
pub(crate) async fn done_by(
    session: &Session,
    schema: &str,
    command: &WireCommand,
) -> Result<Vec<StepDone>, Fault> {
    let sql = format!(
        "SELECT version, metadata ->> 'duration_ms', metadata ->> 'retries' FROM {}.migration_attempts \
         WHERE command_id = {} AND attempt = {} AND outcome = 'done' ORDER BY id",
        identifier(schema),
        literal(command.id.as_str()),
        command.attempt,
    );
    let rows = session.ask(&sql).await?;
    let damaged =
        || Fault::Lost(Loss::broke("a row of migration_attempts is damaged: its version is not valid"));
    let step = |row: &tokio_postgres::SimpleQueryRow| {
        let number = |at| row.get(at).and_then(|text| text.parse().ok()).unwrap_or_default();
        let version = row.get(0).and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
        let retries = u32::try_from(number(2)).unwrap_or_default();
        Ok(StepDone { version, took: Span(number(1)), retries, observed: None })
    };
    rows.iter().map(step).collect()
}
