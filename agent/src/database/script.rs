//! The SQL of a run, read and checked before anything is started.

use std::collections::BTreeMap;
use std::fmt::Display;

use pgbelay_analysis::{Script, StatementKind, Transactional};
use pgbelay_core::command::{Failure, FailureKind};
use pgbelay_core::digest::Digest;
use pgbelay_proto::convert::WireStep;

use super::fault::failure;
use super::quote::identifier;

/// A step that can be run.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) step: WireStep,
    pub(crate) script: Script,
}

impl Ready {
    /// What people call it.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.step.version, self.step.name)
    }
}

/// Reads the SQL of every step. The failure names the first step that cannot be run.
pub(crate) async fn read_all(
    steps: &[WireStep],
    sql: &BTreeMap<Digest, String>,
    schema: &str,
) -> Result<Vec<Ready>, Box<Failure>> {
    let mut texts = Vec::with_capacity(steps.len());
    for step in steps {
        texts.push((step.clone(), text_of(step, sql).map_err(|failure| of_step(step, failure))?.to_owned()));
    }
    let schema = schema.to_owned();
    let read = move || {
        let read = |(step, text): (WireStep, String)| match read(&text, &schema) {
            Ok(script) => Ok(Ready { step, script }),
            Err(failure) => Err(of_step(&step, failure)),
        };
        texts.into_iter().map(read).collect()
    };
    // The parser uses the processor, and a thread of its own.
    let done = tokio::task::spawn_blocking(read).await;
    done.unwrap_or_else(|_| Err(parser_failed("it stopped unexpectedly")))
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

fn read(text: &str, schema: &str) -> Result<Script, Box<Failure>> {
    let script = pgbelay_analysis::read(text).map_err(|error| {
        let hint = "correct the migration, then make a new plan";
        let line = error.position().map(|position| position.line);
        Box::new(Failure { line, ..failure(FailureKind::Sql, error.to_string(), hint) })
    })?;
    let never = script.statements.iter().find_map(|statement| match &statement.transactional {
        Transactional::Inside => None,
        Transactional::Never { why } => Some((statement.position.line, why)),
    });
    match never {
        None => allowed(script, schema),
        Some((line, why)) => {
            let message = format!("{why} cannot run in a transaction, and migrations run in one");
            let hint = "use the form of the statement that can run in a transaction, or run it by hand";
            Err(Box::new(Failure {
                line: Some(line),
                ..failure(FailureKind::NotTransactional, message, hint)
            }))
        }
    }
}

/// The agent's own guard, whatever a controller has approved: a migration stays inside its database, and away from
/// pgbelay's own tables.
fn allowed(script: Script, schema: &str) -> Result<Script, Box<Failure>> {
    for statement in &script.statements {
        let refused = |message: String, hint: &str| {
            let line = Some(statement.position.line);
            Err(Box::new(Failure { line, ..failure(FailureKind::Agent, message, hint) }))
        };
        if let Some(what) = &statement.outside {
            let hint = "take it out of the migration, or run it by hand";
            return refused(
                format!("the agent's own guard does not allow it: {what} reaches outside the database"),
                hint,
            );
        }
        if let Some(object) = statement.objects.iter().find(|object| belongs(object, schema)) {
            let hint = "take it out of the migration: nobody but pgbelay writes there";
            return refused(
                format!("the agent's own guard does not allow it: {object} belongs to pgbelay itself"),
                hint,
            );
        }
    }
    Ok(script)
}

/// Whether a name is that of a schema, or of something in it.
fn belongs(object: &str, schema: &str) -> bool {
    [schema.to_owned(), identifier(schema)].iter().any(|schema| {
        object.strip_prefix(schema.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
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
        let failure = read_all(&[step], &sql, "pgbelay").await.unwrap_err();
        assert_eq!((failure.kind, failure.line), (kind, line), "{failure:?}");
        assert!(failure.version.is_some());
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_told_before_anything_is_started() {
        check("select 1", None, FailureKind::SqlMissing, None).await;
        check("select 1", Some("select 2"), FailureKind::SqlMissing, None).await;
        check("selec 1", Some("selec 1"), FailureKind::Sql, Some(1)).await;
        let online = "select 1;\n\ncreate index concurrently i on t (a);";
        check(online, Some(online), FailureKind::NotTransactional, Some(3)).await;
    }
}
