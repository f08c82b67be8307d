//! Texts that are too much for somebody.

use crate::ScriptError;
use crate::read::{on_parser_stack, parse_script};
use crate::syntax::{Ast, ColumnConstraint, Expr, MAX_EXPR_DEPTH, NewConstraintKind, Query};

fn check_of(expression: &str) -> Expr {
    let parsed = parse_script(&format!("CREATE TABLE t (a int CHECK ({expression}))")).unwrap();
    let Ast::CreateTable(table) = &parsed[0].ast else { panic!("{parsed:?}") };
    let ColumnConstraint::Constraint(constraint) = &table.columns[0].constraints[0] else { panic!() };
    let NewConstraintKind::Check(check) = &constraint.kind else { panic!() };
    check.clone()
}

fn view(query: &str) -> Query {
    let mut parsed = parse_script(&format!("CREATE VIEW v AS {query}")).unwrap();
    let Ast::CreateView(view) = parsed.remove(0).ast else { panic!() };
    view.query
}

fn depth(expr: &Expr) -> usize {
    let deepest = |parts: &[Expr]| parts.iter().map(depth).max().unwrap_or_default();
    1 + match expr {
        Expr::Column(_) | Expr::Constant(_) | Expr::Value(_) | Expr::Deep { .. } => 0,
        Expr::Call { args, .. } | Expr::Operator { args, .. } | Expr::Bool { args, .. } => deepest(args),
        Expr::IsNull { arg, .. } | Expr::Cast { arg, .. } | Expr::Collate { arg, .. } => depth(arg),
        Expr::List(parts) | Expr::Other(parts) => deepest(parts),
        Expr::Query(query) => query.outputs.iter().map(|(_, output)| depth(output)).max().unwrap_or_default(),
    }
}

/// The parser's own limit lets some hundred pass in an unoptimised build, and thousands otherwise.
#[test]
fn a_chain_of_terms_keeps_every_column() {
    for count in [MAX_EXPR_DEPTH - 3, MAX_EXPR_DEPTH, MAX_EXPR_DEPTH + 1, 500, 5000] {
        let mut terms: Vec<_> = (0..count).map(|at| format!("c{at}")).collect();
        let text = format!("CREATE TABLE t (a int CHECK (f({}) > ''))", terms.join(" || "));
        let refused = parse_script(&text).err();
        if count == 5000 && matches!(refused, Some(ScriptError::TooDeep { .. })) {
            continue;
        }
        let check = check_of(&format!("f({}) > ''", terms.join(" || ")));
        assert!(depth(&check) <= MAX_EXPR_DEPTH, "{}", depth(&check));
        let mut found: Vec<_> = check.column_paths().concat();
        found.sort();
        terms.sort();
        assert_eq!(found, terms);
        assert_eq!(check.calls().len(), 1);
    }
}

#[test]
fn what_is_deep_is_cut_and_counted() {
    let nested = format!("{}a{}", "f(".repeat(300), ")".repeat(300));
    let check = check_of(&format!("{nested} = b"));
    assert_eq!(depth(&check), MAX_EXPR_DEPTH);
    assert_eq!(check.calls().len(), 300);
    assert_eq!(check.column_paths(), [["a"], ["b"]]);
}

#[test]
fn a_chain_of_ands_is_flat() {
    let check = check_of(&vec!["a > 1"; 3000].join(" AND "));
    assert_eq!(depth(&check), 3);
    assert_eq!(check.column_paths().len(), 3000);
}

#[test]
fn subqueries_in_outputs_are_cut_too() {
    let nested = format!("{}SELECT x FROM t{}", "SELECT f((".repeat(90), "))".repeat(90));
    let query = view(&nested);
    let deepest = query.outputs.iter().map(|(_, output)| depth(output)).max();
    assert!(deepest.unwrap() <= MAX_EXPR_DEPTH, "{deepest:?}");
    assert_eq!((query.calls.len(), query.columns.len(), query.sources.len()), (90, 1, 1));
}

/// Each level would double the work if a write were looked into more than once.
#[test]
fn nested_writes_are_not_looked_into_over_and_over() {
    let mut statement = "DELETE FROM t0 WHERE a".to_owned();
    for at in 1..40 {
        statement =
            format!("DELETE FROM t{at} WHERE x IN (WITH w AS ({statement} RETURNING 1) SELECT 1 FROM w)");
    }
    let parsed = parse_script(&statement).unwrap();
    let Ast::Dml(dml) = &parsed[0].ast else { panic!() };
    assert_eq!(dml.writes.len(), 40);
}

#[test]
fn hundreds_of_unions() {
    let query = view(&vec!["SELECT a FROM t"; 900].join(" UNION ALL "));
    assert_eq!((query.sources.len(), query.outputs.len()), (900, 1));
}

#[test]
fn trees_are_dropped_on_a_small_stack() {
    let check = check_of(&format!("{}a{}", "f(".repeat(300), ")".repeat(300)));
    std::thread::scope(|scope| {
        let small = std::thread::Builder::new().stack_size(128 * 1024);
        small.spawn_scoped(scope, || drop(check)).unwrap().join().unwrap();
    });
}

#[test]
fn rubbish_is_refused() {
    for rubbish in
        ["\u{1}\u{2}", "é ü ß;", ")))", "((((", "'", "$$", "/*", "SELECT 1 2 3;;;", "\\", "🦀", "DROP"]
    {
        assert!(parse_script(rubbish).is_err(), "{rubbish}");
    }
    let bytes: Vec<u8> = (0..20_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(parse_script(&String::from_utf8_lossy(&bytes)).is_err());
    assert!(crate::read(&format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000))).is_err());
}

#[test]
fn what_panics_on_the_stack_is_an_error() {
    let outcome = on_parser_stack(|| assert_eq!(1, 2, "on purpose"));
    assert!(outcome.is_err());
}
