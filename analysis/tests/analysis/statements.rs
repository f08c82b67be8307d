//! Kind, risk, objects, what is destroyed and whether it can run in a transaction.

use crate::{one, summary};

fn check(sql: &str, expected: &str) {
    assert_eq!(summary(&one(sql)), expected, "{sql}");
}

fn check_all(table: &[(&str, &str)]) {
    for (sql, expected) in table {
        check(sql, expected);
    }
}

#[test]
fn creating() {
    check_all(CREATING);
}

#[test]
fn altering() {
    check_all(ALTERING);
}

#[test]
fn dropping() {
    check_all(DROPPING);
}

#[test]
fn reading_and_writing() {
    check_all(READING_AND_WRITING);
}

#[test]
fn everything_else() {
    check_all(EVERYTHING_ELSE);
}

const CREATING: &[(&str, &str)] = &[
    ("CREATE TABLE orders (id bigint PRIMARY KEY)", "create-table low orders"),
    ("CREATE TABLE IF NOT EXISTS public.orders (id int)", "create-table low public.orders"),
    ("CREATE TEMP TABLE scratch (id int)", "create-table low scratch"),
    (r#"CREATE UNLOGGED TABLE "Order Items" (id int)"#, r#"create-table low "Order Items""#),
    (r#"CREATE TABLE "user" (id int)"#, r#"create-table low "user""#),
    (
        "CREATE TABLE shop.events_2024 PARTITION OF shop.events FOR VALUES FROM (1) TO (2)",
        "create-table medium shop.events_2024",
    ),
    ("CREATE TABLE child (extra int) INHERITS (parent)", "create-table low child"),
    ("CREATE TABLE copy AS SELECT * FROM orders", "create-table-as low copy"),
    (
        "CREATE TABLE copy AS WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "delete high copy, orders | destroys rows of orders",
    ),
    (
        "CREATE TABLE copy AS EXECUTE prepared",
        "create-table-as medium copy | not analysed: EXECUTE of prepared",
    ),
    ("SELECT * INTO copy FROM orders", "create-table-as low copy"),
    ("SELECT 1 INTO copy UNION SELECT 2", "create-table-as low copy"),
    ("CREATE FOREIGN TABLE remote (id int) SERVER far", "create-foreign-table low remote"),
    ("CREATE INDEX orders_idx ON public.orders (customer)", "create-index medium orders_idx, public.orders"),
    ("CREATE UNIQUE INDEX ON orders (customer)", "create-index medium orders"),
    (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_idx ON orders (customer)",
        "create-index medium orders_idx, orders | never CREATE INDEX CONCURRENTLY",
    ),
    ("CREATE VIEW recent AS SELECT * FROM orders", "create-view low recent"),
    ("CREATE OR REPLACE VIEW recent AS SELECT * FROM orders", "create-view medium recent"),
    (
        "CREATE MATERIALIZED VIEW totals AS SELECT sum(total) FROM orders",
        "create-materialized-view low totals",
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN COMMIT; DROP TABLE x; END $$",
        "create-function low f",
    ),
    (
        "CREATE OR REPLACE FUNCTION app.f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a = 1 THEN 2 END; SELECT 3; END",
        "create-function low app.f",
    ),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM t'", "create-procedure low p"),
    ("CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)", "create-aggregate low total"),
    (
        "CREATE TRIGGER audit AFTER INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION f()",
        "create-trigger medium audit, app.orders",
    ),
    (
        "CREATE RULE quiet AS ON DELETE TO orders DO INSTEAD (NOTIFY a; NOTIFY b)",
        "create-rule medium quiet, orders",
    ),
    ("CREATE POLICY own ON orders USING (owner = current_user)", "create-policy medium own, orders"),
    (
        "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION f()",
        "create-event-trigger medium watch",
    ),
    ("CREATE TYPE mood AS ENUM ('good', 'bad')", "create-type low mood"),
    ("CREATE TYPE app.pair AS (a int, b int)", "create-type low app.pair"),
    ("CREATE TYPE span AS RANGE (subtype = int4)", "create-type low span"),
    ("CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%')", "create-domain low email"),
    ("CREATE SEQUENCE app.counter", "create-sequence low app.counter"),
    ("CREATE SCHEMA app", "create-schema low app"),
    ("CREATE SCHEMA AUTHORIZATION joe", "create-schema low joe"),
    ("CREATE SCHEMA app CREATE TABLE a (id int) CREATE VIEW v AS SELECT 1", "create-schema low app, a, v"),
    (r#"CREATE EXTENSION IF NOT EXISTS "uuid-ossp""#, r#"create-extension low "uuid-ossp""#),
    ("CREATE STATISTICS s ON a, b FROM orders", "create-statistics low s, orders"),
    ("CREATE PUBLICATION pub FOR TABLE orders", "create-publication low pub"),
    (
        "CREATE SUBSCRIPTION sub CONNECTION 'host=far' PUBLICATION pub",
        "create-subscription medium sub | never CREATE SUBSCRIPTION with a replication slot",
    ),
    (
        "CREATE SUBSCRIPTION sub CONNECTION 'host=far' PUBLICATION pub WITH (create_slot = false)",
        "create-subscription medium sub",
    ),
    ("CREATE ROLE joe", "create-role medium joe"),
    ("CREATE DATABASE shop", "create-database medium shop | never CREATE DATABASE"),
    ("CREATE TABLESPACE fast LOCATION '/fast'", "create-tablespace medium fast | never CREATE TABLESPACE"),
    ("CREATE COLLATION german (provider = icu, locale = 'de')", "create-other low german"),
    ("CREATE CAST (int AS mood) WITH INOUT", "create-other low int4 AS mood"),
    ("CREATE USER MAPPING FOR joe SERVER far", "create-other low far"),
    ("CREATE LANGUAGE plperl", "create-extension low plperl"),
    ("IMPORT FOREIGN SCHEMA public FROM SERVER far INTO local", "import-foreign-schema medium local"),
    (r#"CREATE TABLE "a""b"."C" (id int)"#, r#"create-table low "a""b"."C""#),
];

const ALTERING: &[(&str, &str)] = &[
    ("ALTER TABLE tasks ADD COLUMN note text", "alter-table high tasks"),
    (
        r#"ALTER TABLE app.tasks DROP COLUMN note, DROP COLUMN "Due" CASCADE"#,
        r#"alter-table high app.tasks | destroys column app.tasks.note, column app.tasks."Due""#,
    ),
    ("ALTER TABLE tasks RENAME TO jobs", "alter-table high tasks"),
    ("ALTER TABLE tasks RENAME COLUMN a TO b", "alter-table high tasks"),
    ("ALTER TABLE tasks RENAME CONSTRAINT a TO b", "alter-table high tasks"),
    ("ALTER TABLE tasks SET SCHEMA app", "alter-table high tasks"),
    ("ALTER TABLE tasks OWNER TO joe", "alter-table high tasks"),
    ("ALTER TABLE ALL IN TABLESPACE slow SET TABLESPACE fast", "alter-table high slow"),
    ("ALTER TABLE events DETACH PARTITION events_2020", "alter-table high events, events_2020"),
    (
        "ALTER TABLE events DETACH PARTITION events_2020 CONCURRENTLY",
        "alter-table high events, events_2020 | never DETACH PARTITION CONCURRENTLY",
    ),
    ("ALTER TABLE events DETACH PARTITION events_2020 FINALIZE", "alter-table high events, events_2020"),
    ("ALTER FOREIGN TABLE remote DROP COLUMN a", "alter-foreign-table medium remote"),
    ("ALTER INDEX a RENAME TO b", "alter-index medium a"),
    ("ALTER INDEX a SET (fillfactor = 70)", "alter-index medium a"),
    ("ALTER VIEW v RENAME COLUMN a TO b", "alter-view medium v"),
    ("ALTER MATERIALIZED VIEW m RENAME TO n", "alter-materialized-view medium m"),
    ("ALTER SEQUENCE s RESTART", "alter-sequence medium s"),
    ("ALTER TYPE mood ADD VALUE 'so-so'", "alter-type medium mood"),
    ("ALTER TYPE pair DROP ATTRIBUTE b", "alter-type high pair | destroys attribute pair.b"),
    ("ALTER TYPE pair RENAME ATTRIBUTE b TO c", "alter-type medium pair"),
    ("ALTER DOMAIN email DROP CONSTRAINT c", "alter-domain medium email"),
    ("ALTER FUNCTION app.f(int) STABLE", "alter-function medium app.f"),
    ("ALTER FUNCTION f(int) OWNER TO joe", "alter-function medium f"),
    ("ALTER SCHEMA a RENAME TO b", "alter-schema medium a"),
    (
        "ALTER EXTENSION postgis UPDATE",
        "alter-extension medium postgis | not analysed: the update script of extension postgis",
    ),
    ("ALTER TRIGGER t ON orders RENAME TO u", "alter-trigger medium t, orders"),
    ("ALTER POLICY own ON orders USING (true)", "alter-policy medium own, orders"),
    ("ALTER PUBLICATION pub ADD TABLE t", "alter-publication medium pub"),
    (
        "ALTER SUBSCRIPTION sub REFRESH PUBLICATION",
        "alter-subscription medium sub | never ALTER SUBSCRIPTION … REFRESH PUBLICATION",
    ),
    ("ALTER SUBSCRIPTION sub SET PUBLICATION p WITH (refresh = false)", "alter-subscription medium sub"),
    ("ALTER SUBSCRIPTION sub DISABLE", "alter-subscription medium sub"),
    ("ALTER ROLE joe SET work_mem = '1GB'", "alter-role medium joe"),
    ("ALTER DATABASE shop SET work_mem = '1GB'", "alter-database medium shop"),
    (
        "ALTER DATABASE shop SET TABLESPACE fast",
        "alter-database medium shop | never ALTER DATABASE SET TABLESPACE",
    ),
    ("ALTER SYSTEM SET work_mem = '1GB'", "alter-system medium work_mem | never ALTER SYSTEM"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO joe", "alter-default-privileges medium"),
    ("ALTER SERVER far OPTIONS (ADD host 'x')", "alter-other medium far"),
    ("ALTER TEXT SEARCH CONFIGURATION c ADD MAPPING FOR word WITH simple", "alter-other medium c"),
    ("ALTER TABLE IF EXISTS ONLY a.b ALTER COLUMN c TYPE bigint", "alter-table high a.b"),
];

const DROPPING: &[(&str, &str)] = &[
    ("DROP TABLE orders", "drop-table high orders | destroys table orders"),
    (
        "DROP TABLE IF EXISTS a, public.b CASCADE",
        "drop-table high a, public.b | destroys table a, table public.b",
    ),
    ("DROP FOREIGN TABLE remote", "drop-foreign-table medium remote | destroys foreign table remote"),
    ("DROP INDEX orders_idx", "drop-index high orders_idx | destroys index orders_idx"),
    (
        "DROP INDEX CONCURRENTLY app.orders_idx",
        "drop-index high app.orders_idx | destroys index app.orders_idx | never DROP INDEX CONCURRENTLY",
    ),
    ("DROP VIEW v", "drop-view medium v | destroys view v"),
    ("DROP VIEW v CASCADE", "drop-view high v | destroys view v"),
    ("DROP MATERIALIZED VIEW m", "drop-materialized-view high m | destroys materialized view m"),
    ("DROP SEQUENCE s", "drop-sequence high s | destroys sequence s"),
    ("DROP TYPE mood", "drop-type medium mood | destroys type mood"),
    ("DROP TYPE mood CASCADE", "drop-type high mood | destroys type mood"),
    ("DROP DOMAIN email", "drop-domain medium email | destroys domain email"),
    ("DROP SCHEMA app", "drop-schema high app | destroys schema app"),
    ("DROP FUNCTION app.f(int), g", "drop-function medium app.f, g | destroys function app.f, function g"),
    ("DROP PROCEDURE p", "drop-function medium p | destroys procedure p"),
    (
        "DROP TRIGGER audit ON app.orders",
        "drop-trigger medium audit, app.orders | destroys trigger audit on app.orders",
    ),
    ("DROP RULE quiet ON orders", "drop-rule medium quiet, orders | destroys rule quiet on orders"),
    ("DROP POLICY own ON orders", "drop-policy medium own, orders | destroys policy own on orders"),
    ("DROP EXTENSION postgis", "drop-extension medium postgis | destroys extension postgis"),
    ("DROP EXTENSION postgis CASCADE", "drop-extension high postgis | destroys extension postgis"),
    ("DROP STATISTICS s", "drop-statistics medium s | destroys statistics s"),
    ("DROP EVENT TRIGGER watch", "drop-event-trigger medium watch | destroys event trigger watch"),
    ("DROP PUBLICATION pub", "drop-publication medium pub | destroys publication pub"),
    (
        "DROP SUBSCRIPTION sub",
        "drop-subscription medium sub | destroys subscription sub | never DROP SUBSCRIPTION",
    ),
    ("DROP ROLE joe, ann", "drop-role medium joe, ann | destroys role joe, role ann"),
    ("DROP OWNED BY joe", "drop-owned high joe | destroys objects owned by joe"),
    ("DROP DATABASE shop", "drop-database high shop | destroys database shop | never DROP DATABASE"),
    (
        "DROP TABLESPACE fast",
        "drop-tablespace medium fast | destroys tablespace fast | never DROP TABLESPACE",
    ),
    ("DROP CAST (int AS mood)", "drop-other medium int4 AS mood | destroys cast int4 AS mood"),
    ("DROP OPERATOR CLASS oc USING btree", "drop-other medium btree.oc | destroys opclass btree.oc"),
    ("DROP USER MAPPING FOR joe SERVER far", "drop-other medium far | destroys user mapping far"),
];

const READING_AND_WRITING: &[(&str, &str)] = &[
    ("INSERT INTO orders VALUES (1)", "insert low orders"),
    ("INSERT INTO orders SELECT * FROM old", "insert low orders"),
    ("INSERT INTO orders VALUES (1) ON CONFLICT DO NOTHING", "insert low orders"),
    ("INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", "insert medium orders"),
    (
        "WITH gone AS (DELETE FROM orders RETURNING *) INSERT INTO archive SELECT * FROM gone",
        "delete high archive, orders | destroys rows of orders",
    ),
    (
        "INSERT INTO archive WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone",
        "delete high archive, orders | destroys rows of orders",
    ),
    ("UPDATE orders SET a = 1 WHERE id = 2", "update medium orders"),
    ("UPDATE orders SET a = 1", "update medium orders"),
    ("DELETE FROM public.orders WHERE id = 2", "delete high public.orders | destroys rows of public.orders"),
    ("DELETE FROM orders", "delete high orders | destroys rows of orders"),
    (
        "TRUNCATE orders, items CASCADE",
        "truncate high orders, items | destroys rows of orders, rows of items",
    ),
    (
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "merge low t",
    ),
    ("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = 1", "merge medium t"),
    (
        "MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
        "merge high t | destroys rows of t",
    ),
    ("SELECT 1", "select low"),
    ("VALUES (1), (2)", "select low"),
    ("TABLE orders", "select low orders"),
    (
        "SELECT count(*), max(a) FROM app.orders o JOIN items USING (id) WHERE now() > a",
        "select low app.orders, items",
    ),
    ("SELECT 'DROP TABLE orders'", "select low"),
    ("WITH x AS (SELECT 1) SELECT * FROM x", "select low"),
    (
        "WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone",
        "delete high orders | destroys rows of orders",
    ),
    ("WITH x AS (UPDATE orders SET a = 1 RETURNING *) SELECT * FROM x", "update medium orders"),
    (
        "WITH x AS (INSERT INTO orders VALUES (1) RETURNING *), y AS (DELETE FROM items RETURNING *) SELECT 1",
        "delete high items, orders | destroys rows of items",
    ),
    ("SELECT create_hypertable('a', 'b')", "select medium | not analysed: function create_hypertable"),
    ("SELECT setval('s', 1), app.purge()", "select medium | not analysed: function app.purge and 1 more"),
    ("SELECT * FROM drop_chunks('x')", "select medium | not analysed: function drop_chunks"),
    ("SELECT pg_catalog.now()", "select low"),
    ("EXPLAIN DELETE FROM orders", "explain low orders"),
    ("EXPLAIN ANALYZE DELETE FROM orders", "delete high orders | destroys rows of orders"),
    ("EXPLAIN (ANALYZE off) DELETE FROM orders", "explain low orders"),
    ("EXPLAIN (ANALYZE, VERBOSE) UPDATE orders SET a = 1 WHERE b", "update medium orders"),
    ("EXPLAIN ANALYZE SELECT 1", "explain low"),
    ("PREPARE p AS DELETE FROM orders", "delete high orders | destroys rows of orders"),
    ("PREPARE p AS SELECT 1", "prepare low"),
    ("EXECUTE p", "execute medium p | not analysed: EXECUTE of p"),
    ("DEALLOCATE p", "deallocate low p"),
    ("DECLARE c CURSOR FOR SELECT * FROM orders", "cursor low orders"),
    ("COPY orders FROM '/tmp/x'", "copy-from medium orders"),
    ("COPY orders FROM PROGRAM 'cat x'", "copy-from medium orders"),
    ("COPY orders TO '/tmp/x'", "copy-to medium orders"),
    ("COPY (DELETE FROM orders RETURNING *) TO '/tmp/x'", "delete high orders | destroys rows of orders"),
    ("COPY (SELECT 1) TO PROGRAM 'cat'", "copy-to medium"),
];

const EVERYTHING_ELSE: &[(&str, &str)] = &[
    ("CALL app.purge(1)", "call medium app.purge | not analysed: CALL of app.purge"),
    ("DO $$ BEGIN DROP TABLE x; END $$", "do-block medium | not analysed: DO block"),
    ("LOAD 'auto_explain'", "load medium auto_explain | not analysed: LOAD of a library"),
    ("GRANT SELECT ON orders, app.items TO joe", "grant medium orders, app.items"),
    ("GRANT SELECT ON ALL TABLES IN SCHEMA app TO joe", "grant medium app"),
    ("REVOKE ALL ON orders FROM PUBLIC", "revoke medium orders"),
    ("GRANT admin TO joe", "grant medium admin"),
    ("REASSIGN OWNED BY joe TO ann", "reassign-owned medium joe"),
    ("COMMENT ON TABLE app.orders IS 'x'", "comment low app.orders"),
    ("COMMENT ON COLUMN app.orders.id IS 'x'", "comment low app.orders.id"),
    ("COMMENT ON TRIGGER t ON app.orders IS 'x'", "comment low t, app.orders"),
    ("SECURITY LABEL ON TABLE orders IS 'x'", "security-label medium orders"),
    ("ANALYZE orders", "analyze low orders"),
    ("VACUUM", "vacuum low | never VACUUM"),
    ("VACUUM FULL orders", "vacuum medium orders | never VACUUM"),
    ("VACUUM (FULL off) orders", "vacuum low orders | never VACUUM"),
    ("CLUSTER", "cluster medium | never CLUSTER of every table"),
    ("CLUSTER orders USING orders_idx", "cluster medium orders"),
    ("REINDEX TABLE orders", "reindex medium orders"),
    ("REINDEX TABLE CONCURRENTLY orders", "reindex medium orders | never REINDEX CONCURRENTLY"),
    ("REINDEX (CONCURRENTLY) INDEX orders_idx", "reindex medium orders_idx | never REINDEX CONCURRENTLY"),
    ("REINDEX (CONCURRENTLY off) INDEX orders_idx", "reindex medium orders_idx"),
    ("REINDEX SCHEMA app", "reindex medium app | never REINDEX SCHEMA"),
    ("REINDEX DATABASE shop", "reindex medium shop | never REINDEX DATABASE"),
    ("REINDEX SYSTEM shop", "reindex medium shop | never REINDEX SYSTEM"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY m", "refresh-materialized-view medium m"),
    ("CHECKPOINT", "checkpoint medium"),
    ("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", "lock medium orders"),
    ("SET search_path = app", "set low search_path"),
    ("SET LOCAL lock_timeout = '1s'", "set low lock_timeout"),
    ("SET lock_timeout = 0", "set medium lock_timeout"),
    ("SET statement_timeout = '0s'", "set medium statement_timeout"),
    ("SET lock_timeout TO DEFAULT", "set medium lock_timeout"),
    ("SET statement_timeout = '10min'", "set low statement_timeout"),
    ("SET ROLE joe", "set medium role"),
    ("SET SESSION AUTHORIZATION joe", "set medium session_authorization"),
    ("SET session_replication_role = replica", "set medium session_replication_role"),
    ("SET TIME ZONE 'UTC'", "set low timezone"),
    ("RESET ALL", "set medium ALL"),
    ("SET CONSTRAINTS ALL DEFERRED", "set-constraints low"),
    ("SHOW work_mem", "show low work_mem"),
    ("DISCARD ALL", "discard medium | never DISCARD ALL"),
    ("DISCARD TEMP", "discard medium"),
    ("NOTIFY changed, 'x'", "notify low changed"),
    ("LISTEN changed", "listen low changed"),
];
