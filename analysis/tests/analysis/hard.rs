//! Texts that are long, deep or not SQL at all: the analysis ends, says what it knows, and never panics.

use std::fmt::Write as _;

use pgbelay_analysis::{Catalog, MAX_SCRIPT_BYTES, Options, ScriptError, analyze, analyze_next};
use proptest::prelude::*;

fn faults(sql: &str) -> Vec<ScriptError> {
    analyze(sql, &Catalog::nothing(), Options::default()).0.faults
}

#[test]
fn a_file_of_fifty_megabytes_is_refused_by_its_size() {
    let text = "SELECT 1;\n".repeat(5_000_000);
    assert!(text.len() > MAX_SCRIPT_BYTES);
    assert!(matches!(faults(&text).as_slice(), [ScriptError::TooLarge { .. }]));
}

#[test]
fn a_long_expression_is_analysed_or_said_to_be_too_deep() {
    for terms in [50, 400, 5_000] {
        let sum = vec!["random()"; terms].join(" + ");
        let sql = format!("ALTER TABLE t ADD COLUMN a float8 DEFAULT ({sum})");
        let (analysis, _) = analyze(&sql, &Catalog::nothing(), Options::default());
        match analysis.faults.as_slice() {
            [] => assert_eq!(analysis.statements[0].work.len(), 1, "{terms} terms"),
            [ScriptError::TooDeep { .. }] => assert!(terms > 400, "{terms} terms"),
            other => panic!("{terms} terms: {other:?}"),
        }
    }
}

#[test]
fn deep_nesting_ends() {
    for depth in [10, 1_000, 100_000] {
        for (open, close) in [("(", ")"), ("CASE WHEN ", " THEN 1 END"), ("(SELECT ", ")"), ("NOT ", "")] {
            let sql = format!(
                "CREATE TABLE t (a int CHECK ({}true{} IS NOT NULL))",
                open.repeat(depth),
                close.repeat(depth)
            );
            let _ = analyze(&sql, &Catalog::fresh(), Options::default());
        }
    }
}

#[test]
fn one_bad_statement_hides_no_other() {
    let sql = "CREATE TABLE a (id int);\nCREATE TABEL b (id int);\n\\d a\nALTER TABLE a ADD COLUMN b int;";
    let (analysis, catalog) = analyze(sql, &Catalog::fresh(), Options::default());
    let faults: Vec<_> = analysis.faults.iter().map(ToString::to_string).collect();
    assert_eq!(analysis.statements.len(), 2, "{faults:?}");
    assert!(faults[0].contains("line 2, column 8"), "{faults:?}");
    assert!(faults[1].contains("psql"), "{faults:?}");
    assert_eq!(catalog.relations.values().map(|table| table.columns.len()).sum::<usize>(), 2);
}

#[test]
fn a_thousand_scripts_take_no_longer_each_than_the_first() {
    let mut catalog = Catalog::fresh();
    for number in 0..1_000 {
        let mut sql = String::new();
        writeln!(sql, "CREATE TABLE t{number} (id bigint PRIMARY KEY, a int);").unwrap();
        writeln!(sql, "ALTER TABLE t{number} ADD COLUMN b int NOT NULL DEFAULT 0;").unwrap();
        let analysis = analyze_next(&sql, &mut catalog, Options::default());
        assert_eq!((analysis.statements.len(), analysis.faults.len()), (2, 0));
    }
    assert_eq!(catalog.relations.len(), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariant_any_text_is_answered(text in "\\PC{0,200}") {
        analyze(&text, &Catalog::nothing(), Options::default());
    }

    #[test]
    fn invariant_any_mix_of_words_is_answered(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        analyze(&words.join(" "), &Catalog::fresh(), Options::default());
    }

    #[test]
    fn invariant_a_file_gives_the_same_twice(words in prop::collection::vec(prop::sample::select(STATEMENTS), 1..12)) {
        let sql = words.join(";\n");
        let first = analyze(&sql, &Catalog::fresh(), Options::default());
        prop_assert_eq!(first, analyze(&sql, &Catalog::fresh(), Options::default()));
    }

    #[test]
    fn invariant_a_catalog_survives_being_written(words in prop::collection::vec(prop::sample::select(STATEMENTS), 1..20)) {
        let (_, catalog) = analyze(&words.join(";\n"), &Catalog::fresh(), Options::default());
        let read = Catalog::read_json(&catalog.write_json());
        prop_assert_eq!(read.map(|read| read.facts()).ok(), Some(catalog.facts()));
    }
}

const WORDS: &[&str] = &[
    "ALTER",
    "TABLE",
    "t",
    "ADD",
    "COLUMN",
    "a",
    "int",
    "(",
    ")",
    ",",
    ";",
    "CREATE",
    "INDEX",
    "ON",
    "DROP",
    "NOT",
    "NULL",
    "CHECK",
    "1",
    "'x'",
    "$$",
    "REFERENCES",
    "PRIMARY KEY",
    "DEFAULT",
    "CASCADE",
    "VIEW",
    "AS",
    "SELECT",
    "*",
    "FROM",
    "PARTITION OF",
    "BEGIN",
    "COMMIT",
    "\\d",
    "--",
    "/*",
    "*/",
];

const STATEMENTS: &[&str] = &[
    "CREATE TABLE a (id bigint PRIMARY KEY, x varchar(10) CHECK (x <> ''), y numeric(10,2) DEFAULT random())",
    "CREATE TABLE b (id serial PRIMARY KEY, a bigint REFERENCES a ON DELETE CASCADE, UNIQUE (a, id))",
    "CREATE TABLE p (id int, d date) PARTITION BY RANGE (d)",
    "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    "CREATE TABLE pd PARTITION OF p DEFAULT",
    "CREATE VIEW v AS SELECT a.id, a.x FROM a JOIN b ON b.a = a.id",
    "CREATE MATERIALIZED VIEW m AS SELECT * FROM v",
    "CREATE INDEX ON a (lower(x)) WHERE y > 0",
    "CREATE DOMAIN dom AS text CHECK (value <> 'no')",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "ALTER TYPE mood ADD VALUE 'happy' AFTER 'ok'",
    "ALTER TABLE a ADD COLUMN m mood, ADD COLUMN e dom",
    "ALTER TABLE a ALTER COLUMN x TYPE text",
    "ALTER TABLE a RENAME COLUMN x TO z",
    "ALTER TABLE a RENAME TO c",
    "ALTER TABLE b DROP CONSTRAINT b_a_fkey",
    "ALTER TABLE a DROP COLUMN y CASCADE",
    "DROP VIEW IF EXISTS v CASCADE",
    "DROP TABLE IF EXISTS a CASCADE",
    "DROP TYPE mood CASCADE",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE UPDATE OF x ON a FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE POLICY q ON a USING (id > 0)",
    "CREATE SCHEMA s",
    "ALTER TABLE b SET SCHEMA s",
    "SET search_path = s, public",
];
