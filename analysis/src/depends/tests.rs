//! Which migrations stand on which.

use super::dependencies;
use crate::Options;

/// One line for each migration: what it stands on, with the objects.
fn told(scripts: &[&str]) -> Vec<String> {
    let names: Vec<String> = (1..=scripts.len()).map(|n| n.to_string()).collect();
    let named: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(scripts.iter().copied()).collect();
    let graph = dependencies(&named, Options::default());
    let edge = |edge: &super::Edge| format!("{} ({})", edge.version, edge.objects.join(", "));
    graph
        .nodes
        .iter()
        .map(|node| {
            let on: Vec<String> = node
                .stands_on
                .iter()
                .map(edge)
                .chain(node.unknown.iter().map(|why| format!("? {why}")))
                .collect();
            on.join("; ")
        })
        .collect()
}

fn last(scripts: &[&str], expected: &str) {
    assert_eq!(told(scripts).last().map(String::as_str), Some(expected), "{scripts:?}");
}

const TABLES: &str = "CREATE TABLE a (id int PRIMARY KEY, name text); CREATE TABLE b (id int)";

#[test]
fn what_uses_stands_on_what_makes() {
    let check = |sql: &str, expected: &str| last(&[TABLES, "ALTER TABLE a ADD COLUMN x int", sql], expected);
    check("CREATE TABLE c (i int)", "");
    check("CREATE INDEX ON b (id)", "1 (column public.b.id, table public.b)");
    check("CREATE INDEX ON a (x)", "1 (table public.a); 2 (column public.a.x)");
    check("ALTER TABLE a ADD COLUMN y int", "1 (table public.a)");
    check("ALTER TABLE a DROP COLUMN x", "1 (table public.a); 2 (column public.a.x)");
    check(
        "ALTER TABLE b ADD FOREIGN KEY (id) REFERENCES a",
        "1 (column public.a.id, column public.b.id, constraint public.a.a_pkey, table public.a, table public.b)",
    );
    check("CREATE VIEW v AS SELECT x FROM a", "1 (table public.a); 2 (column public.a.x)");
    check("UPDATE a SET x = 1", "1 (table public.a); 2 (column public.a.x)");
    check("UPDATE a SET name = ''", "1 (column public.a.name, table public.a)");
    check(
        "INSERT INTO b (id) SELECT x FROM a",
        "1 (column public.b.id, table public.a, table public.b); 2 (column public.a.x)",
    );
    check(
        "DROP TABLE a",
        "1 (column public.a.id, column public.a.name, constraint public.a.a_pkey, table public.a); 2 (column public.a.x)",
    );
    check(
        "ALTER TABLE a RENAME TO z",
        "1 (column public.a.id, column public.a.name, constraint public.a.a_pkey, table public.z); 2 (column public.a.x)",
    );
    check("GRANT SELECT ON b TO somebody", "1 (table public.b)");
    check(
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM x FROM a; RETURN 1; END $$",
        "1 (table public.a); 2 (column public.a.x)",
    );
    check("DO $$ BEGIN UPDATE b SET id = 2; END $$", "1 (column public.b.id, table public.b)");
    check(
        "DO $$ BEGIN EXECUTE 'ALTER TABLE ' || current_user; END $$",
        "? line 1: not analysed: dynamic SQL in line 1 of the body: 'ALTER TABLE ' || current_user",
    );
}

#[test]
fn types_functions_and_schemas_are_used_too() {
    last(&["CREATE TYPE m AS ENUM ('a')", "CREATE TABLE t (m m)"], "1 (type public.m)");
    last(&["CREATE TYPE m AS ENUM ('a')", "ALTER TYPE m ADD VALUE 'b'"], "1 (type public.m)");
    last(&["CREATE SCHEMA s", "CREATE TABLE s.t (i int)"], "1 (schema s)");
    last(&["CREATE SEQUENCE q", "CREATE TABLE t (i int DEFAULT nextval('q'))"], "1 (sequence public.q)");
    let function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$";
    let trigger = "CREATE TRIGGER g BEFORE UPDATE ON b FOR EACH ROW EXECUTE FUNCTION f()";
    last(&[TABLES, function, trigger], "1 (table public.b); 2 (function public.f)");
    last(
        &[TABLES, function, trigger, "DROP TRIGGER g ON b"],
        "1 (table public.b); 2 (function public.f); 3 (trigger public.b.g)",
    );
}

#[test]
fn names_are_followed_and_made_free() {
    last(
        &["CREATE TABLE a (i int)", "ALTER TABLE a RENAME TO b", "CREATE INDEX ON b (i)"],
        "1 (column public.b.i, table public.b); 2 (table public.b)",
    );
    last(&["CREATE TABLE a (i int)", "DROP TABLE a", "CREATE TABLE a (i int)"], "2 (table public.a)");
}

#[test]
fn what_stands_on_one_goes_first() {
    let scripts = [
        ("1", "CREATE TABLE a (i int)"),
        ("2", "CREATE TABLE b (i int)"),
        ("3", "CREATE VIEW v AS SELECT i FROM a"),
        ("4", "CREATE VIEW w AS SELECT i FROM v"),
        ("5", "CREATE INDEX ON b (i)"),
    ];
    let graph = dependencies(&scripts, Options::default());
    assert_eq!(graph.stands_on("1"), ["4", "3"]);
    assert_eq!(graph.under("1"), ["3"]);
    assert_eq!(graph.stands_on("2"), ["5"]);
    assert!(graph.stands_on("5").is_empty());
}
