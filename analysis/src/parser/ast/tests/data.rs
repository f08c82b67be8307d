//! Rows, and maintenance.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    ("SELECT 1", r#"Dml(Dml {reads: Query {outputs: [(None, Constant(Number("1")))], limit_zero: true}})"#),
    (
        "VALUES (1, 'a'), (2, 'b')",
        r#"Dml(Dml {reads: Query {outputs: [(Some("column1"), Constant(Number("1"))), (Some("column2"), Constant(Text("a")))], limit_zero: true}})"#,
    ),
    (
        "TABLE t",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}], outputs: [(None, Column(["*"]))], columns: [["*"]]}})"#,
    ),
    (
        "SELECT t.*, u.a AS x, f(b) FROM ONLY s.t AS t JOIN u USING (id) LEFT JOIN v ON v.x = t.y WHERE c IN (SELECT d FROM w) GROUP BY e HAVING count(*) > 1 ORDER BY g LIMIT 0",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: s.t, alias: Some("t"), only: true}, Source {relation: u}, Source {relation: v}, Source {relation: w}], outputs: [(None, Column(["t", "*"])), (Some("x"), Column(["u", "a"])), (None, Call {name: f, args: [Column(["b"])]})], columns: [["t", "*"], ["u", "a"], ["b"], ["id"], ["v", "x"], ["t", "y"], ["c"], ["d"], ["e"], ["g"]], calls: [(f, 1), (count, 0)], limit_zero: true}})"#,
    ),
    (
        "SELECT * FROM generate_series(1, 2) g, LATERAL (SELECT h FROM i) k, ROWS FROM (f(1), g(2)) FOR UPDATE",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: i}], outputs: [(None, Column(["*"]))], columns: [["*"], ["h"]], calls: [(generate_series, 2), (f, 1), (g, 1)], locking: true}, for_update: true})"#,
    ),
    (
        "WITH a AS (SELECT * FROM b), c AS (SELECT * FROM a) SELECT (SELECT max(x) FROM c), y FROM a, s.a",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: b}, Source {relation: s.a}], outputs: [(None, Query(Query {outputs: [(None, Call {name: max, args: [Column(["x"])]})], columns: [["x"]], calls: [(max, 1)]})), (None, Column(["y"]))], columns: [["*"], ["*"], ["x"], ["y"]], calls: [(max, 1)]}})"#,
    ),
    (
        "WITH a AS (SELECT * FROM a) SELECT * FROM a",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: a}], outputs: [(None, Column(["*"]))], columns: [["*"], ["*"]]}})"#,
    ),
    (
        "WITH RECURSIVE a AS (SELECT 1 UNION SELECT * FROM a) SELECT * FROM a",
        r#"Dml(Dml {reads: Query {outputs: [(None, Column(["*"]))], columns: [["*"], ["*"]], limit_zero: true}})"#,
    ),
    (
        "WITH a AS (DELETE FROM t WHERE x RETURNING *) INSERT INTO u SELECT * FROM a",
        r#"Dml(Dml {writes: [Write {table: u, kind: Insert}, Write {table: t, kind: Delete, condition: Some(Column(["x"]))}], reads: Query {columns: [["x"], ["*"], ["*"]]}})"#,
    ),
    (
        "SELECT 1 FROM t UNION SELECT 2 FROM u EXCEPT SELECT 3 FROM v",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}, Source {relation: u}, Source {relation: v}], outputs: [(None, Constant(Number("1")))]}})"#,
    ),
    (
        "INSERT INTO t DEFAULT VALUES",
        "Dml(Dml {writes: [Write {table: t, kind: Insert, values_only: true}], reads: Query {limit_zero: true}})",
    ),
    (
        "INSERT INTO s.t (a, b) VALUES (1, now()) ON CONFLICT (a) DO UPDATE SET c = excluded.b WHERE t.d",
        r#"Dml(Dml {writes: [Write {table: s.t, kind: Insert, columns: ["a", "b", "c"], values_only: true, upsert: true}], reads: Query {columns: [["a"], ["excluded", "b"], ["t", "d"]], calls: [(now, 0)], limit_zero: true}})"#,
    ),
    (
        "INSERT INTO t VALUES ((SELECT a FROM u)) ON CONFLICT DO NOTHING RETURNING b",
        r#"Dml(Dml {writes: [Write {table: t, kind: Insert}], reads: Query {sources: [Source {relation: u}], columns: [["a"], ["b"]]}})"#,
    ),
    (
        "INSERT INTO t SELECT 1, 'x'",
        "Dml(Dml {writes: [Write {table: t, kind: Insert, values_only: true}], reads: Query {limit_zero: true}})",
    ),
    (
        "INSERT INTO t SELECT generate_series(1, 5)",
        "Dml(Dml {writes: [Write {table: t, kind: Insert}], reads: Query {calls: [(generate_series, 2)], limit_zero: true}})",
    ),
    (
        "INSERT INTO t SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t)",
        "Dml(Dml {writes: [Write {table: t, kind: Insert}], reads: Query {sources: [Source {relation: t}]}})",
    ),
    (
        "UPDATE t SET a = 1, (b, c) = (SELECT d, e FROM u)",
        r#"Dml(Dml {writes: [Write {table: t, kind: Update, every_row: true, columns: ["a", "b", "c"]}], reads: Query {sources: [Source {relation: u}], columns: [["d"], ["e"]]}})"#,
    ),
    (
        "UPDATE t AS x SET a = v.b FROM v WHERE x.id = v.id",
        r#"Dml(Dml {writes: [Write {table: t, kind: Update, columns: ["a"], condition: Some(Operator {name: "=", args: [Column(["x", "id"]), Column(["v", "id"])]})}], reads: Query {sources: [Source {relation: v}], columns: [["v", "b"], ["x", "id"], ["v", "id"]]}})"#,
    ),
    (
        "DELETE FROM t",
        "Dml(Dml {writes: [Write {table: t, kind: Delete, every_row: true}], reads: Query {}})",
    ),
    (
        "DELETE FROM ONLY t USING u WHERE t.a = u.a",
        r#"Dml(Dml {writes: [Write {table: t, kind: Delete, condition: Some(Operator {name: "=", args: [Column(["t", "a"]), Column(["u", "a"])]})}], reads: Query {sources: [Source {relation: u}], columns: [["t", "a"], ["u", "a"]]}})"#,
    ),
    (
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED AND u.b THEN UPDATE SET c = 1 WHEN NOT MATCHED THEN INSERT (a, d) VALUES (u.a, 2) WHEN NOT MATCHED BY SOURCE THEN DELETE",
        r#"Dml(Dml {writes: [Write {table: t, kind: Merge, columns: ["c", "a", "d"], condition: Some(Operator {name: "=", args: [Column(["t", "a"]), Column(["u", "a"])]})}], reads: Query {sources: [Source {relation: u}], columns: [["t", "a"], ["u", "a"], ["u", "b"], ["u", "a"]]}})"#,
    ),
    (
        "TRUNCATE a, ONLY s.b RESTART IDENTITY CASCADE",
        "Truncate(Truncate {tables: [(a, false), (s.b, true)], cascade: true, restart_identity: true})",
    ),
    (
        "LOCK TABLE ONLY a, b IN SHARE MODE NOWAIT",
        "LockTable(LockTable {tables: [(a, true), (b, false)], mode: 5, nowait: true})",
    ),
    ("LOCK a", "LockTable(LockTable {tables: [(a, false)], mode: 8})"),
    ("VACUUM", "Vacuum(Vacuum {vacuum: true})"),
    (
        "VACUUM (FULL, ANALYZE) s.t (a), u",
        "Vacuum(Vacuum {vacuum: true, full: true, analyze: true, tables: [s.t, u]})",
    ),
    ("VACUUM (FULL off) t", "Vacuum(Vacuum {vacuum: true, tables: [t]})"),
    ("ANALYZE t", "Vacuum(Vacuum {analyze: true, tables: [t]})"),
    ("COPY s.t FROM '/x'", "Copy(Copy {table: Some(s.t), from: true})"),
    (
        "COPY (SELECT a FROM t) TO PROGRAM 'x'",
        r#"Copy(Copy {query: Some(Query {sources: [Source {relation: t}], outputs: [(None, Column(["a"]))], columns: [["a"]]})})"#,
    ),
    (
        "EXPLAIN SELECT a FROM t",
        r#"Explain {inner: Dml(Dml {reads: Query {sources: [Source {relation: t}], outputs: [(None, Column(["a"]))], columns: [["a"]]}})}"#,
    ),
    (
        "EXPLAIN (ANALYZE) DELETE FROM t",
        "Explain {analyze: true, inner: Dml(Dml {writes: [Write {table: t, kind: Delete, every_row: true}], reads: Query {}})}",
    ),
    (
        "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
        r#"Explain {analyze: true, inner: CreateTableAs(CreateTableAs {name: t, query: Query {outputs: [(None, Constant(Number("1")))], limit_zero: true}, with_data: true})}"#,
    ),
    (
        "PREPARE p AS UPDATE t SET a = $1",
        r#"Prepare {inner: Dml(Dml {writes: [Write {table: t, kind: Update, every_row: true, columns: ["a"]}], reads: Query {}})}"#,
    ),
    ("EXECUTE p(1)", "Execute"),
    (
        "DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}], outputs: [(None, Column(["a"]))], columns: [["a"]]}})"#,
    ),
    ("LISTEN x", "Other"),
    ("DISCARD ALL", "Other"),
];
