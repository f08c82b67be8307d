//! Views, functions, triggers, rules, policies.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "CREATE OR REPLACE VIEW s.v (a, b) AS SELECT x, f(y) AS z FROM t WHERE u IS NOT NULL",
        r#"CreateView(CreateView {name: s.v, replace: true, columns: ["a", "b"], query: Query {sources: [Source {relation: t}], outputs: [(None, Column(["x"])), (Some("z"), Call {name: f, args: [Column(["y"])]})], columns: [["x"], ["y"], ["u"]], calls: [(f, 1)]}})"#,
    ),
    (
        "CREATE TEMP RECURSIVE VIEW v (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM v, w",
        r#"CreateView(CreateView {name: v, temporary: true, columns: ["n"], query: Query {sources: [Source {relation: w}], outputs: [(None, Column(["n"]))], columns: [["n"], ["n"]]}})"#,
    ),
    (
        "CREATE OR REPLACE FUNCTION s.f(a int, INOUT b text DEFAULT 'x', OUT c int, VARIADIC d int[]) RETURNS SETOF record LANGUAGE SQL IMMUTABLE STRICT AS 'select 1'",
        r#"CreateRoutine(CreateRoutine {name: s.f, replace: true, arguments: [{name: pg_catalog.int4}, {name: text}, {name: pg_catalog.int4, array: true}], defaults: 1, variadic: true, returns: Some({name: record, set_of: true}), language: Some("sql"), volatility: 'i', strict: true, body: Text("select 1")})"#,
    ),
    (
        "CREATE FUNCTION f(t.c%TYPE) RETURNS TABLE (x int) LANGUAGE plpgsql STABLE AS $$ x $$",
        r#"CreateRoutine(CreateRoutine {name: f, arguments: [{name: t.c, percent_type: true}], defaults: 0, returns: Some({name: pg_catalog.int4, set_of: true}), language: Some("plpgsql"), volatility: 's', body: Text(" x ")})"#,
    ),
    (
        "CREATE FUNCTION f() RETURNS int RETURN (SELECT max(a) FROM t)",
        r#"CreateRoutine(CreateRoutine {name: f, defaults: 0, returns: Some({name: pg_catalog.int4}), volatility: 'v', body: Parsed(Query {sources: [Source {relation: t}], outputs: [(None, Query(Query {sources: [Source {relation: t}], outputs: [(None, Call {name: max, args: [Column(["a"])]})], columns: [["a"]], calls: [(max, 1)]}))], columns: [["a"]], calls: [(max, 1)]})})"#,
    ),
    (
        "CREATE PROCEDURE p() BEGIN ATOMIC INSERT INTO t (a) SELECT b FROM u; UPDATE v SET c = g(); END",
        r#"CreateRoutine(CreateRoutine {name: p, procedure: true, defaults: 0, volatility: 'v', body: Parsed(Query {sources: [Source {relation: u}, Source {relation: t}, Source {relation: v}], columns: [["b"], ["a"], ["c"]], calls: [(g, 0)]})})"#,
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'a', 'b'",
        r#"CreateRoutine(CreateRoutine {name: f, defaults: 0, returns: Some({name: pg_catalog.int4}), language: Some("c"), volatility: 'v', body: Symbol})"#,
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'a'",
        r#"CreateRoutine(CreateRoutine {name: f, defaults: 0, returns: Some({name: pg_catalog.int4}), language: Some("internal"), volatility: 'v', body: Symbol})"#,
    ),
    (
        "ALTER FUNCTION f(int) STABLE STRICT",
        "AlterRoutine {name: f, arguments: Some([{name: pg_catalog.int4}]), volatility: Some('s')}",
    ),
    ("ALTER PROCEDURE f SET search_path = x", "AlterRoutine {name: f}"),
    (
        "CREATE OR REPLACE TRIGGER x BEFORE INSERT OR UPDATE OF a, b ON s.t FOR EACH ROW WHEN (NEW.a > 1) EXECUTE FUNCTION s.f('x')",
        r#"CreateTrigger(CreateTrigger {name: "x", table: s.t, function: s.f, replace: true, row: true, before: true, events: ["insert", "update"], columns: ["a", "b"], when: Some(Operator {name: ">", args: [Column(["new", "a"]), Constant(Number("1"))]})})"#,
    ),
    (
        "CREATE CONSTRAINT TRIGGER x AFTER DELETE ON t FROM u DEFERRABLE FOR EACH ROW EXECUTE FUNCTION f()",
        r#"CreateTrigger(CreateTrigger {name: "x", table: t, function: f, row: true, constraint: true, events: ["delete"], from: Some(u)})"#,
    ),
    (
        "CREATE TRIGGER x INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION f()",
        r#"CreateTrigger(CreateTrigger {name: "x", table: v, function: f, row: true, instead: true, events: ["update"]})"#,
    ),
    (
        "CREATE TRIGGER x AFTER TRUNCATE ON t EXECUTE FUNCTION f()",
        r#"CreateTrigger(CreateTrigger {name: "x", table: t, function: f, events: ["truncate"]})"#,
    ),
    (
        "CREATE OR REPLACE RULE r AS ON INSERT TO t WHERE NEW.a > 1 DO INSTEAD (INSERT INTO u (b) VALUES (NEW.a); DELETE FROM v WHERE c = f(OLD.d))",
        r#"CreateRule(CreateRule {name: "r", table: t, replace: true, uses: Query {sources: [Source {relation: u}, Source {relation: v}], columns: [["new", "a"], ["new", "a"], ["c"], ["old", "d"], ["b"]], calls: [(f, 1)]}, writes: [u, v]})"#,
    ),
    (
        "CREATE POLICY p ON s.t USING (a = current_user) WITH CHECK (b)",
        r#"CreatePolicy(CreatePolicy {name: "p", table: s.t, using: Some(Operator {name: "=", args: [Column(["a"]), Value("current_user")]}), check: Some(Column(["b"]))})"#,
    ),
    (
        "ALTER POLICY p ON t USING (a = 1)",
        r#"AlterPolicy {table: t, name: "p", using: Some(Operator {name: "=", args: [Column(["a"]), Constant(Number("1"))]})}"#,
    ),
    ("DO $$ x $$", r#"Do(DoBlock {language: "plpgsql", body: " x "})"#),
    ("DO LANGUAGE sql 'x'", r#"Do(DoBlock {language: "sql", body: "x"})"#),
    ("CALL s.p(1)", "Call {name: s.p}"),
];
