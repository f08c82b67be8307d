//! Whatever the text, reading it ends, with a script or an error.

use std::thread;

use pgbelay_analysis::{Risk, Script, ScriptError, assess, read};
use proptest::prelude::*;

/// What holds for every text.
fn invariant_read_never_panics(sql: &str) {
    match read(sql) {
        Ok(script) => invariant_scripts_make_sense(sql, &script),
        Err(ScriptError::Parser { reason }) => panic!("{sql}: {reason}"),
        Err(error) => {
            let lines = sql.split('\n').count();
            assert!(error.position().is_none_or(|at| at.line as usize <= lines), "{sql}: {error}");
            assert!(error.to_string().chars().count() < 1_000, "{error}");
        }
    }
}

fn invariant_scripts_make_sense(sql: &str, script: &Script) {
    assert!(!script.statements.is_empty());
    for statement in &script.statements {
        assert!(sql.contains(&statement.text));
        assert!(!statement.reasons.is_empty(), "{}", statement.text);
        assert!(statement.not_analysed.is_none() || statement.risk > Risk::Low);
        // A statement read on its own is the same statement.
        let again = read(&statement.text).map(|script| script.statements);
        assert!(again.is_ok_and(|again| again.len() == 1 && again[0].kind == statement.kind));
    }
    let (risk, reasons) = assess(script);
    assert_eq!(Some(risk), script.statements.iter().map(|s| s.risk).max());
    assert!(!reasons.is_empty());
}

/// Pieces of SQL that make mistakes at every level: tokens, statements, transactions, psql.
const PIECES: &[&str] = &[
    "SELECT",
    "1",
    "FROM",
    "t",
    "\"T u\"",
    "(",
    ")",
    ",",
    ";",
    ";",
    ";",
    "'a",
    "'",
    "\"",
    "$$",
    "$x$",
    "/*",
    "*/",
    "-- c\n",
    "\n",
    "\r\n",
    " ",
    "\\",
    "\\d",
    "BEGIN",
    "COMMIT",
    "ATOMIC",
    "END",
    "CASE",
    "WHEN",
    "CREATE",
    "OR",
    "REPLACE",
    "FUNCTION",
    "TABLE",
    "INDEX",
    "CONCURRENTLY",
    "ON",
    "DROP",
    "CASCADE",
    "ALTER",
    "COLUMN",
    "ADD",
    "DELETE",
    "UPDATE",
    "SET",
    "WHERE",
    "WITH",
    "AS",
    "INSERT INTO t VALUES (1)",
    "NOT",
    "NULL",
    "é",
    "\u{feff}",
    "U&'\\0041'",
    "UESCAPE",
    "E'\\u00",
    "12ab",
    "0x",
    "::",
    "COPY t FROM STDIN",
    "DROP TABLE a.b, c",
    "DELETE FROM t",
    "CREATE TABLE t (a int)",
    "ALTER TABLE t DROP COLUMN a",
    "DO ''",
    "f()",
    "AND",
    "EXPLAIN ANALYZE",
    "MERGE INTO",
    "RETURNING",
    "UNION",
    "LOCK t",
    "VACUUM",
    "GRANT",
    "TO",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_text(sql in "\\PC{0,200}") {
        invariant_read_never_panics(&sql);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        invariant_read_never_panics(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn shuffled_sql(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..25)) {
        invariant_read_never_panics(&pieces.join(" "));
        invariant_read_never_panics(&pieces.concat());
    }
}

/// Legal SQL that is long has to be read. An unoptimised parser gives up much earlier (between 500
/// and 1,000 terms) than an optimised one (about 5,000), so this asks for what both can do.
#[test]
fn long_expressions_are_read() {
    let sum = format!("SELECT {}", vec!["1"; 400].join(" + "));
    let text = format!("UPDATE t SET a = {} WHERE b", vec!["c"; 400].join(" || "));
    let union = vec!["SELECT 1"; 400].join(" UNION ALL ");
    let joins = format!("SELECT * FROM t {}", "JOIN u USING (id) ".repeat(300));
    let list = format!("SELECT * FROM t WHERE a IN ({})", vec!["1"; 50_000].join(","));
    let nested = format!("SELECT {}1{}", "(".repeat(500), ")".repeat(500));
    for sql in [sum, text, union, joins, list, nested] {
        assert!(read(&sql).is_ok(), "{}: {:?}", &sql[..40], read(&sql).err());
    }
}

/// However deep it is, the process lives and says so.
#[test]
fn depth_is_an_error_at_worst() {
    for depth in [500, 5_000, 50_000, 200_000] {
        let sum = format!("SELECT {}", vec!["1"; depth].join(" + "));
        let parens = format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
        let open = "(".repeat(depth);
        let selects = format!("{}SELECT 1{}", "SELECT (".repeat(depth), ")".repeat(depth));
        let cases = format!("SELECT {} 1 {}", "CASE WHEN a THEN ".repeat(depth), "END ".repeat(depth));
        let nots = format!("SELECT {} a", "NOT ".repeat(depth));
        let union = vec!["SELECT 1"; depth].join(" UNION ");
        let arrays = format!("SELECT {}1{}", "ARRAY[".repeat(depth), "]".repeat(depth));
        let comments = format!("{}{} SELECT 1", "/*".repeat(depth), "*/".repeat(depth));
        let operators = format!("SELECT 1 {} 2", "+-".repeat(depth));
        for sql in [sum, parens, open, selects, cases, nots, union, arrays, comments, operators] {
            match read(&sql) {
                Ok(_) | Err(ScriptError::TooDeep { .. } | ScriptError::Syntax { .. }) => {}
                Err(error) => panic!("{}: {error}", &sql[..40]),
            }
        }
    }
}

/// The parser's library is C with state of its own for each thread.
#[test]
fn many_threads_read_at_once() {
    thread::scope(|scope| {
        for reader in 0..8 {
            scope.spawn(move || {
                for n in 0..100 {
                    let script = read(&format!("CREATE TABLE t{reader}_{n} (id int); SELECT 1;"));
                    assert!(script.is_ok_and(|s| s.statements[0].objects == [format!("t{reader}_{n}")]));
                    assert!(read(&format!("SELECT {n} FROM FROM t{reader}")).is_err());
                }
            });
        }
    });
}
