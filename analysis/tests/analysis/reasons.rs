//! What people are told about a statement and about a whole script.

use pgbelay_analysis::{MAX_REASONS, Risk, StatementKind, assess, read};

use crate::one;

fn check(sql: &str, expected: &[&str]) {
    assert_eq!(one(sql).reasons, expected, "{sql}");
}

#[test]
fn reasons_name_what_they_are_about() {
    check("DROP TABLE orders", &["DROP TABLE orders destroys the table and its rows"]);
    check("ALTER TABLE tasks ADD COLUMN a int", &["ALTER TABLE tasks takes a strong lock on it"]);
    check(
        "ALTER TABLE app.tasks DROP COLUMN a",
        &[
            "ALTER TABLE app.tasks drops column a and its values",
            "ALTER TABLE app.tasks takes a strong lock on it",
        ],
    );
    check("DROP INDEX i", &["DROP INDEX i removes an index that queries may rely on"]);
    check(
        "DROP TABLE a, b CASCADE",
        &[
            "DROP TABLE a destroys the table and its rows",
            "DROP TABLE b destroys the table and its rows",
            "DROP TABLE a, b CASCADE also drops whatever depends on it",
        ],
    );
    check("DROP VIEW v", &["DROP VIEW v removes what queries may still use"]);
    check("DROP CAST (a AS b)", &["DROP CAST a AS b removes what others may still use"]);
    check("ALTER TYPE pair DROP ATTRIBUTE b", &["ALTER TYPE drops attribute pair.b and its values"]);
    check("CREATE TABLE orders (id int)", &["CREATE TABLE orders adds a table"]);
    check(
        "CREATE INDEX i ON orders (a)",
        &["CREATE INDEX i on orders blocks writes to the table until the index is built"],
    );
    check(
        "CREATE INDEX CONCURRENTLY i ON orders (a)",
        &["CREATE INDEX CONCURRENTLY i on orders reads the whole table while it is in use"],
    );
    check(
        "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f()",
        &["CREATE TRIGGER t on a changes what writing to the table does"],
    );
    check("GRANT ALL ON a, b, c, d, e TO joe", &["GRANT a, b, c and 2 more changes who may do what"]);
}

#[test]
fn reasons_of_writes() {
    check("INSERT INTO a VALUES (1)", &["INSERT adds rows to a"]);
    check("UPDATE a SET b = 1 WHERE c", &["UPDATE changes rows of a"]);
    check("UPDATE a SET b = 1", &["UPDATE without WHERE changes every row of a"]);
    check("DELETE FROM a WHERE b", &["DELETE removes rows of a"]);
    check("DELETE FROM a", &["DELETE without WHERE removes every row of a"]);
    check(
        "TRUNCATE a CASCADE",
        &["TRUNCATE removes every row of a", "TRUNCATE a CASCADE also empties every table that refers to it"],
    );
    check(
        "WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x",
        &["DELETE without WHERE removes every row of a", "INSERT adds rows to b"],
    );
}

#[test]
fn reasons_of_what_can_not_be_judged() {
    check("DO $$ BEGIN END $$", &["not analysed: DO block"]);
    check("SELECT app.purge()", &["not analysed: function app.purge"]);
    check("SET ROLE joe", &["SET role changes what the rest of the run relies on"]);
    check("RESET ALL", &["RESET ALL changes what the rest of the run relies on"]);
    check("VACUUM FULL a", &["VACUUM FULL a rewrites under a lock that blocks reads and writes"]);
}

#[test]
fn a_script_is_as_risky_as_its_riskiest_statement() -> anyhow::Result<()> {
    let script = read(
        "CREATE TABLE a (id int); UPDATE b SET c = 1 WHERE d; DROP TABLE e; UPDATE b SET c = 2 WHERE d;",
    )?;
    let (risk, reasons) = assess(&script);
    assert_eq!(risk, Risk::High);
    assert_eq!(
        reasons,
        [
            "DROP TABLE e destroys the table and its rows",
            "UPDATE changes rows of b",
            "CREATE TABLE a adds a table",
        ]
    );
    Ok(())
}

#[test]
fn reasons_are_bounded() -> anyhow::Result<()> {
    let tables: Vec<_> = (0..100).map(|n| format!("t{n}")).collect();
    let script = read(&format!("DROP TABLE {};", tables.join(", ")))?;
    let (_, reasons) = assess(&script);
    assert_eq!(reasons.len(), MAX_REASONS + 1);
    assert_eq!(reasons.last().map(String::as_str), Some("and 80 more"));
    assert_eq!(script.statements[0].reasons.len(), 100);
    Ok(())
}

#[test]
fn what_was_not_analysed_is_never_low() {
    for sql in ["DO ''", "CALL p()", "EXECUTE p", "LOAD 'x'", "SELECT f()", "ALTER EXTENSION e UPDATE"] {
        let statement = one(sql);
        assert!(statement.not_analysed.is_some(), "{sql}");
        assert!(statement.risk > Risk::Low, "{sql}");
    }
}

#[test]
fn kinds_have_one_name_everywhere() -> anyhow::Result<()> {
    for kind in StatementKind::ALL {
        let json = serde_json::to_string(kind)?;
        assert_eq!(json, format!("\"{kind}\""));
        assert_eq!(serde_json::from_str::<StatementKind>(&json)?, *kind);
    }
    assert_eq!(serde_json::to_string(&Risk::High)?, "\"high\"");
    Ok(())
}
