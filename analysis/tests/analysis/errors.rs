//! What can't be a migration, and the place that is named.

use pgbelay_analysis::{MAX_SCRIPT_BYTES, ScriptError, read};

use crate::refused;

/// Checks the whole message, which starts with the place.
fn check(sql: &str, expected: &str) {
    let error = refused(sql);
    assert_eq!(error.to_string(), expected, "{sql}");
    let place = error.position().map(|position| position.to_string());
    assert!(place.is_none_or(|place| expected.starts_with(&place)), "{sql}");
}

#[test]
fn nothing_to_run() {
    for sql in ["", " \n\t", "-- only\n/* comments */", ";;;", "\u{feff}", "\u{feff}-- x"] {
        assert_eq!(read(sql), Err(ScriptError::Empty), "{sql:?}");
    }
}

#[test]
fn syntax_errors_name_their_place_in_the_file() {
    for (sql, expected) in [
        ("SELEC 1;", r#"line 1, column 1: syntax error at or near "SELEC", in: SELEC 1;"#),
        ("asdf;\nSELECT 1;", r#"line 1, column 1: syntax error at or near "asdf", in: asdf;"#),
        (
            "SELECT 1;\n\n  -- é\n  CREATE TABEL a (id int);",
            r#"line 4, column 10: syntax error at or near "TABEL", in: CREATE TABEL a (id int);"#,
        ),
        (
            "SELECT 1 FROM FROM t;",
            r#"line 1, column 15: syntax error at or near "FROM", in: SELECT 1 FROM FROM t;"#,
        ),
        ("SELECT 'é', 1 1;", r#"line 1, column 15: syntax error at or near "1", in: SELECT 'é', 1 1;"#),
        (
            "SELECT 1;\r\nSELECT FROM (;\r\n",
            r#"line 2, column 14: syntax error at or near ";", in: SELECT FROM (;"#,
        ),
        (
            "CREATE TABLE a (\n  id int,,\n  b int\n);",
            r#"line 2, column 10: syntax error at or near ",", in: id int,,"#,
        ),
        (
            "CREATE TABLE a (id int;\nSELECT 1;",
            r#"line 1, column 23: syntax error at or near ";", in: CREATE TABLE a (id int;"#,
        ),
        ("CREATE TABLE", "line 1, column 13: syntax error at end of input, in: CREATE TABLE"),
        ("SELECT 1;\nCREATE TABLE ;", "line 2, column 13: syntax error at end of input, in: CREATE TABLE ;"),
        (
            "SELECT a NOT IN (1) AND b NOT c;",
            r#"line 1, column 31: syntax error at or near "c", in: SELECT a NOT IN (1) AND b NOT c;"#,
        ),
        ("SELECT (1));", r#"line 1, column 11: syntax error at or near ")", in: SELECT (1));"#),
        (
            "SELECT 1 LIMIT 1 LIMIT 2;",
            r#"line 1, column 18: syntax error at or near "LIMIT", in: SELECT 1 LIMIT 1 LIMIT 2;"#,
        ),
        (
            "SELECT 1 1 AS \"nested too deeply\"",
            "line 1, column 10: syntax error at or near \"1\", in: SELECT 1 1 AS \"nested too deeply\"",
        ),
        ("SELECT :name;", r#"line 1, column 8: syntax error at or near ":", in: SELECT :name;"#),
    ] {
        check(sql, expected);
    }
}

#[test]
fn broken_tokens_name_where_they_start() {
    for (sql, expected) in [
        (
            "SELECT 1;\nSELECT 'open;\nSELECT 2;",
            "line 2, column 8: unterminated quoted string at or near \"'open;\nSELECT 2;\", in: SELECT 'open;",
        ),
        (
            "SELECT \"open",
            "line 1, column 8: unterminated quoted identifier at or near \"\"open\", in: SELECT \"open",
        ),
        (
            "SELECT é, $x$ open $y$",
            "line 1, column 11: unterminated dollar-quoted string at or near \"$x$ open $y$\", in: SELECT é, $x$ open $y$",
        ),
        (
            "SELECT 1; /* open",
            "line 1, column 11: unterminated /* comment at or near \"/* open\", in: SELECT 1; /* open",
        ),
        (
            "SELECT 12abc;",
            "line 1, column 8: trailing junk after numeric literal at or near \"12abc\", in: SELECT 12abc;",
        ),
        (
            "SELECT '12abc', 12abc;",
            "line 1, column 17: trailing junk after numeric literal at or near \"12abc\", in: SELECT '12abc', 12abc;",
        ),
        (
            "SELECT \"\";",
            "line 1, column 8: zero-length delimited identifier at or near \"\"\"\", in: SELECT \"\";",
        ),
        (
            "SELECT 1;\nSELECT E'\\u00zz';",
            "line 2, column 11: invalid Unicode escape, in: SELECT E'\\u00zz';",
        ),
    ] {
        check(sql, expected);
    }
}

#[test]
fn the_first_mistake_of_a_file_is_named() {
    check(
        "SELEC 1; SELECT 'open",
        r#"line 1, column 1: syntax error at or near "SELEC", in: SELEC 1; SELECT 'open"#,
    );
    check(
        "COMMIT; SELEC 1;",
        "line 1, column 1: COMMIT controls the transaction, which the run does; remove it, or put one plain BEGIN and COMMIT around the whole file",
    );
    assert!(matches!(refused("BEGIN; SELECT 1; COMMIT; SELECT 'open"), ScriptError::Syntax { .. }));
}

#[test]
fn psql_commands() {
    for (sql, place, command) in [
        ("\\i other.sql", "line 1, column 1", "\\i"),
        ("SELECT 1;\n  \\set ON_ERROR_STOP on\nSELECT 2;", "line 2, column 3", "\\set"),
        ("\\echo don't\nSELECT 1;", "line 1, column 1", "\\echo"),
        ("\\echo it's 'fine' isn't\nSELECT 'a';", "line 1, column 1", "\\echo"),
        ("SELECT 1 \\gexec\n", "line 1, column 10", "\\gexec"),
        ("\\d+ tasks", "line 1, column 1", "\\d+"),
        ("\\connect \"other\nSELECT 1;", "line 1, column 1", "\\connect"),
        ("CREATE TABLE a (\n\\copy x\n", "line 2, column 1", "\\copy"),
    ] {
        let error = refused(sql);
        let ScriptError::PsqlMetaCommand { position, command: found } = &error else {
            panic!("{sql}: {error}");
        };
        assert_eq!((position.to_string().as_str(), found.as_str()), (place, command), "{sql}");
    }
}

#[test]
fn transaction_control() {
    for (sql, place, statement) in [
        ("BEGIN", "line 1, column 1", "BEGIN"),
        ("BEGIN; SELECT 1;", "line 1, column 1", "BEGIN"),
        ("SELECT 1; COMMIT;", "line 1, column 11", "COMMIT"),
        ("SELECT 1;\n  ROLLBACK;\nSELECT 2;", "line 2, column 3", "ROLLBACK"),
        ("BEGIN; SELECT 1; ROLLBACK;", "line 1, column 18", "ROLLBACK"),
        ("BEGIN; SELECT 1; COMMIT; SELECT 2;", "line 1, column 18", "COMMIT"),
        ("BEGIN; BEGIN; SELECT 1; COMMIT;", "line 1, column 8", "BEGIN"),
        ("BEGIN; COMMIT; BEGIN; COMMIT;", "line 1, column 8", "COMMIT"),
        (
            "BEGIN ISOLATION LEVEL\n  SERIALIZABLE; SELECT 1; COMMIT;",
            "line 1, column 1",
            "BEGIN ISOLATION LEVEL SERIALIZABLE",
        ),
        ("START TRANSACTION READ ONLY; SELECT 1; COMMIT;", "line 1, column 1", "START TRANSACTION READ ONLY"),
        ("BEGIN; SELECT 1; COMMIT AND CHAIN;", "line 1, column 18", "COMMIT AND CHAIN"),
        ("SELECT 1; SAVEPOINT a;", "line 1, column 11", "SAVEPOINT a"),
        ("RELEASE a", "line 1, column 1", "RELEASE a"),
        ("ROLLBACK TO a", "line 1, column 1", "ROLLBACK TO a"),
        ("PREPARE TRANSACTION 'x'", "line 1, column 1", "PREPARE TRANSACTION 'x'"),
        ("COMMIT PREPARED 'x'", "line 1, column 1", "COMMIT PREPARED 'x'"),
        ("SELECT 1; SET TRANSACTION READ ONLY", "line 1, column 11", "SET TRANSACTION READ ONLY"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "line 1, column 1",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        ),
        (
            "SET transaction_isolation = 'serializable'",
            "line 1, column 1",
            "SET transaction_isolation = 'serializable'",
        ),
    ] {
        let error = refused(sql);
        let ScriptError::TransactionControl { position, statement: found } = &error else {
            panic!("{sql}: {error}");
        };
        assert_eq!((position.to_string().as_str(), found.as_str()), (place, statement), "{sql}");
    }
}

#[test]
fn copy_that_needs_a_client() {
    let rows = "SELECT 1;\nCOPY a (b) FROM stdin;\n1\tdon't\n\\.\nSELECT 2;";
    check(rows, "line 2, column 1: COPY FROM STDIN has no input when a migration runs; use INSERT");
    check("COPY a TO STDOUT", "line 1, column 1: COPY TO STDOUT has no reader when a migration runs");
    check(
        "COPY (SELECT 1) TO STDOUT",
        "line 1, column 1: COPY TO STDOUT has no reader when a migration runs",
    );
}

#[test]
fn not_a_text() {
    check("SELECT 1;\n a\0b", "line 2, column 3: a zero byte; is this a text file in UTF-8?");
    let large = " ".repeat(MAX_SCRIPT_BYTES + 1);
    assert!(matches!(refused(&large), ScriptError::TooLarge { .. }));
}

#[test]
fn long_messages_are_cut() {
    let error = refused(&format!("SELECT '{}", "x".repeat(100_000))).to_string();
    assert!(error.chars().count() < 600, "{}", error.len());
    let error = refused(&format!("SAVEPOINT {}", "x".repeat(100_000))).to_string();
    assert!(error.chars().count() < 600, "{}", error.len());
}
