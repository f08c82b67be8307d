//! What is found, by statement.

use crate::guarded::{FunctionName, Reached};
use crate::read::guarded;

fn found(sql: &str) -> Vec<String> {
    let wanted = [
        FunctionName { schema: Some("app".to_owned()), name: "purge".to_owned() },
        FunctionName { schema: None, name: "pg_sleep".to_owned() },
    ];
    let files = guarded(&[sql], &wanted).unwrap_or_else(|(_, error)| panic!("{sql}: {error}"));
    let told = |reach: &crate::Reach| match &reach.to {
        Reached::Guarded { what, by } => Some(format!("{}: {what} by {by}", reach.line)),
        Reached::Function(name) => Some(format!("{}: call of {name}", reach.line)),
        Reached::Extension { name, cascade } => Some(format!("{}: extension {name} {cascade}", reach.line)),
        Reached::Runs { kind, risk, objects } => {
            Some(format!("{}: runs {kind} {risk} {}", reach.line, objects.join(" ")))
        }
        Reached::Beside { .. } => None,
    };
    files[0].iter().flat_map(|statement| statement.reaches.iter().filter_map(told)).collect()
}

/// By which words a script works on what is no part of the database.
fn beside(sql: &str) -> Vec<String> {
    let files = guarded(&[sql], &[]).unwrap_or_else(|(_, error)| panic!("{sql}: {error}"));
    let told = |reach: &crate::Reach| match &reach.to {
        Reached::Beside { by } => Some(format!("{}: {by}", reach.line)),
        Reached::Guarded { .. } | Reached::Function(_) | Reached::Extension { .. } | Reached::Runs { .. } => {
            None
        }
    };
    files[0].iter().flat_map(|statement| statement.reaches.iter().filter_map(told)).collect()
}

#[test]
fn what_is_no_part_of_a_database_is_told() {
    for (sql, words) in [
        ("CREATE ROLE a", "CREATE ROLE"),
        ("CREATE USER a PASSWORD 'x'", "CREATE ROLE"),
        ("ALTER ROLE a NOLOGIN", "ALTER ROLE"),
        ("ALTER ROLE a SET work_mem = '1GB'", "ALTER ROLE"),
        ("ALTER ROLE a IN DATABASE d SET work_mem = '1GB'", "ALTER ROLE"),
        ("ALTER ROLE a RENAME TO b", "ALTER ROLE RENAME"),
        ("DROP ROLE a", "DROP ROLE"),
        ("ALTER GROUP a ADD USER b", "ALTER ROLE"),
        ("GRANT a TO b", "GRANT of a role"),
        ("REVOKE a FROM b", "REVOKE of a role"),
        ("ALTER DATABASE d SET work_mem = '1GB'", "ALTER DATABASE"),
        ("ALTER DATABASE d CONNECTION LIMIT 3", "ALTER DATABASE"),
        ("ALTER DATABASE d RENAME TO e", "ALTER DATABASE RENAME"),
        ("ALTER DATABASE d OWNER TO a", "ALTER DATABASE OWNER"),
        ("GRANT CONNECT ON DATABASE d TO a", "GRANT or REVOKE ON DATABASE"),
        ("REVOKE ALL ON DATABASE d FROM PUBLIC", "GRANT or REVOKE ON DATABASE"),
        ("GRANT CREATE ON TABLESPACE t TO a", "GRANT or REVOKE ON TABLESPACE"),
        ("GRANT SET ON PARAMETER work_mem TO a", "GRANT or REVOKE ON PARAMETER"),
        ("COMMENT ON DATABASE d IS 'x'", "COMMENT ON DATABASE"),
        ("COMMENT ON ROLE a IS 'x'", "COMMENT ON ROLE"),
        ("DROP USER MAPPING FOR a SERVER s", "DROP USER MAPPING"),
        ("REASSIGN OWNED BY a TO b", "REASSIGN OWNED"),
        ("DROP OWNED BY a", "DROP OWNED"),
        ("DO $$ BEGIN ALTER ROLE a NOLOGIN; END $$", "ALTER ROLE"),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER ROLE a NOLOGIN'", "ALTER ROLE"),
    ] {
        assert_eq!(beside(&format!("SELECT 1;\n{sql};")), [format!("2: {words}")], "{sql}");
    }
    for within in [
        "CREATE TABLE a (id int)",
        "ALTER TABLE a OWNER TO b",
        "ALTER TABLE a RENAME TO b",
        "GRANT SELECT ON a TO b",
        "GRANT USAGE ON SCHEMA a TO b",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO a",
        "COMMENT ON TABLE a IS 'x'",
        "SET ROLE a",
    ] {
        assert_eq!(beside(within), [] as [String; 0], "{within}");
    }
}

