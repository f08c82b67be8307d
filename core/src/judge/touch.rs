//! Whether it can be told which rows a file touches. Its locks name the relations; here is what leaves no lock: code that
//! is not looked into, functions that may write, and what is not known.

use std::collections::BTreeSet;

use pgbelay_analysis::{Catalog, LockMode, RelId, StatementKind, StatementReport, Volatility};
use serde::{Deserialize, Serialize};

use crate::migration::is_false;

/// What is known of the rows that a file touches, beside its locks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// Why its locks do not tell all of it, in words; `None`: they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untold: Option<String>,
    /// Whether it writes rows, so that triggers and defaults run.
    #[serde(default, skip_serializing_if = "is_false")]
    pub writes: bool,
    /// Relations that are there after it and were made by it, by name, or some of very many: they have no rows before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made: Vec<String>,
}

/// Most of these that are kept. One that is not known counts as one that was there.
const MAX_MADE: usize = 2_000;

/// Volatile functions of widely used extensions that only give a value.
const HARMLESS: [&str; 8] = [
    "crypt",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuid_generate_v7",
];

/// Functions that may write, by name. Those of PostgreSQL itself do not, nor some that many use; of others in C nobody can
/// look into the code.
#[derive(Debug, Default)]
pub(super) struct Callables(BTreeSet<String>);

impl Callables {
    pub(super) fn add(&mut self, catalog: &Catalog) {
        for (name, functions) in catalog.functions.iter() {
            let writes = functions.iter().any(|function| {
                let own = function.language == "internal" || name.schema == "pg_catalog";
                let harmless = function.language == "c" && HARMLESS.contains(&name.name.as_str());
                function.volatility == Volatility::Volatile && !function.steady_body && !own && !harmless
            });
            if writes {
                self.0.insert(name.name.to_lowercase());
            }
        }
    }

    /// The first of them that is named in a text, whatever it is there.
    fn named<'a>(&self, text: &'a str) -> Option<&'a str> {
        let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
        words.filter(|word| !word.is_empty()).find(|word| self.0.contains(&word.to_lowercase()))
    }
}

impl Touch {
    /// Of a file. `made`: what is in the schema after it, and was not before.
    pub(super) fn of(
        (text, statements): (&str, &[StatementReport]),
        callables: &Callables,
        made: Vec<String>,
    ) -> Self {
        let untold = statements.iter().find_map(|statement| {
            let line = statement.position.line;
            let why = why_untold(text, statement, callables)?;
            Some(format!("line {line}: {why}"))
        });
        let writes = statements.iter().any(|statement| writes(statement.kind));
        Self { untold, writes, made }
    }

    /// Whether there is nothing to say.
    pub(crate) fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// The last relation of a schema: what is made afterwards comes after it.
pub(super) fn last(catalog: &Catalog) -> Option<RelId> {
    catalog.relations.keys().next_back().copied()
}

/// The names of relations that were made after the last one of before.
pub(super) fn made_since(last: Option<RelId>, catalog: &Catalog) -> Vec<String> {
    let new = catalog.relations.iter().rev().take_while(|(id, _)| last.is_none_or(|last| **id > last));
    new.take(MAX_MADE).map(|(_, relation)| relation.name.to_string()).collect()
}

fn why_untold(text: &str, statement: &StatementReport, callables: &Callables) -> Option<String> {
    let kind = statement.kind;
    if is_dynamic(kind) {
        return Some(format!("what {} touches cannot be told", kind.words()));
    }
    if let Some(unknown) = statement.unknown.first() {
        return Some(format!("unknown: {unknown}"));
    }
    if only_names_functions(kind) {
        return None;
    }
    if writes_rows(kind) && !statement.locks.iter().any(|lock| lock.mode >= LockMode::RowExclusiveLock) {
        return Some(format!("what {} writes here cannot be told", kind.words()));
    }
    let text = text.get(statement.span.start..statement.span.end).unwrap_or(text);
    let called = callables.named(text)?;
    Some(format!("what function {called} touches cannot be told"))
}

/// Statements that write rows. Where one stands inside of another, as in `CREATE TABLE … AS WITH … DELETE`, no lock names
/// what it writes.
const fn writes_rows(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Insert | StatementKind::Update | StatementKind::Delete | StatementKind::Merge
    )
}

/// Statements that run what is not in their text, or that reach what no lock names.
const fn is_dynamic(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::DoBlock
            | StatementKind::Call
            | StatementKind::Execute
            | StatementKind::Load
            | StatementKind::Explain
            | StatementKind::Cursor
            | StatementKind::CreateExtension
            | StatementKind::AlterExtension
            | StatementKind::DropExtension
            | StatementKind::CreateEventTrigger
            | StatementKind::CreateSubscription
            | StatementKind::AlterSubscription
            | StatementKind::ImportForeignSchema
            | StatementKind::DropOwned
            // The tables in it are not locked, and have other names afterwards.
            | StatementKind::AlterSchema
            | StatementKind::Other
    )
}

