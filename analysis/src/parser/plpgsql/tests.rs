//! Bodies and what is found in them.

use super::{BodyPart, text};
use crate::parser::{ast, tree};
use crate::syntax::{Ast, RoutineBody};

/// What a CREATE FUNCTION, CREATE PROCEDURE or DO statement runs.
fn body(statement: &str) -> Result<Vec<BodyPart>, String> {
    let tree = tree(statement).map_err(|refusal| refusal.message)?;
    let node = tree.stmts.first().and_then(|one| one.stmt.as_ref()).and_then(|stmt| stmt.node.as_ref());
    match node.map(ast::ast) {
        Some(Ast::Do(block)) => text(&block.language, &block.body),
        Some(Ast::CreateRoutine(routine)) => match &routine.body {
            RoutineBody::Text(body) => text(routine.language.as_deref().unwrap_or("sql"), body),
            RoutineBody::Parsed(_) | RoutineBody::Symbol => Ok(Vec::new()),
        },
        _ => Err("not a routine".to_owned()),
    }
}

fn shown(parts: Result<Vec<BodyPart>, String>) -> String {
    let part = |part: &BodyPart| match part {
        BodyPart::Sql { text, line } => format!("{line}: {text}"),
        BodyPart::Dynamic { line, what } => format!("{line}: EXECUTE {what}"),
    };
    match parts {
        Ok(parts) => parts.iter().map(part).collect::<Vec<_>>().join("\n"),
        Err(message) => format!("error: {message}"),
    }
}

fn check(body: &str, expected: &[&str]) {
    assert_eq!(shown(text("plpgsql", body)), expected.join("\n"), "{body}");
}

#[test]
fn plain_statements_are_found_wherever_they_are() {
    check("BEGIN UPDATE t SET a = 1; END", &["1: UPDATE t SET a = 1"]);
    check("\nBEGIN\n  DELETE FROM t;\n  TRUNCATE u;\nEND;\n", &["3: DELETE FROM t", "4: TRUNCATE u"]);
    check(
        "BEGIN IF EXISTS (SELECT 1 FROM x) THEN DROP TABLE a; ELSIF b = 1 THEN DROP TABLE b; \
         ELSE DROP TABLE c; END IF; END",
        &["1: DROP TABLE a", "1: DROP TABLE b", "1: DROP TABLE c"],
    );
    check(
        "BEGIN IF CASE WHEN a THEN b ELSE c END THEN DROP TABLE a; END IF; DROP TABLE b; END",
        &["1: DROP TABLE a", "1: DROP TABLE b"],
    );
    check(
        "BEGIN CASE x WHEN 1 THEN DELETE FROM a; WHEN 2, 3 THEN NULL; ELSE DELETE FROM b; END CASE; \
         DELETE FROM c; END",
        &["1: DELETE FROM a", "1: DELETE FROM b", "1: DELETE FROM c"],
    );
    check(
        "<<outer>> DECLARE x int := (SELECT 1); c CURSOR FOR SELECT 2; BEGIN BEGIN DROP TABLE a; \
         EXCEPTION WHEN unique_violation OR others THEN DROP TABLE b; END; END outer",
        &["1: DROP TABLE a", "1: DROP TABLE b"],
    );
    check("#variable_conflict use_column\nBEGIN\nDROP TABLE a; END", &["3: DROP TABLE a"]);
    check("BEGIN COMMIT; CALL p(1); END", &["1: COMMIT", "1: CALL p(1)"]);
}

#[test]
fn loops_run_what_they_loop_over_and_what_is_in_them() {
    check(
        "BEGIN FOR i IN 1..10 LOOP DELETE FROM a; END LOOP; FOR i IN REVERSE f(1)..2 BY 3 LOOP NULL; END LOOP; END",
        &["1: DELETE FROM a"],
    );
    check(
        "BEGIN FOR r IN SELECT * FROM t LOOP DELETE FROM a; END LOOP; \
         FOR r IN UPDATE u SET a = 1 RETURNING * LOOP EXIT WHEN x; END LOOP; \
         FOR r IN c LOOP CONTINUE; END LOOP; END",
        &["1: SELECT * FROM t", "1: DELETE FROM a", "1: UPDATE u SET a = 1 RETURNING *"],
    );
    check(
        "BEGIN WHILE a < (SELECT 1) LOOP DELETE FROM a; END LOOP; LOOP DELETE FROM b; EXIT; END LOOP; \
         FOREACH x IN ARRAY y LOOP DELETE FROM c; END LOOP; END",
        &["1: DELETE FROM a", "1: DELETE FROM b", "1: DELETE FROM c"],
    );
}

#[test]
fn variables_are_no_tables() {
    check("BEGIN SELECT a, b INTO STRICT x, y.z FROM t; END", &["1: SELECT a, b FROM t"]);
    check("BEGIN SELECT count(*) FROM t INTO n; END", &["1: SELECT count(*) FROM t"]);
    check(
        "BEGIN INSERT INTO t VALUES (1) RETURNING id INTO n; END",
        &["1: INSERT INTO t VALUES (1) RETURNING id"],
    );
    check("BEGIN INSERT INTO t SELECT 1; END", &["1: INSERT INTO t SELECT 1"]);
    check("BEGIN x := 1; NEW.a = f(2); y[1] := (SELECT 1); a.b[2].c := 3; END", &[]);
}