#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (sql, expected) in cases {
        let shown: String = sql.chars().take(200).collect();
        assert_eq!(found(sql), *expected, "{shown}");
    }
}

#[test]
fn guarded_statements_are_found() {
    check(&[
        ("ALTER SYSTEM SET work_mem = '1GB'", &["1: alter-system by ALTER SYSTEM"]),
        ("SELECT 1;\nCOPY a FROM PROGRAM 'true'", &["2: copy-program by COPY FROM PROGRAM"]),
        ("COPY a TO PROGRAM 'true'", &["1: copy-program by COPY TO PROGRAM"]),
        ("COPY (SELECT 1) TO '/tmp/x'", &["1: server-files by COPY TO a file"]),
        ("CREATE DATABASE x", &["1: create-database by CREATE DATABASE"]),
        ("DROP DATABASE IF EXISTS x", &["1: drop-database by DROP DATABASE"]),
        ("LOAD 'x'", &["1: load by LOAD"]),
        ("CREATE TABLESPACE t LOCATION '/x'", &["1: tablespaces by CREATE TABLESPACE"]),
        ("DROP TABLESPACE t", &["1: tablespaces by DROP TABLESPACE"]),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
            &["1: subscription by CREATE SUBSCRIPTION"],
        ),
        ("DROP SUBSCRIPTION s", &["1: subscription by DROP SUBSCRIPTION"]),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w", &["1: other-servers by CREATE SERVER"]),
        ("CREATE USER MAPPING FOR a SERVER s", &["1: other-servers by CREATE USER MAPPING"]),
        ("CREATE ROLE a SUPERUSER", &["1: superusers by SUPERUSER"]),
        ("ALTER ROLE a SUPERUSER", &["1: superusers by SUPERUSER"]),
        ("GRANT pg_read_server_files TO a", &["1: superusers by GRANT pg_read_server_files"]),
        ("CREATE LANGUAGE plperlu", &["1: extension plperlu false"]),
        ("CREATE LANGUAGE own HANDLER h", &["1: untrusted-languages by CREATE LANGUAGE own"]),
    ]);
    for harmless in [
        "ALTER ROLE a NOSUPERUSER",
        "CREATE ROLE a LOGIN",
        "GRANT app TO a",
        "REVOKE pg_read_server_files FROM a",
        "CREATE TABLE a (id int)",
        "ALTER DATABASE a SET work_mem = '1GB'",
        "INSERT INTO t VALUES ('pg_read_file(1)')",
        "CREATE TABLE lo_import (lo_export int)",
        "UPDATE settings SET a = 1",
        "BEGIN; SELECT 1; COMMIT",
    ] {
        check(&[(harmless, &[])]);
    }
}

#[test]
fn who_the_session_is_is_guarded_and_the_way_back_is_not() {
    for sets in [
        "SET ROLE a",
        "SET LOCAL ROLE 'a'",
        "SET role = a",
        "ALTER ROLE a SET role = b",
        "ALTER ROLE a IN DATABASE d SET role = b",
        "ALTER DATABASE d SET role TO b",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SET role = b AS 'SELECT 1'",
        "ALTER FUNCTION f() SET role = b",
    ] {
        check(&[(sets, &["1: set-role by SET ROLE"])]);
    }
    for sets in [
        "SELECT set_config('role', 'a', true)",
        "SELECT pg_catalog.set_config('ROLE'::text, 'a', true)",
        "SELECT set_config(name, 'a', true) FROM t",
        "SELECT set_config('ro' || 'le', 'a', true)",
    ] {
        check(&[(sets, &["1: set-role by set_config()"])]);
    }
    check(&[
        ("SET SESSION AUTHORIZATION a", &["1: set-role by SET SESSION AUTHORIZATION"]),
        (
            "UPDATE pg_settings SET setting = 'a' WHERE name = 'role'",
            &["1: set-role by UPDATE of pg_settings"],
        ),
    ]);
    for harmless in [
        "SELECT set_config('app.' || name, 'a', true) FROM t",
        "SELECT pg_catalog.set_config('search_path', '', false)",
        "SET ROLE NONE",
        "SET ROLE TO DEFAULT",
        "RESET ROLE",
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "SET search_path = a",
    ] {
        check(&[(harmless, &[])]);
    }
}

