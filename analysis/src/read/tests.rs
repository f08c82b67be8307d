//! Files with mistakes in them, and files of many statements.

use super::{parse_leniently, parse_script};

/// What was read, then what was wrong.
fn check(sql: &str, parsed: &[&str], faults: &[&str]) {
    let found = parse_leniently(sql);
    let texts: Vec<_> = found.parsed.iter().map(|one| &sql[one.start..one.end]).collect();
    assert_eq!(texts, parsed, "{sql}");
    let told: Vec<_> = found.faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), faults.len(), "{sql}: {told:?}");
    for (told, expected) in told.iter().zip(faults) {
        assert!(told.starts_with(expected), "{sql}: {told}");
    }
    for one in &found.parsed {
        assert_eq!(one.statement.text, sql[one.start..one.end]);
    }
}

#[test]
fn one_mistake_hides_no_other() {
    check("SELECT 1; SELECT 2", &["SELECT 1", "SELECT 2"], &[]);
    check("", &[], &[]);
    check("-- nothing", &[], &[]);
    check(
        "SELECT 1;\nSELEC 2;\nSELECT 3;\nDROP;\nSELECT 4",
        &["SELECT 1", "SELECT 3", "SELECT 4"],
        &["line 2, column 1: syntax error", "line 4, column 5: syntax error"],
    );
    check("SELECT 1; SELECT 'abc", &["SELECT 1"], &["line 1, column 18: unterminated quoted string"]);
    check("\u{feff}SELECT 1; x", &["SELECT 1"], &["line 1, column 11: syntax error"]);
    check("SELECT \0 1", &[], &["line 1, column 8: a zero byte"]);
}

#[test]
fn transactions() {
    check("BEGIN; SELECT 1; COMMIT", &["SELECT 1"], &[]);
    check("BEGIN; SELECT 1", &["SELECT 1"], &["line 1, column 1: BEGIN controls"]);
    check(
        "SELECT 1; COMMIT; SELECT 2; ROLLBACK; x",
        &["SELECT 1", "SELECT 2"],
        &["line 1, column 11: COMMIT", "line 1, column 29: ROLLBACK", "line 1, column 39: syntax error"],
    );
}

#[test]
fn commands_of_psql() {
    check(
        "\\set x 1\nSELECT 1;\n\\echo 'a;b' (\nSELECT 2;",
        &["SELECT 1", "SELECT 2"],
        &["line 1, column 1: \\set is a psql command", "line 3, column 1: \\echo is a psql command"],
    );
    check("SELECT 1 \\gset\nSELECT 2", &["SELECT 1", "SELECT 2"], &["line 1, column 10: \\gset"]);
    check(
        "COPY t FROM stdin;\n1\ta\n2\tb\n\\.\nSELECT 1;",
        &["SELECT 1"],
        &["line 1, column 1: COPY FROM STDIN", "line 4, column 1: \\."],
    );
    check("SELECT 1 \\; SELECT 2;", &["SELECT 1", "SELECT 2"], &["line 1, column 10: \\;"]);
}

#[test]
fn comments_have_their_bytes() {
    let sql = "\u{feff}-- é\nSELECT /* x */ 1 -- end";
    let found = parse_leniently(sql);
    let comments: Vec<_> = found.comments.iter().map(|comment| &sql[comment.start..comment.end]).collect();
    assert_eq!(comments, ["-- é", "/* x */", "-- end"]);
    assert_eq!(&sql[found.parsed[0].start..found.parsed[0].end], "SELECT /* x */ 1");
}

#[test]
fn many_statements_stay_in_order() {
    let mut sql: String = (0..5000).map(|at| format!("SELECT {at};\n")).collect();
    let parsed = parse_script(&sql).unwrap();
    for (at, one) in parsed.iter().enumerate() {
        assert_eq!(one.statement.text, format!("SELECT {at}"));
        assert_eq!(one.statement.position.to_string(), format!("line {}, column 1", at + 1));
    }
    sql.insert_str(sql.find("SELECT 4000").unwrap(), "late mistake;");
    sql.insert_str(sql.find("SELECT 1000").unwrap(), "early mistake;");
    let found = parse_leniently(&sql);
    assert_eq!((found.parsed.len(), found.faults.len()), (5000, 2));
    assert_eq!(Some(parse_script(&sql).unwrap_err()), found.faults.first().cloned());
}

#[test]
fn statements_mean_the_same_among_others() {
    let statements = [
        "CREATE TABLE t (id int PRIMARY KEY, note text DEFAULT ';')",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM t; SELECT 1)",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
        "CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$",
        "UPDATE t SET note = E'\\';' WHERE id = 1",
        "ALTER TABLE t ADD COLUMN \"é;\" int, ADD CHECK (id > 0)",
        "COMMENT ON TABLE t IS 'it''s; so'",
        "SELECT 1 -- ;",
        "DROP TABLE t /* ; */",
    ];
    let together = parse_leniently(&statements.join("\n;; -- ; \n"));
    assert_eq!(together.faults, []);
    assert_eq!(together.parsed.len(), statements.len());
    for (one, statement) in together.parsed.iter().zip(statements) {
        let alone = parse_leniently(statement).parsed.remove(0);
        assert_eq!(format!("{:?}", one.ast), format!("{:?}", alone.ast));
        assert_eq!((&one.statement.text, one.statement.kind), (&alone.statement.text, alone.statement.kind));
        assert_eq!(one.statement.reasons, alone.statement.reasons);
    }
}
