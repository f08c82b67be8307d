//! SET, RESET and set_config.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "SET lock_timeout = 5000",
        r#"Setting(Setting {name: "lock_timeout", value: Some(["5000"]), scope: Session})"#,
    ),
    (
        "SET LOCAL Statement_Timeout TO '5s'",
        r#"Setting(Setting {name: "statement_timeout", value: Some(["5s"]), scope: Transaction})"#,
    ),
    (
        r#"SET search_path TO a, "B""#,
        r#"Setting(Setting {name: "search_path", value: Some(["a", "B"]), scope: Session})"#,
    ),
    ("SET search_path = ''", r#"Setting(Setting {name: "search_path", value: Some([""]), scope: Session})"#),
    ("SET TIME ZONE 'UTC'", r#"Setting(Setting {name: "timezone", value: Some(["UTC"]), scope: Session})"#),
    ("SET TIME ZONE LOCAL", r#"Setting(Setting {name: "timezone", scope: Session})"#),
    ("SET x.y = -1.5", r#"Setting(Setting {name: "x.y", value: Some(["-1.5"]), scope: Session})"#),
    ("SET z = on", r#"Setting(Setting {name: "z", value: Some(["on"]), scope: Session})"#),
    ("SET ROLE joe", r#"Setting(Setting {name: "role", value: Some(["joe"]), scope: Session})"#),
    ("SET ROLE NONE", r#"Setting(Setting {name: "role", value: Some(["none"]), scope: Session})"#),
    (
        "SET SESSION AUTHORIZATION DEFAULT",
        r#"Setting(Setting {name: "session_authorization", scope: Session})"#,
    ),
    ("SET lock_timeout TO DEFAULT", r#"Setting(Setting {name: "lock_timeout", scope: Session})"#),
    ("SET SCHEMA 'x'", r#"Setting(Setting {name: "search_path", value: Some(["x"]), scope: Session})"#),
    ("RESET lock_timeout", r#"Setting(Setting {name: "lock_timeout", scope: Session})"#),
    ("RESET ALL", r#"Setting(Setting {name: "*", scope: Session})"#),
    ("SET x FROM CURRENT", r#"Setting(Setting {name: "x", scope: Session})"#),
    (
        "SELECT set_config('lock_timeout', '5s', false)",
        r#"Setting(Setting {name: "lock_timeout", value: Some(["5s"]), scope: Session})"#,
    ),
    (
        "SELECT pg_catalog.set_config('search_path', '', true)",
        r#"Setting(Setting {name: "search_path", value: Some([""]), scope: Transaction})"#,
    ),
    (
        r#"SELECT set_config('search_path', 'A, "B c", pg_catalog', false)"#,
        r#"Setting(Setting {name: "search_path", value: Some(["a", "B c", "pg_catalog"]), scope: Session})"#,
    ),
    (
        "SELECT set_config('lock_timeout', '5s', x) FROM t",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}], outputs: [(None, Call {name: set_config, args: [Constant(Text("lock_timeout")), Constant(Text("5s")), Column(["x"])]})], columns: [["x"]], calls: [(set_config, 3)]}})"#,
    ),
    (
        "SELECT set_config('lock_timeout', a, false)",
        r#"Dml(Dml {reads: Query {outputs: [(None, Call {name: set_config, args: [Constant(Text("lock_timeout")), Column(["a"]), Constant(Bool(false))]})], columns: [["a"]], calls: [(set_config, 3)], limit_zero: true}})"#,
    ),
];
