//! Expressions as a server's catalog shows them.

use super::short;
use crate::parser::expression;
use crate::read::on_parser_stack;

fn check(text: &str, expected: Option<&str>) {
    let found = on_parser_stack(|| expression(text)).unwrap().map(|found| short(&format!(" {found:?}")));
    assert_eq!(found.as_deref().map(str::trim), expected, "{text}");
}

#[test]
fn expressions() {
    check("a", Some(r#"Column(["a"])"#));
    check(
        "nextval('s.q'::regclass)",
        Some(r#"Call {name: nextval, args: [Cast {arg: Constant(Text("s.q")), to: {name: regclass}}]}"#),
    );
    check(
        "((a > 0) AND (b IS NOT NULL)) -- x",
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
        check(not_one, None);
    }
}
