//! The SQL of a run, read and checked before anything is started.

use std::collections::BTreeMap;
use std::fmt::Display;

use pgbelay_analysis::{Cut, Piece, Script, StatementKind, Transactional, on_parser_stack};
use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::digest::Digest;
use pgbelay_proto::convert::WireStep;

use super::fault::failure;

/// A step that can be run.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) step: WireStep,
    /// Its SQL.
    pub(crate) text: String,
    pub(crate) script: Script,
    /// How it is run, in order. Never empty.
    pub(crate) pieces: Vec<Piece>,
}

impl Ready {
    /// What people call it.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.step.version, self.step.name)
    }

    /// Whether it runs in a single transaction, so that it happens whole or not at all.
    pub(crate) fn is_one_transaction(&self) -> bool {
        matches!(self.pieces.as_slice(), [Piece { alone: None, .. }])
    }
}

/// Reads the SQL of every step. The failure names the first step that cannot be run.
pub(crate) async fn read_all(
    steps: &[WireStep],
    sql: &BTreeMap<Digest, String>,
) -> Result<Vec<Ready>, Box<Failure>> {
    let mut texts = Vec::with_capacity(steps.len());
    for step in steps {
        texts.push((step.clone(), text_of(step, sql).map_err(|failure| of_step(step, failure))?.to_owned()));
    }
    let read = move || {
        let read = |(step, text): (WireStep, String)| match read(&text, step.autocommit) {
            Ok((script, pieces)) => Ok(Ready { step, text, script, pieces }),
            Err(failure) => Err(of_step(&step, failure)),
        };
        on_parser_stack(|| texts.into_iter().map(read).collect())
    };
    // The parser uses the processor, and a thread of its own.
    let done = tokio::task::spawn_blocking(read).await;
    let done = done.map_err(|_| parser_failed("it stopped unexpectedly"))?;
    done.unwrap_or_else(|error| Err(parser_failed(error)))
}

/// Puts the version of a step on a failure.
pub(crate) fn of_step(step: &WireStep, mut failure: Box<Failure>) -> Box<Failure> {
    failure.version = Some(step.version.clone());
    failure
}

fn text_of<'a>(step: &WireStep, sql: &'a BTreeMap<Digest, String>) -> Result<&'a str, Box<Failure>> {
    let missing = |what: &str| {
        let hint = "push the release again, then make a new plan";
        Box::new(failure(FailureKind::SqlMissing, format!("{what} ({})", step.sql.short()), hint))
    };
    let text = sql.get(&step.sql).ok_or_else(|| missing("the SQL that the plan names was not sent"))?;
    if Digest::of(text) == step.sql {
        Ok(text)
    } else {
        Err(missing("the SQL that was sent is not the one that the plan names"))
    }
}

fn read(text: &str, autocommit: bool) -> Result<(Script, Vec<Piece>), Box<Failure>> {
    let Cut { script, pieces, objection } =
        pgbelay_analysis::read_pieces(text, autocommit).map_err(|error| {
            let hint = "correct the migration, then make a new plan";
            let line = error.position().map(|position| position.line);
            Box::new(Failure { line, ..failure(FailureKind::Sql, error.to_string(), hint) })
        })?;
    if let Some((line, what)) = objection {
        let message = format!("this file cannot be run in one transaction, and {what}");
        let hint = "split the migration: what cannot be in a transaction goes into a file of its own";
        return Err(Box::new(Failure {
            line: Some(line),
            ..failure(FailureKind::NotTransactional, message, hint)
        }));
    }
    // It would give up the lock that keeps other migrators away.
    let discards = script.statements.iter().find(|statement| {
        statement.kind == StatementKind::Discard && statement.transactional != Transactional::Inside
    });
    match discards {
        None => Ok((script, pieces)),
        Some(statement) => {
            let message = "DISCARD ALL gives up the lock that keeps other migrators away";
            let hint = "take it out of the migration: each one runs as if in a session of its own";
            let line = Some(statement.position.line);
            Err(Box::new(Failure { line, ..failure(FailureKind::NotTransactional, message, hint) }))
        }
    }
}

fn parser_failed(why: impl Display) -> Box<Failure> {
    Box::new(failure(FailureKind::Agent, format!("the SQL could not be read: {why}"), "see the agent's log"))
}

/// Whether a statement may leave other settings behind than it found (timeouts, encoding, role): by itself, or because
/// it evaluates expressions, which may call `set_config`.
pub(crate) fn may_change_settings(kind: StatementKind) -> bool {
    let name = kind.as_str();
    // Building one of these evaluates expressions over the rows that are there, and so does a column's new type.
    let evaluates = matches!(
        kind,
        StatementKind::CreateTableAs
            | StatementKind::CreateMaterializedView
            | StatementKind::CreateIndex
            | StatementKind::CreateExtension
            | StatementKind::CreateSchema
            | StatementKind::CreateOther
            | StatementKind::AlterTable
            | StatementKind::AlterDomain
            | StatementKind::AlterExtension
            | StatementKind::AlterOther
    );
    let definition = ["create-", "alter-", "drop-"].iter().any(|start| name.starts_with(start));
    let harmless = matches!(
        kind,
        StatementKind::Comment
            | StatementKind::Grant
            | StatementKind::Revoke
            | StatementKind::ReassignOwned
            | StatementKind::SecurityLabel
            | StatementKind::Lock
            | StatementKind::Show
            | StatementKind::Notify
            | StatementKind::Listen
            | StatementKind::Prepare
            | StatementKind::Deallocate
    );
    evaluates || !(definition || harmless)
}

#[cfg(test)]
mod tests {
    use pgbelay_core::plan::Direction;

    use super::*;

    fn step(text: &str) -> WireStep {
        WireStep {
            version: "001".parse().unwrap(),
            name: "a".into(),
            direction: Direction::Up,
            sql: Digest::of(text),
            checksum: Digest::of(text),
            autocommit: false,
            repeatable: false,
            replaces: None,
            origin: None,
        }
    }

    async fn check(planned: &str, sent: Option<&str>, kind: FailureKind, line: Option<u32>) {
        let step = step(planned);
        let sql = sent.map(|text| (step.sql, text.to_owned())).into_iter().collect();
        let failure = read_all(&[step], &sql).await.unwrap_err();
        assert_eq!((failure.kind, failure.line), (kind, line), "{failure:?}");
        assert!(failure.version.is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_told_before_anything_is_started() {
        check("select 1", None, FailureKind::SqlMissing, None).await;
        check("select 1", Some("select 2"), FailureKind::SqlMissing, None).await;
        check("selec 1", Some("selec 1"), FailureKind::Sql, Some(1)).await;
        let discards = "select 1;\n\ndiscard all;";
        check(discards, Some(discards), FailureKind::NotTransactional, Some(3)).await;
    }
}
