//! How a file is cut into statements.

use pgbelay_analysis::{ScriptError, Transactional, read};

/// Checks each statement's place and text, as `line:column text`.
fn check(sql: &str, expected: &[&str]) {
    let script = read(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let found: Vec<_> = script
        .statements
        .iter()
        .map(|s| format!("{}:{} {}", s.position.line, s.position.column, s.text))
        .collect();
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn comments_and_space_around_statements_are_left_out() {
    check(
        "-- first\n\n  CREATE TABLE a (id int); /* then */ -- really; this\n\tSELECT 1 -- one\n + 2 -- end\n;\n-- bye",
        &["3:3 CREATE TABLE a (id int)", "4:2 SELECT 1 -- one\n + 2"],
    );
    check("SELECT 1", &["1:1 SELECT 1"]);
    check(";;SELECT 1;;;SELECT 2;;", &["1:3 SELECT 1", "1:14 SELECT 2"]);
}

#[test]
fn windows_files() {
    check("\u{feff}SELECT 1;\r\nSELECT 2;\r\n", &["1:1 SELECT 1", "2:1 SELECT 2"]);
    check("-- c\r\nSELECT\r\n 1;\r\n", &["2:1 SELECT\r\n 1"]);
}

#[test]
fn semicolons_that_end_nothing() {
    check("SELECT ';', \"a;b\" FROM t; SELECT 2", &["1:1 SELECT ';', \"a;b\" FROM t", "1:27 SELECT 2"]);
    check("SELECT $a$ ; $$ ; $a$; SELECT 2", &["1:1 SELECT $a$ ; $$ ; $a$", "1:24 SELECT 2"]);
    check("SELECT 1 /* ; /* nested ; */ */ + 1", &["1:1 SELECT 1 /* ; /* nested ; */ */ + 1"]);
    let rule = "CREATE RULE r AS ON UPDATE TO t DO ALSO (NOTIFY a; NOTIFY b)";
    check(&format!("{rule}; SELECT 2"), &[&format!("1:1 {rule}"), "1:63 SELECT 2"]);
}

#[test]
fn sql_bodies_of_functions_stay_whole() {
    let body = "BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END";
    for head in ["CREATE FUNCTION f(a bool) RETURNS int", "CREATE OR REPLACE PROCEDURE f(a bool)"] {
        let function = format!("{head} {body}");
        let second = format!("1:{} SELECT 3", function.len() + 3);
        check(&format!("{function}; SELECT 3"), &[&format!("1:1 {function}"), &second]);
    }
    check("SELECT atomic FROM begin; SELECT 2", &["1:1 SELECT atomic FROM begin", "1:27 SELECT 2"]);
}

#[test]
fn one_transaction_around_everything_is_taken_off() {
    for (begin, commit) in [("BEGIN", "COMMIT"), ("start transaction", "END"), ("BEGIN WORK", "commit work")]
    {
        let sql = format!("{begin};\nSELECT 1;\nSELECT 2;\n{commit};\n-- done\n");
        check(&sql, &["2:1 SELECT 1", "3:1 SELECT 2"]);
    }
    check("BEGIN; SELECT 1; COMMIT", &["1:8 SELECT 1"]);
    assert_eq!(read("BEGIN; COMMIT;"), Err(ScriptError::Empty));
}

#[test]
fn transaction_words_inside_of_bodies_do_not_matter() {
    check("SELECT 'COMMIT;'", &["1:1 SELECT 'COMMIT;'"]);
    check("DO $$ BEGIN COMMIT; END $$", &["1:1 DO $$ BEGIN COMMIT; END $$"]);
    check("SELECT 1 AS \"begin\" -- COMMIT;", &["1:1 SELECT 1 AS \"begin\""]);
}

#[test]
fn backslashes_inside_of_strings_do_not_matter() {
    check("SELECT '\n\\d', E'\\\\', \"a\\b\"", &["1:1 SELECT '\n\\d', E'\\\\', \"a\\b\""]);
    check("-- \\i x\n/* \\q */ SELECT $$\n\\c other\n$$", &["2:10 SELECT $$\n\\c other\n$$"]);
}

#[test]
fn a_script_survives_json() -> anyhow::Result<()> {
    let script =
        read("DROP INDEX CONCURRENTLY i; ALTER TABLE a DROP COLUMN b; DELETE FROM c; DROP VIEW d; DO ''")?;
    assert!(matches!(script.statements[0].transactional, Transactional::Never { .. }));
    let json = serde_json::to_string(&script)?;
    assert_eq!(serde_json::from_str::<pgbelay_analysis::Script>(&json)?, script);
    Ok(())
}

#[test]
fn thousands_of_statements_on_one_line() -> anyhow::Result<()> {
    let script = read(&"SELECT 1;".repeat(5_000))?;
    assert_eq!(script.statements.len(), 5_000);
    assert_eq!(script.statements.last().map(|s| s.position.column), Some(4_999 * 9 + 1));
    Ok(())
}
