//! Expressions, types and queries as a server's catalog shows them.

use super::short;
use crate::parser::{expression, query, type_name};
use crate::read::on_parser_stack;

fn check<T: std::fmt::Debug + Send>(text: &str, read: fn(&str) -> Option<T>, expected: Option<&str>) {
    let found = on_parser_stack(|| read(text)).unwrap().map(|found| short(&format!(" {found:?}")));
    assert_eq!(found.as_deref().map(str::trim), expected, "{text}");
}

#[test]
fn expressions() {
    check("a", expression, Some(r#"Column(["a"])"#));
    check(
        "nextval('s.q'::regclass)",
        expression,
        Some(r#"Call {name: nextval, args: [Cast {arg: Constant(Text("s.q")), to: {name: regclass}}]}"#),
    );
    check(
        "((a > 0) AND (b IS NOT NULL)) -- x",
        expression,
        Some(
            r#"Bool {op: And, args: [Operator {name: ">", args: [Column(["a"]), Constant(Number("0"))]}, IsNull {arg: Column(["b"]), negated: true}]}"#,
        ),
    );
    for not_one in [
        "",
        "1) AS b, (2",
        "1), (2",
        "1) FROM t WHERE (a",
        "1); DROP TABLE t; SELECT (2",
        "\0",
        "1) LIMIT (2",
        "(",
    ] {
        check(not_one, expression, None);
    }
}

#[test]
fn types() {
    check(
        "character varying(10)[]",
        type_name,
        Some("{name: pg_catalog.varchar, modifiers: [10], array: true}"),
    );
    check("timestamp(3) with time zone", type_name, Some("{name: pg_catalog.timestamptz, modifiers: [3]}"));
    check("\"char\"", type_name, Some("{name: char}"));
    check("public.\"My Type\"", type_name, Some("{name: public.My Type}"));
    check("bit varying(5)", type_name, Some("{name: pg_catalog.varbit, modifiers: [5]}"));
    for not_one in ["", "int + 1", "int, 2", "int FROM t", "int)", "int x", "text COLLATE \"C\""] {
        check(not_one, type_name, None);
    }
}

#[test]
fn queries() {
    check(
        " SELECT t.a,\n    t.b AS c\n   FROM s.t;",
        query,
        Some(
            r#"Query {sources: [Source {relation: s.t}], outputs: [(None, Column(["t", "a"])), (Some("c"), Column(["t", "b"]))], columns: [["t", "a"], ["t", "b"]]}"#,
        ),
    );
    for not_one in ["", "DELETE FROM t", "SELECT 1; SELECT 2", "SELECT FROM FROM"] {
        check(not_one, query, None);
    }
}
