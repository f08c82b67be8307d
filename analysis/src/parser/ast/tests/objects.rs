//! Renaming, moving, dropping, describing.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "ALTER TABLE IF EXISTS ONLY t RENAME COLUMN a TO b",
        r#"Rename(Rename {kind: Column, relation_kind: Table, name: ObjectName {name: t, part: Some("a")}, to: "b", if_exists: true})"#,
    ),
    (
        "ALTER VIEW v RENAME COLUMN a TO b",
        r#"Rename(Rename {kind: Column, relation_kind: View, name: ObjectName {name: v, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER TYPE ty RENAME ATTRIBUTE a TO b CASCADE",
        r#"Rename(Rename {kind: Attribute, relation_kind: Type, name: ObjectName {name: ty, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER TABLE s.t RENAME TO u",
        r#"Rename(Rename {kind: Table, relation_kind: Table, name: ObjectName {name: s.t}, to: "u", inherit: true})"#,
    ),
    (
        "ALTER TABLE t RENAME CONSTRAINT a TO b",
        r#"Rename(Rename {kind: TableConstraint, relation_kind: Table, name: ObjectName {name: t, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER DOMAIN s.d RENAME CONSTRAINT a TO b",
        r#"Rename(Rename {kind: DomainConstraint, relation_kind: Domain, name: ObjectName {name: s.d, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER INDEX i RENAME TO j",
        r#"Rename(Rename {kind: Index, relation_kind: Index, name: ObjectName {name: i}, to: "j", inherit: true})"#,
    ),
    (
        "ALTER SEQUENCE i RENAME TO j",
        r#"Rename(Rename {kind: Sequence, relation_kind: Sequence, name: ObjectName {name: i}, to: "j", inherit: true})"#,
    ),
    (
        "ALTER VIEW i RENAME TO j",
        r#"Rename(Rename {kind: View, relation_kind: View, name: ObjectName {name: i}, to: "j", inherit: true})"#,
    ),
    (
        "ALTER MATERIALIZED VIEW i RENAME TO j",
        r#"Rename(Rename {kind: MaterializedView, relation_kind: MaterializedView, name: ObjectName {name: i}, to: "j", inherit: true})"#,
    ),
    (
        "ALTER TRIGGER a ON s.t RENAME TO b",
        r#"Rename(Rename {kind: Trigger, relation_kind: Table, name: ObjectName {name: s.t, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER POLICY a ON t RENAME TO b",
        r#"Rename(Rename {kind: Policy, relation_kind: Table, name: ObjectName {name: t, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER RULE a ON t RENAME TO b",
        r#"Rename(Rename {kind: Rule, relation_kind: Table, name: ObjectName {name: t, part: Some("a")}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER SCHEMA a RENAME TO b",
        r#"Rename(Rename {kind: Schema, relation_kind: Schema, name: ObjectName {name: a}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER TYPE s.a RENAME TO b",
        r#"Rename(Rename {kind: Type, relation_kind: Type, name: ObjectName {name: s.a}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER DOMAIN a RENAME TO b",
        r#"Rename(Rename {kind: Domain, relation_kind: Domain, name: ObjectName {name: a}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER FUNCTION s.f(int, VARIADIC text[]) RENAME TO g",
        r#"Rename(Rename {kind: Function, relation_kind: Function, name: ObjectName {name: s.f, arguments: Some([{name: pg_catalog.int4}, {name: text, array: true}])}, to: "g", inherit: true})"#,
    ),
    (
        "ALTER FUNCTION f RENAME TO g",
        r#"Rename(Rename {kind: Function, relation_kind: Function, name: ObjectName {name: f}, to: "g", inherit: true})"#,
    ),
    (
        "ALTER ROLE a RENAME TO b",
        r#"Rename(Rename {kind: Role, relation_kind: Role, name: ObjectName {name: a}, to: "b", inherit: true})"#,
    ),
    (
        "ALTER EXTENSION e SET SCHEMA x",
        r#"SetSchema(SetSchema {kind: Extension, name: ObjectName {name: e}, schema: "x"})"#,
    ),
    (
        "ALTER TABLE IF EXISTS t SET SCHEMA x",
        r#"SetSchema(SetSchema {kind: Table, name: ObjectName {name: t}, schema: "x", if_exists: true})"#,
    ),
    (
        "ALTER FUNCTION f(int) SET SCHEMA x",
        r#"SetSchema(SetSchema {kind: Function, name: ObjectName {name: f, arguments: Some([{name: pg_catalog.int4}])}, schema: "x"})"#,
    ),
    (
        "ALTER TYPE ty SET SCHEMA x",
        r#"SetSchema(SetSchema {kind: Type, name: ObjectName {name: ty}, schema: "x"})"#,
    ),
    ("ALTER SCHEMA s OWNER TO x", "OwnerTo {kind: Schema, name: ObjectName {name: s}}"),
    (
        "ALTER FUNCTION f() OWNER TO x",
        "OwnerTo {kind: Function, name: ObjectName {name: f, arguments: Some([])}}",
    ),
    ("ALTER TYPE s.ty OWNER TO x", "OwnerTo {kind: Type, name: ObjectName {name: s.ty}}"),
    (
        "DROP TABLE IF EXISTS a, s.b CASCADE",
        "Drop(Drop {kind: Table, names: [ObjectName {name: a}, ObjectName {name: s.b}], if_exists: true, cascade: true})",
    ),
    (
        "DROP INDEX CONCURRENTLY i",
        "Drop(Drop {kind: Index, names: [ObjectName {name: i}], concurrently: true})",
    ),
    (
        "DROP TRIGGER IF EXISTS x ON s.t",
        r#"Drop(Drop {kind: Trigger, names: [ObjectName {name: s.t, part: Some("x")}], if_exists: true})"#,
    ),
    ("DROP RULE x ON t", r#"Drop(Drop {kind: Rule, names: [ObjectName {name: t, part: Some("x")}]})"#),
    ("DROP POLICY x ON t", r#"Drop(Drop {kind: Policy, names: [ObjectName {name: t, part: Some("x")}]})"#),
    (
        "DROP FUNCTION f(int, OUT text), g, s.h()",
        "Drop(Drop {kind: Function, names: [ObjectName {name: f, arguments: Some([{name: pg_catalog.int4}])}, ObjectName {name: g}, ObjectName {name: s.h, arguments: Some([])}]})",
    ),
    (
        "DROP AGGREGATE a(*)",
        "Drop(Drop {kind: Aggregate, names: [ObjectName {name: a, arguments: Some([])}]})",
    ),
    ("DROP PROCEDURE p", "Drop(Drop {kind: Procedure, names: [ObjectName {name: p}]})"),
    ("DROP TYPE a, s.b", "Drop(Drop {kind: Type, names: [ObjectName {name: a}, ObjectName {name: s.b}]})"),
    ("DROP DOMAIN d CASCADE", "Drop(Drop {kind: Domain, names: [ObjectName {name: d}], cascade: true})"),
    (
        "DROP SCHEMA x, y CASCADE",
        "Drop(Drop {kind: Schema, names: [ObjectName {name: x}, ObjectName {name: y}], cascade: true})",
    ),
    ("DROP EXTENSION e", "Drop(Drop {kind: Extension, names: [ObjectName {name: e}]})"),
    ("DROP SEQUENCE s", "Drop(Drop {kind: Sequence, names: [ObjectName {name: s}]})"),
    ("DROP VIEW v", "Drop(Drop {kind: View, names: [ObjectName {name: v}]})"),
    ("DROP MATERIALIZED VIEW v", "Drop(Drop {kind: MaterializedView, names: [ObjectName {name: v}]})"),
    ("DROP FOREIGN TABLE t", "Drop(Drop {kind: ForeignTable, names: [ObjectName {name: t}]})"),
    ("DROP STATISTICS a.b", "Drop(Drop {kind: Statistics, names: [ObjectName {name: a.b}]})"),
    (
        "DROP CAST (int AS text)",
        "Drop(Drop {kind: Cast, names: [ObjectName {name: pg_catalog.int4 as text}]})",
    ),
    (
        "DROP OPERATOR + (int, int)",
        "Drop(Drop {kind: Operator, names: [ObjectName {name: +, arguments: Some([{name: pg_catalog.int4}, {name: pg_catalog.int4}])}]})",
    ),
    (
        "DROP DATABASE IF EXISTS d",
        "Drop(Drop {kind: Database, names: [ObjectName {name: d}], if_exists: true})",
    ),
    ("DROP TABLESPACE x", "Drop(Drop {kind: Tablespace, names: [ObjectName {name: x}]})"),
    (
        "DROP ROLE IF EXISTS a, b",
        "Drop(Drop {kind: Role, names: [ObjectName {name: a}, ObjectName {name: b}], if_exists: true})",
    ),
    ("DROP SUBSCRIPTION s", "Drop(Drop {kind: Subscription, names: [ObjectName {name: s}]})"),
    ("DROP OWNED BY a", "Other"),
    ("DROP PUBLICATION p", "Drop(Drop {kind: Publication, names: [ObjectName {name: p}]})"),
    ("COMMENT ON TABLE s.t IS 'x'", "Comment {kind: Table, name: ObjectName {name: s.t}}"),
    (
        "COMMENT ON COLUMN s.t.c IS NULL",
        r#"Comment {kind: Column, name: ObjectName {name: s.t, part: Some("c")}}"#,
    ),
    (
        "COMMENT ON CONSTRAINT c ON s.t IS NULL",
        r#"Comment {kind: TableConstraint, name: ObjectName {name: s.t, part: Some("c")}}"#,
    ),
    (
        "COMMENT ON CONSTRAINT c ON DOMAIN s.d IS NULL",
        r#"Comment {kind: DomainConstraint, name: ObjectName {name: s.d, part: Some("c")}}"#,
    ),
    (
        "COMMENT ON FUNCTION f(int) IS 'x'",
        "Comment {kind: Function, name: ObjectName {name: f, arguments: Some([{name: pg_catalog.int4}])}}",
    ),
    ("COMMENT ON TYPE ty IS 'x'", "Comment {kind: Type, name: ObjectName {name: ty}}"),
    ("COMMENT ON SCHEMA s IS 'x'", "Comment {kind: Schema, name: ObjectName {name: s}}"),
    ("SECURITY LABEL FOR p ON TABLE t IS 'x'", "SecurityLabel {kind: Table, name: ObjectName {name: t}}"),
];
