//! Expressions.

use super::check;

#[test]
fn all() {
    for (sql, expected) in CASES {
        check(sql, expected);
    }
}

const CASES: &[(&str, &str)] = &[
    (
        "SELECT a IN (1, 2), a NOT IN (1), a = ANY (b), a > ALL (ARRAY[1]), a BETWEEN 1 AND 2, a NOT BETWEEN SYMMETRIC 1 AND 2",
        r#"Dml(Dml {reads: Query {outputs: [(None, Operator {name: "= any", args: [Column(["a"]), List([Constant(Number("1")), Constant(Number("2"))])]}), (None, Operator {name: "<> all", args: [Column(["a"]), List([Constant(Number("1"))])]}), (None, Operator {name: "= any", args: [Column(["a"]), Column(["b"])]}), (None, Operator {name: "> all", args: [Column(["a"]), List([Constant(Number("1"))])]}), (None, Operator {name: "between", args: [Column(["a"]), List([Constant(Number("1")), Constant(Number("2"))])]}), (None, Operator {name: "not between symmetric", args: [Column(["a"]), List([Constant(Number("1")), Constant(Number("2"))])]})], columns: [["a"], ["a"], ["a"], ["b"], ["a"], ["a"], ["a"]], limit_zero: true}})"#,
    ),
    (
        "SELECT a LIKE 'x', a NOT ILIKE 'x', a SIMILAR TO 'x', a IS DISTINCT FROM b, a IS NOT DISTINCT FROM b, nullif(a, b)",
        r#"Dml(Dml {reads: Query {outputs: [(None, Operator {name: "~~", args: [Column(["a"]), Constant(Text("x"))]}), (None, Operator {name: "!~~*", args: [Column(["a"]), Constant(Text("x"))]}), (None, Operator {name: "~", args: [Column(["a"]), Call {name: pg_catalog.similar_to_escape, args: [Constant(Text("x"))]}]}), (None, Operator {name: "is distinct from", args: [Column(["a"]), Column(["b"])]}), (None, Operator {name: "is not distinct from", args: [Column(["a"]), Column(["b"])]}), (None, Other([Column(["a"]), Column(["b"])]))], columns: [["a"], ["a"], ["a"], ["a"], ["b"], ["a"], ["b"], ["a"], ["b"]], calls: [(pg_catalog.similar_to_escape, 1)], limit_zero: true}})"#,
    ),
    (
        "SELECT a IN (SELECT b FROM t), a NOT IN (SELECT b FROM t), a < ALL (SELECT b FROM t), EXISTS (SELECT 1), ARRAY(SELECT 1), (SELECT 1), (a, b) = (SELECT 1, 2)",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}, Source {relation: t}, Source {relation: t}], outputs: [(None, Operator {name: "= any", args: [Column(["a"]), Query(Query {sources: [Source {relation: t}], outputs: [(None, Column(["b"]))], columns: [["b"]]})]}), (None, Bool {op: Not, args: [Operator {name: "= any", args: [Column(["a"]), Query(Query {sources: [Source {relation: t}], outputs: [(None, Column(["b"]))], columns: [["b"]]})]}]}), (None, Operator {name: "< all", args: [Column(["a"]), Query(Query {sources: [Source {relation: t}], outputs: [(None, Column(["b"]))], columns: [["b"]]})]}), (None, Operator {name: "exists", args: [Query(Query {outputs: [(None, Constant(Number("1")))], limit_zero: true})]}), (None, Other([Query(Query {outputs: [(None, Constant(Number("1")))], limit_zero: true})])), (None, Query(Query {outputs: [(None, Constant(Number("1")))], limit_zero: true})), (None, Operator {name: "=", args: [List([Column(["a"]), Column(["b"])]), Query(Query {outputs: [(None, Constant(Number("1"))), (None, Constant(Number("2")))], limit_zero: true})]})], columns: [["a"], ["b"], ["a"], ["b"], ["a"], ["b"], ["a"], ["b"]]}})"#,
    ),
    (
        "SELECT a AND b AND NOT (c OR d), a IS TRUE, a IS NOT UNKNOWN, - a, -1, a IS NULL, ROW(a, 1) IS NOT NULL",
        r#"Dml(Dml {reads: Query {outputs: [(None, Bool {op: And, args: [Column(["a"]), Column(["b"]), Bool {op: Not, args: [Bool {op: Or, args: [Column(["c"]), Column(["d"])]}]}]}), (None, Operator {name: "is true", args: [Column(["a"])]}), (None, Operator {name: "is not unknown", args: [Column(["a"])]}), (None, Operator {name: "-", args: [Column(["a"])]}), (None, Constant(Number("-1"))), (None, IsNull {arg: Column(["a"])}), (None, Bool {op: And, args: [IsNull {arg: Column(["a"]), negated: true}, IsNull {arg: Constant(Number("1")), negated: true}]})], columns: [["a"], ["b"], ["c"], ["d"], ["a"], ["a"], ["a"], ["a"], ["a"]], limit_zero: true}})"#,
    ),
    (
        r#"SELECT 1.5, 'x', B'10', X'1F', true, null, $1, 1e10, E'\n', 12345678901"#,
        r#"Dml(Dml {reads: Query {outputs: [(None, Constant(Number("1.5"))), (None, Constant(Text("x"))), (None, Constant(Bits("b10"))), (None, Constant(Bits("x1F"))), (None, Constant(Bool(true))), (None, Constant(Null)), (None, Constant(Parameter)), (None, Constant(Number("1e10"))), (None, Constant(Text("\n"))), (None, Constant(Number("12345678901")))], limit_zero: true}})"#,
    ),
    (
        r#"SELECT a::numeric(3), CAST(b AS s.t[]), '1'::interval day, interval '1 day', date 'x', c COLLATE "C""#,
        r#"Dml(Dml {reads: Query {outputs: [(None, Cast {arg: Column(["a"]), to: {name: pg_catalog.numeric, modifiers: [3]}}), (None, Cast {arg: Column(["b"]), to: {name: s.t, array: true}}), (None, Cast {arg: Constant(Text("1")), to: {name: pg_catalog.interval, modifiers: [8]}}), (None, Cast {arg: Constant(Text("1 day")), to: {name: pg_catalog.interval}}), (None, Cast {arg: Constant(Text("x")), to: {name: date}}), (None, Collate {arg: Column(["c"]), collation: C})], columns: [["a"], ["b"], ["c"]], limit_zero: true}})"#,
    ),
    (
        "SELECT current_timestamp, current_timestamp(3), current_user, localtime, current_schema, current_date, system_user",
        r#"Dml(Dml {reads: Query {outputs: [(None, Value("current_timestamp")), (None, Value("current_timestamp")), (None, Value("current_user")), (None, Value("localtime")), (None, Value("current_schema")), (None, Value("current_date")), (None, Call {name: pg_catalog.system_user})], calls: [(pg_catalog.system_user, 0)], limit_zero: true}})"#,
    ),
    (
        "SELECT count(*), count(DISTINCT a), sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d), string_agg(a, ',' ORDER BY e), percentile_cont(0.5) WITHIN GROUP (ORDER BY f)",
        r#"Dml(Dml {reads: Query {outputs: [(None, Call {name: count}), (None, Call {name: count, args: [Column(["a"])]}), (None, Other([Call {name: sum, args: [Column(["a"])]}, Column(["b"]), Other([Column(["c"]), Other([Column(["d"])])])])), (None, Other([Call {name: string_agg, args: [Column(["a"]), Constant(Text(","))]}, Other([Column(["e"])])])), (None, Other([Call {name: percentile_cont, args: [Constant(Number("0.5"))]}, Other([Column(["f"])])]))], columns: [["a"], ["a"], ["b"], ["c"], ["d"], ["a"], ["e"], ["f"]], calls: [(count, 0), (count, 1), (sum, 1), (string_agg, 2), (percentile_cont, 1)], limit_zero: true}})"#,
    ),
    (
        "SELECT CASE a WHEN b THEN c ELSE d END, coalesce(a, b), greatest(a, b), (a).b, a[1:2], (f(x)).*, grouping(a), a AT TIME ZONE 'x', extract(year FROM a)",
        r#"Dml(Dml {reads: Query {outputs: [(None, Other([Column(["a"]), Other([Column(["b"]), Column(["c"])]), Column(["d"])])), (None, Other([Column(["a"]), Column(["b"])])), (None, Other([Column(["a"]), Column(["b"])])), (None, Other([Column(["a"]), Other([])])), (None, Other([Column(["a"]), Other([Constant(Number("1")), Constant(Number("2"))])])), (None, Other([Call {name: f, args: [Column(["x"])]}, Other([])])), (None, Other([Column(["a"])])), (None, Call {name: pg_catalog.timezone, args: [Constant(Text("x")), Column(["a"])]}), (None, Call {name: pg_catalog.extract, args: [Constant(Text("year")), Column(["a"])]})], columns: [["a"], ["b"], ["c"], ["d"], ["a"], ["b"], ["a"], ["b"], ["a"], ["a"], ["x"], ["a"], ["a"], ["a"]], calls: [(f, 1), (pg_catalog.timezone, 2), (pg_catalog.extract, 2)], limit_zero: true}})"#,
    ),
    (
        "SELECT f(VARIADIC a), f(x => b), s.f(1), a OPERATOR(pg_catalog.+) b, xmlelement(name x, a), json_object('k' VALUE a), json_value(a, '$' PASSING b AS x), overlay(a PLACING b FROM 1)",
        r#"Dml(Dml {reads: Query {outputs: [(None, Call {name: f, args: [Column(["a"])]}), (None, Call {name: f, args: [Column(["b"])]}), (None, Call {name: s.f, args: [Constant(Number("1"))]}), (None, Operator {name: "+", args: [Column(["a"]), Column(["b"])]}), (None, Other([Column(["a"])])), (None, Other([Other([Constant(Text("k")), Other([Column(["a"])])])])), (None, Other([Other([Column(["a"])]), Constant(Text("$")), Other([Other([Column(["b"])])])])), (None, Call {name: pg_catalog.overlay, args: [Column(["a"]), Column(["b"]), Constant(Number("1"))]})], columns: [["a"], ["b"], ["a"], ["b"], ["a"], ["a"], ["a"], ["b"], ["a"], ["b"]], calls: [(f, 1), (f, 1), (s.f, 1), (pg_catalog.overlay, 3)], limit_zero: true}})"#,
    ),
    (
        "SELECT * FROM json_table(a, '$' COLUMNS (x int PATH '$.x')) j, xmltable('x' PASSING y COLUMNS z int) k, t TABLESAMPLE system (f(1))",
        r#"Dml(Dml {reads: Query {sources: [Source {relation: t}], outputs: [(None, Column(["*"]))], columns: [["*"], ["a"], ["y"]], calls: [(f, 1)]}})"#,
    ),
    (
        "CREATE TABLE t (a int DEFAULT (SELECT 1)",
        "error: line 1, column 41: syntax error at end of input, in: CREATE TABLE t (a int DEFAULT (SELECT 1)",
    ),
];
