//! The table of all statements in the docs: what the server did with each.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::ensure;
use pgbelay_tests::observe::Outcome;

use crate::Judged;

/// The server whose observations are in the docs.
pub(crate) const MAJOR: u32 = 15;

const HEAD: &str = "# Statements and what PostgreSQL 15 does with them

Made by the test `truth` from `tests/truth`: each statement is run on a server with rows in the tables, and what it locks
and works on is observed. The analysis says the same of each, from the catalog of that server and from one that is
simulated. AE is AccessExclusiveLock, E ExclusiveLock, SRE ShareRowExclusiveLock, S ShareLock, SUE
ShareUpdateExclusiveLock, RE RowExclusiveLock, RS RowShareLock, AS AccessShareLock. No work: only the catalog changes.
To make this page anew: `PGBELAY_WRITE_DOCS=1 make test-truth`.
";

/// Fails when the page is not what was observed; writes it when asked to.
#[expect(clippy::disallowed_methods, reason = "the one switch of this test")]
pub(crate) fn is_current(all: &[Judged]) -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/statements.md");
    let page = page(all)?;
    if std::env::var_os("PGBELAY_WRITE_DOCS").is_some() {
        fs::write(&path, &page)?;
    }
    ensure!(
        fs::read_to_string(&path)? == page,
        "docs/statements.md is stale: PGBELAY_WRITE_DOCS=1 make test-truth"
    );
    Ok(())
}

fn page(all: &[Judged]) -> anyhow::Result<String> {
    let mut page = HEAD.to_owned();
    let mut topic = "";
    for judged in all {
        if judged.case.topic != topic {
            topic = &judged.case.topic;
            writeln!(
                page,
                "\n## {}\n\n| case | statement | locks | work |\n|---|---|---|---|",
                topic.replace('_', " ")
            )?;
        }
        let (locks, work) = match &judged.observed.outcome {
            Outcome::Done => (locks(judged), work(judged)),
            Outcome::RefusedInTransaction(_) => ("not in a transaction".to_owned(), String::new()),
            Outcome::Refused { .. } => ("refused".to_owned(), String::new()),
        };
        let statement = judged.case.run.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
        writeln!(
            page,
            "| {} | `{}` | {locks} | {work} |",
            judged.case.name,
            statement.trim_end_matches(';')
        )?;
    }
    Ok(page)
}

fn locks(judged: &Judged) -> String {
    let short = |mode: &str| match mode {
        "AccessExclusiveLock" => "AE",
        "ExclusiveLock" => "E",
        "ShareRowExclusiveLock" => "SRE",
        "ShareLock" => "S",
        "ShareUpdateExclusiveLock" => "SUE",
        "RowExclusiveLock" => "RE",
        "RowShareLock" => "RS",
        _ => "AS",
    };
    let listed = judged.observed.locks.iter().map(|(relation, mode)| {
        format!("{} {}", relation.trim_start_matches("public."), short(&mode.to_string()))
    });
    listed.collect::<Vec<_>>().join(", ")
}

fn work(judged: &Judged) -> String {
    let listed = judged
        .observed
        .work
        .iter()
        .map(|(relation, work)| format!("{} {}", relation.trim_start_matches("public."), work.name()));
    listed.collect::<Vec<_>>().join(", ")
}
