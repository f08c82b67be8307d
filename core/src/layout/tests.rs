//! A good directory for each layout, and bad ones with what is said of them.

use proptest::prelude::*;

use super::*;

mod bad;
mod good;

fn files(files: &[(&str, &str)]) -> Vec<SourceFile> {
    let file = |(path, text): &(&str, &str)| SourceFile {
        path: (*path).to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    files.iter().map(file).collect()
}

/// A migration in a line: version, name, files, marks.
fn line(m: &MigrationSource) -> String {
    let mut line = format!("{} {} {}", m.version, m.name, m.up_file);
    if let Some(down) = &m.down_file {
        line.push_str(&format!(" <- {down}"));
    }
    for (mark, word) in [
        (m.up_autocommit, " up-autocommit"),
        (m.down_autocommit, " down-autocommit"),
        (m.repeatable, " repeatable"),
    ] {
        line.push_str(if mark { word } else { "" });
    }
    line
}

fn check_good(layout: Layout, directory: &[(&str, &str)], expected: &[&str]) -> Vec<MigrationSource> {
    let files = files(directory);
    let migrations = read(layout, &files).whole().unwrap();
    assert_eq!(migrations.iter().map(line).collect::<Vec<_>>(), expected, "{layout}");
    for migration in &migrations {
        migration.analyse().unwrap();
    }
    migrations
}

fn check_bad(layout: Layout, directory: &[(&str, &str)], expected: &[&str]) {
    let errors = read(layout, &files(directory)).whole().unwrap_err();
    assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), expected, "{layout}");
}

proptest! {
    /// Reading never panics, whatever a directory holds.
    #[test]
    fn invariant_any_bytes_are_read(
        parts in proptest::collection::vec((0..PATHS.len(), proptest::collection::vec(0..WORDS.len(), 0..12)), 0..8),
        noise in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let file = |(path, words): &(usize, Vec<usize>)| {
            let mut bytes = words.iter().flat_map(|at| WORDS[*at].bytes()).collect::<Vec<u8>>();
            bytes.extend(&noise);
            SourceFile { path: PATHS[*path].to_owned(), bytes }
        };
        let files: Vec<_> = parts.iter().map(file).collect();
        drop(detect(&files));
        for layout in Layout::ALL {
            let reading = read(layout, &files);
            for error in &reading.errors {
                prop_assert!(!error.to_string().is_empty());
            }
            // A line of what runs is a line of its file.
            for migration in &reading.migrations {
                prop_assert!(files.iter().any(|file| file.path == migration.up_file));
            }
        }
    }

    /// Nor does it whatever the files are called.
    #[test]
    fn invariant_any_names_are_read(
        names in proptest::collection::vec("[VUR]?[0-9._]{0,4}_{0,2}[a-zé/@ .-]{0,8}(\\.up|\\.down)?\\.(sql|go|conf)", 0..8),
        text in "(\\PC|\n){0,80}",
    ) {
        let file = |name: &String| SourceFile { path: name.clone(), bytes: text.clone().into_bytes() };
        let files: Vec<_> = names.iter().map(file).collect();
        drop(detect(&files));
        for layout in Layout::ALL {
            drop(read(layout, &files));
        }
    }
}

const PATHS: [&str; 22] = [
    "001_a.sql",
    "rollback/001_rollback.sql",
    "000001_a.up.sql",
    "000001_a.down.sql",
    "V1__a.sql",
    "V1__a.sql.conf",
    "U1__a.sql",
    "R__é.sql",
    "beforeMigrate.sql",
    "2024-01-31-120000_a/up.sql",
    "2024-01-31-120000_a/down.sql",
    "2024-01-31-120000_a/metadata.toml",
    "db/1612345678901_a/up.sql",
    "20240131120000_a/migration.sql",
    "migration_lock.toml",
    "sqitch.plan",
    "sqitch.conf",
    "deploy/a.sql",
    "revert/a.sql",
    "deploy/a@v1.sql",
    "changelog.xml",
    "é.sql",
];

const WORDS: [&str; 40] = [
    "\n",
    "\r\n",
    " ",
    "--",
    "-- +goose Up\n",
    "-- +goose Down\n",
    "-- +migrate Up notransaction\n",
    "-- migrate:up\n",
    "-- migrate:down transaction:false\n",
    "--liquibase formatted sql\n",
    "--changeset a:1 runOnChange:true\n",
    "--changeset",
    " \"a b\":'c'",
    " ::",
    "--rollback drop table t;\n",
    "/* liquibase rollback\n",
    "*/",
    "--ignoreLines:2\n",
    "SELECT 1;\n",
    "${",
    "}",
    "'",
    "\"",
    "$$",
    "$é$",
    "\\",
    ":a",
    ":'",
    "%project=p\n",
    "@v1 ",
    "a ",
    "[a !b] ",
    "2024-01-31T12:00:00Z Ann <a@b.c> # note\\n\n",
    "databaseChangeLog",
    "<include file=\"changelog.xml\"/>\n",
    "- includeAll:\n    path: é\n",
    "executeInTransaction=false\n",
    "run_in_transaction = false\n",
    "é",
    "\u{feff}",
];
