//! GRANT and REVOKE.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    ("GRANT SELECT ON t, s.u TO x", "Grant(Grant {target: Relations([t, s.u])})"),
    ("REVOKE ALL ON SEQUENCE s FROM x", "Grant(Grant {revoke: true, target: Relations([s])})"),
    ("GRANT USAGE ON SCHEMA a, b TO x", r#"Grant(Grant {target: Schemas(["a", "b"])})"#),
    (
        "GRANT EXECUTE ON FUNCTION f(int), g TO x",
        "Grant(Grant {target: Routines([ObjectName {name: f, arguments: Some([{name: pg_catalog.int4}])}, ObjectName {name: g}])})",
    ),
    (
        "GRANT SELECT ON ALL TABLES IN SCHEMA a, b TO x",
        r#"Grant(Grant {target: AllIn {kind: Table, schemas: ["a", "b"]}})"#,
    ),
    (
        "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA a FROM x",
        r#"Grant(Grant {revoke: true, target: AllIn {kind: Function, schemas: ["a"]}})"#,
    ),
    ("GRANT admin TO joe", "Grant(Grant {target: Other})"),
    ("GRANT CONNECT ON DATABASE d TO x", "Grant(Grant {target: Other})"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", "Other"),
];
