//! What the public functions of the analysis give, statement by statement and mistake by mistake.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on has failed")]
#![expect(clippy::disallowed_methods, reason = "the sample migrations are files")]

mod errors;
mod hard;
mod properties;
mod reasons;
mod samples;
mod scripts;
mod statements;

use pgbelay_analysis::{ScriptError, Statement, Transactional, read};

/// The only statement of `sql`.
fn one(sql: &str) -> Statement {
    let script = read(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(script.statements.len(), 1, "{sql}");
    script.statements.into_iter().next().unwrap()
}

/// Why `sql` can't be read.
fn refused(sql: &str) -> ScriptError {
    match read(sql) {
        Err(error) => error,
        Ok(script) => panic!("{sql}: read as {script:?}"),
    }
}

/// A statement on one line: `kind risk objects | destroys … | never … | not analysed …`.
fn summary(statement: &Statement) -> String {
    let mut parts = vec![format!("{} {}", statement.kind, statement.risk)];
    if !statement.objects.is_empty() {
        parts[0].push(' ');
        parts[0].push_str(&statement.objects.join(", "));
    }
    if !statement.destroys.is_empty() {
        let gone: Vec<_> = statement.destroys.iter().map(ToString::to_string).collect();
        parts.push(format!("destroys {}", gone.join(", ")));
    }
    if let Transactional::Never { why } = &statement.transactional {
        parts.push(format!("never {why}"));
    }
    parts.extend(statement.not_analysed.clone());
    parts.join(" | ")
}