#[test]
fn statements_of_its_own() {
    check("BEGIN PERFORM pg_advisory_lock(1), x FROM t; END", &["1: SELECT pg_advisory_lock(1), x FROM t"]);
    check(
        "BEGIN RETURN QUERY SELECT 1; RETURN NEXT x; RETURN x + 1; RETURN QUERY EXECUTE q; RETURN; END",
        &["1: SELECT 1", "1: EXECUTE q"],
    );
    check(
        "BEGIN OPEN c; OPEN c FOR SELECT 1 FROM t; OPEN c FOR EXECUTE q USING 1; FETCH c INTO x; CLOSE c; END",
        &["1: SELECT 1 FROM t", "1: EXECUTE q"],
    );
    check("BEGIN RAISE NOTICE 'a; %', b; ASSERT x; GET DIAGNOSTICS n = ROW_COUNT; NULL; END", &[]);
}

#[test]
fn dynamic_statements_are_read_if_they_are_not_so_dynamic() {
    check("BEGIN EXECUTE 'DROP TABLE a'; END", &["1: DROP TABLE a"]);
    check("BEGIN EXECUTE $q$DROP TABLE 'a'$q$ || ' CASCADE'; END", &["1: DROP TABLE 'a' CASCADE"]);
    check("BEGIN EXECUTE 'SELECT $1' INTO x USING y; END", &["1: SELECT $1"]);
    check("BEGIN EXECUTE 'DROP TABLE ' || name; END", &["1: EXECUTE 'DROP TABLE ' || name"]);
    check(
        "BEGIN EXECUTE format('DROP TABLE %I', n) USING 1; END",
        &["1: EXECUTE format('DROP TABLE %I', n)"],
    );
    check("BEGIN FOR r IN EXECUTE 'SELECT 1' LOOP NULL; END LOOP; END", &["1: SELECT 1"]);
}

#[test]
fn whole_statements() {
    let of = |statement: &str| shown(body(statement));
    assert_eq!(of("DO $$ BEGIN DROP TABLE a; END $$"), "1: DROP TABLE a");
    assert_eq!(
        of(
            "CREATE FUNCTION f() RETURNS SETOF s.t LANGUAGE plpgsql AS 'DECLARE x s.t%ROWTYPE; BEGIN\nDROP TABLE a; END'"
        ),
        "2: DROP TABLE a"
    );
    assert_eq!(
        of("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM a;\n SELECT 1 $$"),
        "1: DELETE FROM a\n2: SELECT 1"
    );
    assert_eq!(of("CREATE FUNCTION f() RETURNS int RETURN 1"), "");
    assert_eq!(of("DO LANGUAGE plperl 'x'"), "error: the language plperl is not read");
    assert_eq!(of("SELECT 1"), "error: not a routine");
    assert!(of("nonsense").starts_with("error: syntax error"), "{}", of("nonsense"));
}

#[test]
fn rubbish_ends() {
    for rubbish in [
        "",
        ";",
        "BEGIN",
        "IF",
        "FOR",
        "CASE",
        "EXECUTE",
        "DECLARE x",
        "<<",
        "END END",
        "PERFORM",
        "#",
        "x.",
        "y[",
    ] {
        let _ = text("plpgsql", rubbish);
        let _ = text("plpgsql", &format!("BEGIN {rubbish} {rubbish}; {rubbish}"));
    }
}

/// Where the parser crate can follow PL/pgSQL, it sees the same statements.
#[test]
fn the_parser_crate_agrees() {
    let statement = "CREATE FUNCTION f(a int) RETURNS SETOF int LANGUAGE plpgsql AS $$
        DECLARE n int := 1; r record;
        BEGIN
          UPDATE t SET a = n WHERE id = 1;
          SELECT x INTO n FROM t;
          PERFORM g(1);
          FOR r IN SELECT 1 AS b LOOP DELETE FROM u WHERE u.a = r.b; END LOOP;
          IF n > 1 THEN TRUNCATE v; ELSE INSERT INTO w VALUES (1); END IF;
          RETURN QUERY SELECT 2;
        EXCEPTION WHEN others THEN DROP TABLE k;
        END $$";
    let mut theirs = Vec::new();
    queries(&pg_query::parse_plpgsql(statement).unwrap(), &mut theirs);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ours: Vec<_> = body(statement)
        .unwrap()
        .into_iter()
        .filter_map(|part| match part {
            BodyPart::Sql { text, .. } => Some(words(&text)),
            BodyPart::Dynamic { .. } => None,
        })
        .collect();
    let mut theirs: Vec<_> =
        theirs.iter().map(|text| words(text)).filter(|text| text.contains(' ')).collect();
    theirs.retain(|text| !text.starts_with("n "));
    assert_eq!(sorted(ours), sorted(theirs));
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn queries(tree: &serde_json::Value, found: &mut Vec<String>) {
    match tree {
        serde_json::Value::Object(fields) => {
            found.extend(fields.get("query").and_then(|query| query.as_str()).map(str::to_owned));
            fields.values().for_each(|value| queries(value, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| queries(value, found)),
        _ => {}
    }
}
