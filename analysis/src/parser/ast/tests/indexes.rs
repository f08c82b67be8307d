//! Indexes and statistics.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "CREATE INDEX ON t (a)",
        r#"CreateIndex(CreateIndex {table: t, method: "btree", elements: [IndexElement {key: Column(["a"])}]})"#,
    ),
    (
        r#"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON ONLY s.t USING gin (a DESC, b COLLATE "C" text_pattern_ops, lower(c) DESC NULLS LAST, (d || e) NULLS FIRST, f NULLS LAST, g DESC NULLS FIRST) INCLUDE (h, k) NULLS NOT DISTINCT WITH (fillfactor = 5) TABLESPACE x WHERE a IS NULL"#,
        r#"CreateIndex(CreateIndex {name: Some("i"), table: s.t, only: true, unique: true, concurrently: true, if_not_exists: true, method: "gin", elements: [IndexElement {key: Column(["a"]), descending: true}, IndexElement {key: Column(["b"]), collation: Some(C), operator_class: Some(text_pattern_ops)}, IndexElement {key: Call {name: lower, args: [Column(["c"])]}, descending: true, nulls_first: Some(false)}, IndexElement {key: Operator {name: "||", args: [Column(["d"]), Column(["e"])]}, nulls_first: Some(true)}, IndexElement {key: Column(["f"])}, IndexElement {key: Column(["g"]), descending: true}], include: ["h", "k"], predicate: Some(IsNull {arg: Column(["a"])}), nulls_not_distinct: true, tablespace: Some("x")})"#,
    ),
    ("REINDEX TABLE CONCURRENTLY s.t", "Reindex(Reindex {target: Table(s.t), concurrently: true})"),
    ("REINDEX (CONCURRENTLY off) INDEX i", "Reindex(Reindex {target: Index(i)})"),
    ("REINDEX (CONCURRENTLY) SCHEMA x", r#"Reindex(Reindex {target: Schema("x"), concurrently: true})"#),
    ("REINDEX DATABASE x", "Reindex(Reindex {target: Database})"),
    ("REINDEX SYSTEM", "Reindex(Reindex {target: Database})"),
    ("CLUSTER", "Cluster {}"),
    ("CLUSTER s.t USING i", r#"Cluster {table: Some(s.t), index: Some("i")}"#),
    (
        "CREATE STATISTICS IF NOT EXISTS a.st ON a, b FROM t",
        "CreateStatistics {name: Some(a.st), if_not_exists: true, table: Some(t)}",
    ),
    ("CREATE STATISTICS ON a, b FROM t", "CreateStatistics {table: Some(t)}"),
    ("ALTER STATISTICS st SET STATISTICS 5", "AlterStatistics {name: st}"),
];