/// Statements that may name a function, and do not call it. What a trigger does counts where rows are written.
const fn only_names_functions(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateFunction
            | StatementKind::CreateProcedure
            | StatementKind::CreateAggregate
            | StatementKind::AlterFunction
            | StatementKind::DropFunction
            | StatementKind::CreateTrigger
            | StatementKind::DropTrigger
            | StatementKind::CreateView
            | StatementKind::CreatePolicy
            | StatementKind::Comment
            | StatementKind::Grant
            | StatementKind::Revoke
    )
}

/// Whether there may be functions after it that were not there before.
pub(super) const fn makes_functions(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::CreateFunction
            | StatementKind::CreateProcedure
            | StatementKind::AlterFunction
            | StatementKind::CreateExtension
            | StatementKind::AlterExtension
            | StatementKind::DoBlock
    )
}

const fn writes(kind: StatementKind) -> bool {
    matches!(
        kind,
        StatementKind::Insert
            | StatementKind::Update
            | StatementKind::Delete
            | StatementKind::Merge
            | StatementKind::Truncate
            | StatementKind::Select
            | StatementKind::CopyFrom
            | StatementKind::Prepare
    )
}

#[cfg(test)]
mod tests {
    use pgbelay_analysis::{Catalog, Options, analyze_next};

    use super::*;

    const SCHEMA: &str = "CREATE TABLE a (id int PRIMARY KEY, b text); CREATE TABLE spread (id int); \
        CREATE FUNCTION Purge(int) RETURNS void LANGUAGE plpgsql AS 'BEGIN DELETE FROM a; END'; \
        CREATE FUNCTION twice(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 2 * $1; END'; \
        CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
        CREATE TRIGGER logged AFTER UPDATE ON spread FOR EACH ROW EXECUTE FUNCTION log()";

    fn touch(text: &str) -> Touch {
        let mut catalog = Catalog::fresh();
        analyze_next(SCHEMA, &mut catalog, Options::default());
        let mut callables = Callables::default();
        callables.add(&catalog);
        let last = last(&catalog);
        let statements = analyze_next(text, &mut catalog, Options::default()).statements;
        Touch::of((text, &statements), &callables, made_since(last, &catalog))
    }

    #[test]
    fn locks_tell_what_plain_statements_touch() {
        let check = |text: &str, writes| {
            let touch = touch(text);
            assert_eq!((&touch.untold, touch.writes), (&None, writes), "{text}");
        };
        check("ALTER TABLE a ADD COLUMN c int; CREATE INDEX ON a (b); DROP TABLE spread", false);
        check("UPDATE a SET b = upper(b)", true);
        check("INSERT INTO a SELECT twice(n), 'purged' FROM generate_series(1, 3) n", true);
        // It is named, and not called.
        check("COMMENT ON FUNCTION purge(int) IS 'x'; DROP FUNCTION purge(int)", false);
        check("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT purge(1)'", false);
    }

    #[test]
    fn what_is_made_had_no_rows_before() {
        let text = "CREATE TABLE \"B b\" (id int); CREATE TABLE gone (id int); DROP TABLE gone; \
            ALTER TABLE a RENAME TO c; CREATE TABLE a (id int)";
        assert_eq!(touch(text).made, ["public.a", "public.\"B b\""]);
    }

    #[test]
    fn code_that_is_not_looked_into_and_what_is_not_known_cannot_be_told() {
        let check = |text: &str, why: &str| {
            let said = touch(text).untold.unwrap_or_default();
            assert!(said.contains(why), "{text}: {said}");
        };
        check("SELECT 1;\nDO $$ BEGIN END $$", "line 2: what DO touches cannot be told");
        check("CALL p()", "what CALL touches");
        check("EXECUTE q", "what EXECUTE touches");
        check("CREATE EXTENSION hstore", "what CREATE EXTENSION touches");
        check("SELECT purge(1)", "function purge");
        check("UPDATE a SET b = public.\"purge\"(1)::text", "what function purge touches");
        check("UPDATE spread SET id = 1", "unknown: what trigger logged of public.spread does");
        for text in [
            "CREATE TABLE copy AS WITH gone AS (DELETE FROM a RETURNING *) SELECT * FROM gone",
            "WITH gone AS (UPDATE a SET b = '' RETURNING *) SELECT * INTO copy FROM gone",
            "COPY (DELETE FROM a RETURNING *) TO '/tmp/x'",
            "CREATE TABLE copy AS WITH gone AS (DELETE FROM a RETURNING *) SELECT count(*) FROM spread",
        ] {
            check(text, "writes here cannot be told");
        }
    }
}