#[test]
fn calls_are_found_wherever_they_stand() {
    for sql in [
        "SELECT pg_read_file('x')",
        "SELECT pg_catalog.pg_read_file('x')",
        "SELECT PG_READ_FILE('x')",
        "SELECT U&\"pg\\005fread_file\"('x')",
        "SELECT * FROM pg_read_file('x') AS f",
        "SELECT * FROM ROWS FROM (pg_read_file('x')) AS f",
        "SELECT 1 WHERE 'a' = ANY (ARRAY[pg_read_file('x')])",
        "WITH a AS (SELECT pg_read_file('x')) SELECT * FROM a",
        "INSERT INTO t VALUES (1, pg_read_file('x'))",
        "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = pg_read_file('x')",
        "UPDATE t SET (a, b) = (SELECT 1, pg_read_file('x'))",
        "DELETE FROM t WHERE a = pg_read_file('x')",
        "DELETE FROM t RETURNING pg_read_file('x')",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET a = pg_read_file('x')",
        "CREATE TABLE t (a text DEFAULT pg_read_file('x'))",
        "CREATE TABLE t (a text CHECK (a <> pg_read_file('x')))",
        "CREATE TABLE t (a text GENERATED ALWAYS AS (pg_read_file('x')) STORED)",
        "CREATE TABLE t PARTITION OF p FOR VALUES IN (pg_read_file('x'))",
        "CREATE TABLE t AS SELECT pg_read_file('x')",
        "ALTER TABLE t ADD a text DEFAULT pg_read_file('x')",
        "ALTER TABLE t ALTER a TYPE text USING pg_read_file(a)",
        "ALTER TABLE t ALTER a SET DEFAULT pg_read_file('x')",
        "ALTER TABLE t ADD CHECK (a = pg_read_file('x'))",
        "CREATE INDEX i ON t (pg_read_file(a))",
        "CREATE INDEX i ON t (a) WHERE b = pg_read_file('x')",
        "CREATE STATISTICS s ON (pg_read_file(a)), b FROM t",
        "CREATE VIEW v AS SELECT pg_read_file('x')",
        "CREATE MATERIALIZED VIEW v AS SELECT pg_read_file('x')",
        "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT pg_read_file('x')",
        "CREATE POLICY p ON t USING (a = pg_read_file('x'))",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.a = pg_read_file('x')) EXECUTE FUNCTION f()",
        "CREATE DOMAIN d AS text CHECK (VALUE <> pg_read_file('x'))",
        "CREATE SCHEMA s CREATE VIEW v AS SELECT pg_read_file('x')",
        "CREATE OPERATOR @@@ (FUNCTION = pg_read_file, RIGHTARG = text)",
        "CREATE AGGREGATE g (text) (SFUNC = pg_catalog.pg_read_file, STYPE = text)",
        "CREATE CAST (text AS t) WITH FUNCTION pg_read_file(text)",
        "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",
        "CREATE FUNCTION f(a text DEFAULT pg_read_file('x')) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION f() RETURNS text BEGIN ATOMIC SELECT pg_read_file('x'); END",
        "CREATE FUNCTION f() RETURNS text RETURN pg_read_file('x')",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT 1; SELECT pg_read_file(''x'')'",
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT nix nix nix; SELECT pg_read_file('x')$$",
        "PREPARE q AS SELECT pg_read_file('x')",
        "EXECUTE q(pg_read_file('x'))",
        "EXPLAIN ANALYZE SELECT pg_read_file('x')",
        "DECLARE c CURSOR FOR SELECT pg_read_file('x')",
        "CALL pg_read_file('x')",
        "CALL p(pg_read_file('x'))",
        "COPY (SELECT pg_read_file('x')) TO STDOUT",
        "SELECT query_to_xml('SELECT pg_read_file(''x'')', true, true, '')",
        "SELECT count(*) OVER (ORDER BY pg_read_file('x')) FROM t",
        "SELECT * FROM t ORDER BY pg_read_file('x')",
        "SELECT JSON_OBJECT('a': pg_read_file('x'))",
    ] {
        check(&[(sql, &["1: server-files by pg_read_file()"])]);
    }
}

#[test]
fn other_languages_are_searched_for_names() {
    let routine = "CREATE FUNCTION f() RETURNS int LANGUAGE";
    for (body, expected) in [
        (
            "plpgsql AS $$\nDECLARE a text := pg_read_file('x');\nBEGIN RETURN 1; END $$",
            "2: server-files by pg_read_file()",
        ),
        (
            "plpgsql AS $$ BEGIN\nIF lo_import('x') > 1 THEN NULL; END IF; END $$",
            "2: large-object-files by lo_import()",
        ),
        (
            "plpgsql AS $$ BEGIN\nEXECUTE 'SELECT ' || 'pg_catalog.pg_ls_dir(1)'; END $$",
            "2: server-files by pg_ls_dir()",
        ),
        (
            "plperl AS $$ spi_exec_query(\"select pg_read_file('x')\"); $$",
            "1: server-files by pg_read_file()",
        ),
        ("plperl AS $$ don't; pg_read_file('x'); $$", "1: server-files by pg_read_file()"),
        ("plpgsql AS $$ BEGIN\nx := set_config('role', 'a', true); END $$", "2: set-role by set_config()"),
        ("c AS 'x'", "1: untrusted-languages by code in c"),
        ("C AS 'lib', 'f'", "1: untrusted-languages by code in c"),
        ("internal AS 'int4in'", "1: untrusted-languages by code in internal"),
        ("plpython3u AS 'x'", "1: untrusted-languages by code in plpython3u"),
    ] {
        check(&[(&format!("{routine} {body}"), &[expected])]);
    }
    for block in ["DO LANGUAGE plperlu 'x'", "DO 'x' LANGUAGE 'plperlu'"] {
        check(&[(block, &["1: untrusted-languages by code in plperlu"])]);
    }
    check(&[("DO LANGUAGE plperl 'x'", &[])]);
    for harmless in [
        "plpgsql AS $$ BEGIN PERFORM set_config('app.user', 'a', true); END $$",
        "plpgsql AS 'BEGIN RETURN 1; END'",
        "plpgsql AS $$ BEGIN DROP TABLE a; END $$",
    ] {
        check(&[(&format!("{routine} {harmless}"), &[])]);
    }
}

