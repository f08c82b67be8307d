//! Types, domains, sequences, schemas, publications.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "CREATE SEQUENCE IF NOT EXISTS s OWNED BY t.c",
        r#"CreateSequence(CreateSequence {name: s, if_not_exists: true, owned_by: Some(Column {table: t, column: "c"})})"#,
    ),
    (
        "CREATE TEMP SEQUENCE s OWNED BY NONE",
        "CreateSequence(CreateSequence {name: s, temporary: true, owned_by: Some(None)})",
    ),
    (
        "CREATE TYPE s.e AS ENUM ('a', 'b')",
        r#"CreateType(CreateType {name: s.e, definition: Enum(["a", "b"])})"#,
    ),
    (
        r#"CREATE TYPE c AS (a int, b text COLLATE "C")"#,
        r#"CreateType(CreateType {name: c, definition: Composite([ColumnDefinition {name: "a", data_type: Some({name: pg_catalog.int4})}, ColumnDefinition {name: "b", data_type: Some({name: text}), collation: Some(C)}])})"#,
    ),
    (
        "CREATE TYPE r AS RANGE (subtype = float8)",
        "CreateType(CreateType {name: r, definition: Range {subtype: Some({name: float8})}})",
    ),
    ("CREATE TYPE b", "CreateType(CreateType {name: b, definition: Base})"),
    ("CREATE TYPE b (INPUT = f, OUTPUT = g)", "CreateType(CreateType {name: b, definition: Base})"),
    (
        "ALTER TYPE s.e ADD VALUE IF NOT EXISTS 'x' BEFORE 'a'",
        r#"AlterEnum(AlterEnum {name: s.e, change: Add {label: "x", if_not_exists: true, beside: Some("a")}})"#,
    ),
    (
        "ALTER TYPE e ADD VALUE 'x' AFTER 'a'",
        r#"AlterEnum(AlterEnum {name: e, change: Add {label: "x", beside: Some("a"), after: true}})"#,
    ),
    (
        "ALTER TYPE e ADD VALUE 'x'",
        r#"AlterEnum(AlterEnum {name: e, change: Add {label: "x", after: true}})"#,
    ),
    (
        "ALTER TYPE e RENAME VALUE 'a' TO 'b'",
        r#"AlterEnum(AlterEnum {name: e, change: Rename {from: "a", to: "b"}})"#,
    ),
    (
        r#"CREATE DOMAIN s.d AS varchar(5) COLLATE "C" DEFAULT 'x' NOT NULL CONSTRAINT k CHECK (value <> '') CHECK (length(value) > 1)"#,
        r#"CreateDomain(CreateDomain {name: s.d, base: {name: pg_catalog.varchar, modifiers: [5]}, collation: Some(C), default: Some(Constant(Text("x"))), not_null: true, checks: [NewConstraint {name: Some("k"), kind: Check(Operator {name: "<>", args: [Column(["value"]), Constant(Text(""))]})}, NewConstraint {kind: Check(Operator {name: ">", args: [Call {name: length, args: [Column(["value"])]}, Constant(Number("1"))]})}]})"#,
    ),
    (
        "ALTER DOMAIN d SET DEFAULT 1",
        r#"AlterDomain(AlterDomain {name: d, action: Default(Some(Constant(Number("1"))))})"#,
    ),
    ("ALTER DOMAIN d DROP DEFAULT", "AlterDomain(AlterDomain {name: d, action: Default(None)})"),
    ("ALTER DOMAIN d SET NOT NULL", "AlterDomain(AlterDomain {name: d, action: SetNotNull})"),
    ("ALTER DOMAIN d DROP NOT NULL", "AlterDomain(AlterDomain {name: d, action: DropNotNull})"),
    (
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (value > 0) NOT VALID",
        r#"AlterDomain(AlterDomain {name: d, action: AddConstraint(NewConstraint {name: Some("c"), kind: Check(Operator {name: ">", args: [Column(["value"]), Constant(Number("0"))]}), not_valid: true})})"#,
    ),
    (
        "ALTER DOMAIN d DROP CONSTRAINT IF EXISTS c CASCADE",
        r#"AlterDomain(AlterDomain {name: d, action: DropConstraint {name: "c", if_exists: true, cascade: true}})"#,
    ),
    (
        "ALTER DOMAIN d VALIDATE CONSTRAINT c",
        r#"AlterDomain(AlterDomain {name: d, action: ValidateConstraint {name: "c"}})"#,
    ),
    (
        "ALTER DOMAIN d ADD NOT NULL",
        r#"AlterDomain(AlterDomain {name: d, action: AddConstraint(NewConstraint {kind: NotNull("value")})})"#,
    ),
    ("CREATE SCHEMA IF NOT EXISTS s", r#"CreateSchema(CreateSchema {name: Some("s"), if_not_exists: true})"#),
    ("CREATE SCHEMA AUTHORIZATION joe", r#"CreateSchema(CreateSchema {authorization: Some("joe")})"#),
    ("CREATE SCHEMA AUTHORIZATION CURRENT_USER", "CreateSchema(CreateSchema {})"),
    (
        "CREATE SCHEMA s AUTHORIZATION joe CREATE TABLE t (a int) CREATE INDEX i ON t (a) CREATE VIEW v AS SELECT a FROM t",
        r#"CreateSchema(CreateSchema {name: Some("s"), authorization: Some("joe"), elements: [CreateTable(CreateTable {name: t, columns: [ColumnDefinition {name: "a", data_type: Some({name: pg_catalog.int4})}]}), CreateIndex(CreateIndex {name: Some("i"), table: t, method: "btree", elements: [IndexElement {key: Column(["a"])}]}), CreateView(CreateView {name: v, query: Query {sources: [Source {relation: t}], outputs: [(None, Column(["a"]))], columns: [["a"]]}})]})"#,
    ),
    (
        "CREATE EXTENSION IF NOT EXISTS e WITH SCHEMA s CASCADE",
        r#"CreateExtension(CreateExtension {name: "e", schema: Some("s"), if_not_exists: true})"#,
    ),
    ("CREATE PUBLICATION p FOR TABLE a, s.b (x) WHERE (y > 1)", "Publication {tables: [a, s.b]}"),
    ("CREATE PUBLICATION p FOR ALL TABLES", "Publication {all_tables: true}"),
    ("ALTER PUBLICATION p DROP TABLE a", "Publication {tables: [a]}"),
];