#[test]
fn what_a_do_block_runs_is_told() {
    check(&[
        (
            "DO $$\nBEGIN\n  DROP TABLE a;\n  EXECUTE 'ALTER SYSTEM RESET ALL';\nEND $$",
            &["4: alter-system by ALTER SYSTEM", "3: runs drop-table high a", "4: runs alter-system medium "],
        ),
        (
            "DO $$ BEGIN\nSET ROLE a;\nCREATE EXTENSION x; END $$",
            &[
                "2: set-role by SET ROLE",
                "3: extension x false",
                "2: runs set medium role",
                "3: runs create-extension low x",
            ],
        ),
        (
            "DO $$ BEGIN WITH d AS (DELETE FROM a RETURNING 1) INSERT INTO b SELECT * FROM d; END $$",
            &["1: runs delete high b a", "1: runs insert low b"],
        ),
        ("DO $$ BEGIN RAISE NOTICE 'x'; END $$", &[]),
    ]);
}

#[test]
fn writes_inside_of_statements_that_run_them_are_told() {
    check(&[
        // By its kind and objects, the whole statement is the gravest of its writes.
        ("WITH d AS (DELETE FROM s.a RETURNING 1) SELECT * FROM d", &[]),
        (
            "WITH d AS (DELETE FROM s.a RETURNING 1), u AS (UPDATE b SET c = 1) SELECT * FROM d",
            &["1: runs update medium b"],
        ),
        ("EXPLAIN ANALYZE UPDATE a SET b = 1", &[]),
        ("EXPLAIN UPDATE a SET b = 1", &[]),
        ("PREPARE p AS DELETE FROM a", &[]),
        ("COPY (DELETE FROM a RETURNING 1) TO STDOUT", &[]),
        (
            "PREPARE p AS WITH d AS (DELETE FROM a RETURNING 1) INSERT INTO b SELECT * FROM d",
            &["1: runs insert low b"],
        ),
        ("DELETE FROM a", &[]),
        ("CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM a", &[]),
        ("CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM a; END", &[]),
    ]);
}

#[test]
fn extensions_and_functions_that_were_asked_for_are_told() {
    check(&[
        ("CREATE EXTENSION IF NOT EXISTS pgcrypto", &["1: extension pgcrypto false"]),
        ("CREATE EXTENSION earthdistance CASCADE", &["1: extension earthdistance true"]),
        ("ALTER EXTENSION pgcrypto UPDATE TO '2'", &["1: extension pgcrypto false"]),
        ("DROP EXTENSION pgcrypto", &[]),
        ("SELECT app.purge()", &["1: call of app.purge"]),
        ("SELECT purge()", &["1: call of app.purge"]),
        ("SELECT other.purge()", &[]),
        ("SELECT\npg_catalog.pg_sleep(1)", &["2: call of pg_sleep"]),
        ("SELECT other.pg_read_file('x')", &[]),
        ("SELECT ext.dblink_exec('x', 'y')", &["1: other-servers by dblink_exec()"]),
        (
            "SELECT pg_terminate_backend(1), pg_reload_conf()",
            &["1: end-sessions by pg_terminate_backend()", "1: server-control by pg_reload_conf()"],
        ),
    ]);
}

#[test]
fn deep_trees_are_walked() {
    let deep = format!("SELECT {}length(pg_read_file('x'))", "1 + ".repeat(400));
    check(&[(&deep, &["1: server-files by pg_read_file()"])]);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for sql in ["SELEC 1", "SELECT 'x", "\\d", "SELECT 1 FROM WHERE; SELECT 2"] {
        assert!(guarded(&["SELECT 1", sql], &[]).is_err_and(|(at, _)| at == 1), "{sql}");
    }
}
