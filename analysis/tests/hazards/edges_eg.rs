//! Edges of the rules about data, running code and design that no example shows.

use pgbelay_analysis::{Catalog, Options};

use crate::example::findings;

/// Schemas, which most cases start from.
const TABLES: &str = "
    CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, email varchar(50));
    CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, status text DEFAULT 'new',
        note text, total numeric(10,4), at timestamptz, n integer NOT NULL DEFAULT 0);
    CREATE INDEX orders_customer_id_idx ON orders (customer_id);
    ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id);
    CREATE VIEW open_orders AS SELECT id, note FROM orders WHERE status = 'new';
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
    CREATE DOMAIN short AS text CHECK (length(value) < 100);
    CREATE TABLE labels (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label short);
    CREATE SEQUENCE numbers;
    CREATE FUNCTION net(total numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT total / 1.2 $$;
    CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
    CREATE SCHEMA other;
";

/// The last script of a chain (after [`TABLES`]) has these hazards, and does not have those.
type Case = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

fn check(cases: &[Case]) {
    let mut wrong = String::new();
    for (chain, present, absent) in cases {
        let mut catalog = Catalog::fresh();
        let setup = findings(TABLES, &mut catalog, Options::default());
        assert!(!setup.is_empty());
        let mut found = Vec::new();
        for script in *chain {
            found = findings(script, &mut catalog, Options::default());
        }
        let has = |id: &&&str| found.iter().any(|hazard| hazard.id == **id);
        let missing: Vec<_> = present.iter().filter(|id| !has(id)).collect();
        let false_alarms: Vec<_> = absent.iter().filter(|id| has(id)).collect();
        if !missing.is_empty() || !false_alarms.is_empty() {
            let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
            wrong.push_str(&format!(
                "{chain:?}\n  missing {missing:?}, false {false_alarms:?} in\n    {}\n",
                shown.join("\n    ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn tables_and_columns_that_go() {
    const T: &[&str] = &["drop-table"];
    const C: &[&str] = &["drop-column"];
    check(&[
        (&["DROP TABLE orders CASCADE"], T, C),
        (&["DROP TABLE people, labels"], T, &[]),
        (&["CREATE TABLE x (id bigint PRIMARY KEY)", "DROP TABLE x"], T, &[]),
        (&["CREATE TABLE x (id bigint PRIMARY KEY); DROP TABLE x"], &[], T),
        (&["DROP TABLE IF EXISTS nowhere"], &[], T),
        (&["CREATE TEMP TABLE x (id bigint); DROP TABLE x"], &[], T),
        (&["DROP VIEW open_orders"], &[], T),
        (&["ALTER TABLE orders DROP COLUMN note CASCADE"], C, &["drop-view"]),
        (&["ALTER TABLE orders ADD COLUMN x text; ALTER TABLE orders DROP COLUMN x"], &[], C),
        (&["ALTER TABLE orders DROP COLUMN IF EXISTS nowhere"], &[], C),
        (&["CREATE TABLE x (id bigint, a text); ALTER TABLE x DROP COLUMN a"], &[], C),
        (
            &[
                "CREATE TYPE pair AS (a text, b text); CREATE TABLE pairs (id bigint PRIMARY KEY, p pair)",
                "ALTER TYPE pair DROP ATTRIBUTE b",
            ],
            C,
            T,
        ),
        (&["CREATE TYPE pair AS (a text, b text)", "ALTER TYPE pair DROP ATTRIBUTE b"], &[], C),
    ]);
}

#[test]
fn whole_schemas_and_databases_that_go() {
    const S: &[&str] = &["drop-schema"];
    check(&[
        (&["CREATE TABLE other.a (id bigint PRIMARY KEY)", "DROP SCHEMA other CASCADE"], S, &["drop-table"]),
        (&["DROP SCHEMA other CASCADE"], &[], S),
        (&["DROP SCHEMA other"], &[], S),
        (&["CREATE SCHEMA fresh; CREATE TABLE fresh.a (id bigint); DROP SCHEMA fresh CASCADE"], &[], S),
        (&["DROP DATABASE \"Old One\""], &["drop-database"], &[]),
        (&["SELECT 'drop database x'"], &[], &["drop-database"]),
        (&["DROP TABLE people"], &[], &["drop-database"]),
        (&["DROP OWNED BY alice CASCADE"], &["drop-owned"], &[]),
        (&["REASSIGN OWNED BY alice TO bob"], &["change-privileges"], &["drop-owned"]),
        (&["DROP ROLE alice"], &["change-privileges"], &["drop-owned"]),
    ]);
}

#[test]
fn rows_that_go() {
    const T: &[&str] = &["truncate"];
    const D: &[&str] = &["delete-without-where"];
    const U: &[&str] = &["update-without-where"];
    check(&[
        (&["TRUNCATE orders"], T, D),
        (&["CREATE TABLE x (id bigint); TRUNCATE x"], &[], T),
        (&["CREATE TEMP TABLE x (id bigint); TRUNCATE x"], &[], T),
        (&["DELETE FROM orders WHERE true"], D, &["unbatched-backfill"]),
        (&["DELETE FROM orders WHERE 1 = 1"], D, &[]),
        (
            &[
                "CREATE TABLE old (LIKE orders)",
                "WITH d AS (DELETE FROM orders RETURNING *) INSERT INTO old SELECT * FROM d",
            ],
            D,
            &[],
        ),
        (&["DELETE FROM orders USING customers WHERE customers.id = customer_id"], &[], D),
        (&["CREATE TEMP TABLE x (id bigint); DELETE FROM x"], &[], D),
        (&["CREATE TABLE x (id bigint); DELETE FROM x"], &[], D),
        (&["EXPLAIN DELETE FROM orders"], &[], D),
        (&["EXPLAIN ANALYZE DELETE FROM orders"], D, &[]),
        (&["UPDATE orders SET note = '' WHERE true"], U, &["unbatched-backfill"]),
        (&["ALTER TABLE orders ADD COLUMN x text; UPDATE orders SET x = 'a'"], &["unbatched-backfill"], U),
        (&["UPDATE orders SET note = '' WHERE id = 1"], &[], U),
        (&["CREATE TABLE x (id bigint, a text); UPDATE x SET a = ''"], &[], U),
    ]);
}

#[test]
fn what_goes_with_other_objects() {
    check(&[
        (&["DROP MATERIALIZED VIEW totals"], &["drop-materialized-view"], &[]),
        (&["REFRESH MATERIALIZED VIEW totals WITH NO DATA"], &["drop-materialized-view"], &[]),
        (&["REFRESH MATERIALIZED VIEW totals"], &[], &["drop-materialized-view"]),
        (
            &["DROP MATERIALIZED VIEW totals; CREATE MATERIALIZED VIEW totals AS SELECT id FROM orders"],
            &[],
            &["drop-materialized-view"],
        ),
        (
            &["CREATE MATERIALIZED VIEW x AS SELECT 1 AS a; DROP MATERIALIZED VIEW x"],
            &[],
            &["drop-materialized-view"],
        ),
        (&["DROP DOMAIN short CASCADE"], &["drop-type-cascade"], &["drop-column"]),
        (&["CREATE TYPE unused AS ENUM ('a')", "DROP TYPE unused CASCADE"], &[], &["drop-type-cascade"]),
        (&["DROP TYPE IF EXISTS nowhere CASCADE"], &[], &["drop-type-cascade"]),
        (
            &["CREATE TYPE x AS ENUM ('a'); CREATE TABLE t (a x); DROP TYPE x CASCADE"],
            &[],
            &["drop-type-cascade"],
        ),
        (&["CREATE EXTENSION pgcrypto", "DROP EXTENSION pgcrypto CASCADE"], &["drop-extension-cascade"], &[]),
        (&["CREATE EXTENSION pgcrypto", "DROP EXTENSION pgcrypto"], &[], &["drop-extension-cascade"]),
        (&["CREATE EXTENSION pgcrypto; DROP EXTENSION pgcrypto CASCADE"], &[], &["drop-extension-cascade"]),
        (&["DROP SEQUENCE numbers"], &["drop-sequence"], &[]),
        (&["CREATE SEQUENCE x; DROP SEQUENCE x"], &[], &["drop-sequence"]),
        (&["DROP SEQUENCE IF EXISTS nowhere"], &[], &["drop-sequence"]),
        (&["DROP TABLE labels"], &[], &["drop-sequence"]),
        (
            &["CREATE INDEX orders_net ON orders (net(total))", "DROP FUNCTION net(numeric) CASCADE"],
            &["drop-function-cascade"],
            &["drop-function"],
        ),
        (&["DROP FUNCTION net(numeric) CASCADE"], &["drop-function"], &["drop-function-cascade"]),
        (&["DROP FUNCTION net"], &["drop-function"], &["drop-function-cascade"]),
    ]);
}

#[test]
fn values_that_a_type_change_loses() {
    // The server refuses to change what views read.
    const FREE: &str = "DROP MATERIALIZED VIEW totals; DROP VIEW open_orders";
    const L: &[&str] = &["lossy-type-change"];
    check(&[
        (&[FREE, "ALTER TABLE orders ALTER total TYPE integer"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER at TYPE timestamp"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER at TYPE timestamptz(0)"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER at TYPE date"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER note TYPE varchar(3) USING note::varchar(3)"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER note TYPE varchar(3) USING left(note, 3)"], L, &[]),
        (&[FREE, "ALTER TABLE orders ALTER note TYPE varchar(3)"], &["alter-type-clients"], L),
        (&[FREE, "ALTER TABLE orders ALTER total TYPE numeric(12,4)"], &[], L),
        (&[FREE, "ALTER TABLE orders ALTER n TYPE bigint USING n::bigint"], &["alter-type-clients"], L),
        (&[FREE, "ALTER TABLE orders ALTER note TYPE jsonb USING note::jsonb"], &["alter-type-clients"], L),
        (&["CREATE TABLE x (a numeric(10,4)); ALTER TABLE x ALTER a TYPE numeric(10,2)"], &[], L),
    ]);
}

#[test]
fn what_goes_with_a_column() {
    const I: &[&str] = &["drop-column-drops-index"];
    const C: &[&str] = &["drop-column-drops-constraint"];
    check(&[
        (
            &[
                "CREATE INDEX o ON orders (note) WHERE status = 'new'",
                "ALTER TABLE orders DROP COLUMN status CASCADE",
            ],
            I,
            C,
        ),
        (&["CREATE INDEX o ON orders (note)", "ALTER TABLE orders DROP COLUMN note CASCADE"], &[], I),
        (
            &["CREATE INDEX o ON orders (n, at)", "ALTER TABLE orders DROP COLUMN n, DROP COLUMN at"],
            &["drop-column"],
            I,
        ),
        (&["CREATE TABLE x (a int, b int); CREATE INDEX ON x (a, b); ALTER TABLE x DROP COLUMN b"], &[], I),
        (&["ALTER TABLE orders ADD CHECK (n > total)", "ALTER TABLE orders DROP COLUMN n"], C, I),
        (&["ALTER TABLE orders ADD CHECK (n > 0)", "ALTER TABLE orders DROP COLUMN n"], &[], C),
        (
            &[
                "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (n, at)",
                "ALTER TABLE orders DROP CONSTRAINT u; ALTER TABLE orders DROP COLUMN n",
            ],
            &["drop-constraint"],
            C,
        ),
        (&["CREATE TABLE x (a int, b int, UNIQUE (a, b)); ALTER TABLE x DROP COLUMN b"], &[], C),
    ]);
}

#[test]
fn promises_that_are_given_up() {
    const C: &[&str] = &["drop-constraint"];
    const N: &[&str] = &["drop-not-null"];
    const D: &[&str] = &["drop-default"];
    const I: &[&str] = &["drop-index"];
    check(&[
        (&["ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey"], C, &[]),
        (
            &["ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
               ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE NOT VALID"],
            &["on-delete-cascade"],
            C,
        ),
        (&["ALTER TABLE orders DROP CONSTRAINT IF EXISTS nowhere"], &[], C),
        (
            &[
                "ALTER TABLE customers ADD CONSTRAINT c CHECK (name IS NOT NULL)",
                "ALTER TABLE customers DROP CONSTRAINT c",
            ],
            &[],
            C,
        ),
        (
            &["ALTER TABLE orders ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE orders DROP CONSTRAINT c"],
            &[],
            C,
        ),
        (&["ALTER TABLE orders ALTER n DROP NOT NULL"], N, &[]),
        (&["ALTER TABLE orders ALTER note DROP NOT NULL"], &[], N),
        (
            &["ALTER TABLE orders ADD COLUMN x int NOT NULL DEFAULT 1; ALTER TABLE orders ALTER x DROP NOT NULL"],
            &[],
            N,
        ),
        (
            &[
                "ALTER TABLE orders ADD CONSTRAINT c CHECK (n IS NOT NULL)",
                "ALTER TABLE orders ALTER n DROP NOT NULL",
            ],
            &[],
            N,
        ),
        (&["ALTER TABLE orders ALTER status DROP DEFAULT"], D, &[]),
        (&["ALTER TABLE orders ALTER note DROP DEFAULT"], &[], D),
        (
            &["ALTER TABLE orders ADD COLUMN x int DEFAULT 1; ALTER TABLE orders ALTER x DROP DEFAULT"],
            &[],
            D,
        ),
        (
            &["ALTER TABLE orders ALTER status DROP DEFAULT, ALTER status TYPE varchar, ALTER status SET DEFAULT 'x'"],
            &[],
            D,
        ),
        (&["DROP INDEX CONCURRENTLY orders_customer_id_idx"], I, &[]),
        (
            &["CREATE INDEX wide ON orders (customer_id, status)", "DROP INDEX orders_customer_id_idx"],
            &[],
            I,
        ),
        (&["CREATE INDEX x ON orders (n); DROP INDEX x"], &[], I),
        (
            &["DROP INDEX orders_customer_id_idx; CREATE INDEX again ON orders (customer_id, at)"],
            &[],
            I,
        ),
        (&["DROP INDEX IF EXISTS nowhere"], &[], I),
    ]);
}

#[test]
fn rows_that_a_foreign_key_deletes() {
    const O: &[&str] = &["on-delete-cascade"];
    check(&[
        (
            &["ALTER TABLE orders ADD FOREIGN KEY (n) REFERENCES people ON DELETE SET NULL NOT VALID"],
            O,
            &[],
        ),
        (&["ALTER TABLE orders ADD FOREIGN KEY (n) REFERENCES people NOT VALID"], &[], O),
        (&["CREATE TABLE x (id bigint PRIMARY KEY REFERENCES orders ON DELETE CASCADE)"], &[], O),
        (
            &[
                "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES people ON DELETE CASCADE",
                "ALTER TABLE orders ADD CONSTRAINT g FOREIGN KEY (n) REFERENCES people ON DELETE CASCADE NOT VALID;
                 ALTER TABLE orders DROP CONSTRAINT f",
            ],
            &[],
            &["on-delete-cascade", "new-write-restriction", "drop-constraint"],
        ),
    ]);
}

#[test]
fn names_that_change() {
    check(&[
        (&["ALTER TABLE people RENAME TO persons"], &["rename-table"], &["rename-object"]),
        (
            &["ALTER TABLE people RENAME TO persons; CREATE VIEW people AS SELECT id FROM persons"],
            &["rename-table"],
            &[],
        ),
        (
            &["ALTER TABLE people RENAME TO persons; CREATE VIEW people AS SELECT * FROM persons"],
            &[],
            &["rename-table"],
        ),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x RENAME TO y"], &[], &["rename-table"]),
        (&["ALTER TABLE open_orders RENAME TO fresh_orders"], &["rename-object"], &["rename-table"]),
        (&["ALTER TABLE orders RENAME note TO remark"], &["rename-column", "cached-plan-invalidated"], &[]),
        (&["ALTER VIEW open_orders RENAME COLUMN note TO remark"], &["rename-column"], &[]),
        (&["ALTER TABLE orders ADD COLUMN x int; ALTER TABLE orders RENAME x TO y"], &[], &["rename-column"]),
        (&["CREATE TABLE x (a int); ALTER TABLE x RENAME a TO b"], &[], &["rename-column"]),
        (&["ALTER SEQUENCE numbers RENAME TO digits"], &["rename-object"], &[]),
        (&["ALTER FUNCTION net(numeric) RENAME TO netto"], &["rename-object"], &[]),
        (&["ALTER TYPE mood RENAME TO feeling"], &["rename-object"], &[]),
        (&["ALTER TABLE orders RENAME CONSTRAINT orders_pkey TO pk"], &["rename-object"], &[]),
        (&["ALTER INDEX orders_customer_id_idx RENAME TO x"], &[], &["rename-object"]),
        (
            &["ALTER VIEW open_orders RENAME TO x; CREATE VIEW open_orders AS SELECT * FROM x"],
            &[],
            &["rename-object"],
        ),
        (&["CREATE VIEW x AS SELECT 1 AS a; ALTER VIEW x RENAME TO y"], &[], &["rename-object"]),
        (&["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"], &["rename-enum-value"], &[]),
        (&["CREATE TYPE x AS ENUM ('a'); ALTER TYPE x RENAME VALUE 'a' TO 'b'"], &[], &["rename-enum-value"]),
        (&["ALTER TYPE mood ADD VALUE 'blue'"], &["enum-add-value"], &["rename-enum-value"]),
        (&["ALTER SCHEMA public RENAME TO main"], &["rename-schema"], &[]),
        (&["ALTER SCHEMA other RENAME TO another"], &[], &["rename-schema"]),
        (
            &["CREATE SCHEMA x; CREATE TABLE x.a (id bigint); ALTER SCHEMA x RENAME TO y"],
            &[],
            &["rename-schema"],
        ),
        (&["ALTER FUNCTION net(numeric) SET SCHEMA other"], &["set-schema"], &[]),
        (
            &[
                "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION x() SET SCHEMA other",
            ],
            &[],
            &["set-schema", "rename-object", "change-privileges"],
        ),
        (
            &["CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION x() RENAME TO y;
               ALTER FUNCTION y() OWNER TO alice"],
            &[],
            &["rename-object"],
        ),
        (
            &["CREATE TYPE x AS ENUM ('a'); ALTER TYPE x OWNER TO alice; ALTER TYPE x RENAME TO y"],
            &[],
            &["rename-object", "change-privileges"],
        ),
        (&["ALTER TABLE orders SET SCHEMA public"], &[], &["set-schema"]),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x SET SCHEMA other"], &[], &["set-schema"]),
        (&["ALTER TYPE mood SET SCHEMA other"], &["set-schema"], &[]),
    ]);
}

#[test]
fn writes_that_fail() {
    const A: &[&str] = &["add-required-column"];
    const W: &[&str] = &["new-write-restriction"];
    check(&[
        (
            &[
                "ALTER TABLE orders ADD COLUMN x int NOT NULL DEFAULT 1; ALTER TABLE orders ALTER x DROP DEFAULT",
            ],
            A,
            &["drop-default"],
        ),
        (&["ALTER TABLE orders ADD COLUMN x int; ALTER TABLE orders ALTER x SET NOT NULL"], A, W),
        (&["ALTER TABLE orders ADD COLUMN x bigserial NOT NULL"], &[], A),
        (&["ALTER TABLE orders ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY"], &[], A),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x ADD COLUMN a int NOT NULL"], &[], A),
        (&["ALTER TABLE orders ADD COLUMN x int"], &["cached-plan-select-star"], A),
        (&["CREATE UNIQUE INDEX CONCURRENTLY u ON orders (note)"], W, &[]),
        (&["ALTER TABLE orders ALTER note SET NOT NULL"], W, A),
        (&["ALTER DOMAIN short ADD CHECK (value <> '') NOT VALID"], W, &[]),
        (&["CREATE INDEX i ON orders (note)"], &[], W),
        (&["ALTER TABLE orders ADD COLUMN x int CHECK (x > 0)"], &[], W),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x ADD CHECK (id > 0)"], &[], W),
        (&["CREATE UNIQUE INDEX u ON orders (note)", "ALTER TABLE orders ADD UNIQUE USING INDEX u"], &[], W),
        (
            &[
                "ALTER TABLE orders ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID",
                "ALTER TABLE orders ALTER note SET NOT NULL",
            ],
            &[],
            W,
        ),
        (
            &[
                "ALTER TABLE orders ADD CONSTRAINT c CHECK (status IN ('a', 'b'))",
                "ALTER TABLE orders DROP CONSTRAINT c, ADD CONSTRAINT d CHECK (status IN ('a', 'b', 'c')) NOT VALID",
            ],
            &[],
            &["new-write-restriction", "drop-constraint"],
        ),
        (&["ALTER TABLE orders ADD CHECK (n > 0) NOT ENFORCED"], &[], W),
    ]);
}

#[test]
fn types_as_clients_see_them() {
    const T: &[&str] = &["alter-type-clients"];
    const P: &[&str] = &["cached-plan-invalidated"];
    const S: &[&str] = &["cached-plan-select-star"];
    check(&[
        (&["ALTER TABLE orders ALTER n TYPE bigint"], T, S),
        (&["ALTER TABLE customers ALTER email TYPE varchar(20)"], T, &[]),
        (&["ALTER TABLE customers ALTER email TYPE text"], P, T),
        (&["ALTER TABLE customers ALTER email TYPE varchar(90)"], P, T),
        (&["ALTER TABLE orders ADD COLUMN x int; ALTER TABLE orders ALTER x TYPE bigint"], &[], T),
        (&["ALTER TABLE orders DROP COLUMN at"], P, S),
        (&["ALTER TABLE orders ALTER n TYPE integer"], &[], P),
        (&["ALTER TABLE orders ALTER note SET DEFAULT ''"], &[], P),
        (&["CREATE TABLE x (a int); ALTER TABLE x ALTER a TYPE bigint"], &[], P),
        (&["CREATE TABLE x (a int); ALTER TABLE x ADD COLUMN b int"], &[], S),
        (&["ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text"], &[], S),
        (&["ALTER TABLE orders ADD COLUMN x int"], S, P),
    ]);
}

#[test]
fn views_and_functions() {
    check(&[
        (&["DROP VIEW open_orders CASCADE"], &["drop-view"], &[]),
        (
            &["DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id FROM orders"],
            &["drop-view"],
            &[],
        ),
        (
            &["DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id, note, n FROM orders"],
            &[],
            &["drop-view"],
        ),
        (&["CREATE VIEW x AS SELECT 1 AS a; DROP VIEW x"], &[], &["drop-view"]),
        (&["ALTER VIEW open_orders SET (security_barrier = true)"], &["replace-view"], &[]),
        (&["CREATE OR REPLACE VIEW fresh AS SELECT 1 AS a"], &[], &["replace-view"]),
        (
            &["CREATE VIEW x AS SELECT 1 AS a; CREATE OR REPLACE VIEW x AS SELECT 1 AS a, 2 AS b"],
            &[],
            &["replace-view"],
        ),
        (
            &["DROP FUNCTION net(numeric);
               CREATE FUNCTION net(amount numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT 1.0 $$"],
            &[],
            &["drop-function"],
        ),
        (
            &[
                "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
                "DROP FUNCTION t()",
            ],
            &[],
            &["drop-function"],
        ),
        (&["DROP FUNCTION IF EXISTS nowhere(int)"], &[], &["drop-function"]),
        (&["ALTER FUNCTION net(numeric) VOLATILE"], &["replace-function"], &[]),
        (
            &["CREATE OR REPLACE FUNCTION net(total numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT total / 1.2 $$"],
            &[],
            &["replace-function"],
        ),
        (
            &["CREATE OR REPLACE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
            &[],
            &["replace-function"],
        ),
    ]);
}

#[test]
fn rights_triggers_and_policies() {
    const D: &[&str] = &["disable-trigger"];
    const R: &[&str] = &["row-level-security-without-policy"];
    check(&[
        (&["ALTER TABLE orders OWNER TO alice"], &["change-privileges"], &[]),
        (&["ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM alice"], &["change-privileges"], &[]),
        (&["CREATE TABLE x (id bigint); GRANT SELECT ON x TO alice"], &[], &["change-privileges"]),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x OWNER TO alice"], &[], &["change-privileges"]),
        (&["SET LOCAL session_replication_role = replica"], D, &["session-setting"]),
        (&["ALTER TABLE people DISABLE TRIGGER ALL"], &[], D),
        (&["ALTER TABLE orders DISABLE TRIGGER USER"], &[], D),
        (&["ALTER TABLE customers DISABLE TRIGGER ALL"], D, &[]),
        (&["ALTER TABLE orders ENABLE TRIGGER ALL"], &[], D),
        (&["CREATE TABLE x (id bigint REFERENCES orders); ALTER TABLE x DISABLE TRIGGER ALL"], &[], D),
        (&["ALTER TABLE orders ENABLE ROW LEVEL SECURITY"], R, &[]),
        (&["ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON orders USING (true)"], &[], R),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x ENABLE ROW LEVEL SECURITY"], &[], R),
        (
            &[
                "CREATE POLICY p ON orders USING (true); ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
                "DROP POLICY p ON orders",
            ],
            R,
            &[],
        ),
    ]);
}

#[test]
fn defaults_and_numbers() {
    const D: &[&str] = &["change-default"];
    const S: &[&str] = &["change-sequence"];
    const E: &[&str] = &["enum-add-value"];
    check(&[
        (&["ALTER TABLE orders ALTER status SET DEFAULT 'old'"], D, &["drop-default"]),
        (&["ALTER TABLE orders ALTER status SET DEFAULT 'new'"], &[], D),
        (&["ALTER TABLE orders ALTER note SET DEFAULT ''"], &[], D),
        (
            &["ALTER TABLE orders ADD COLUMN x int DEFAULT 1; ALTER TABLE orders ALTER x SET DEFAULT 2"],
            &[],
            D,
        ),
        (&["ALTER SEQUENCE numbers INCREMENT BY 10"], S, &[]),
        (&["ALTER TABLE labels ALTER id RESTART WITH 5"], S, &[]),
        (&["TRUNCATE labels RESTART IDENTITY"], S, &[]),
        (&["ALTER SEQUENCE numbers CACHE 100"], &[], S),
        (&["ALTER SEQUENCE numbers OWNED BY orders.n"], &[], S),
        (&["CREATE SEQUENCE x; ALTER SEQUENCE x RESTART"], &[], S),
        (&["TRUNCATE labels"], &["truncate"], S),
        (&["ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok'"], &[], E),
        (&["CREATE TYPE unused AS ENUM ('a')", "ALTER TYPE unused ADD VALUE 'b'"], &[], E),
        (&["CREATE TYPE x AS ENUM ('a'); ALTER TYPE x ADD VALUE 'b'"], &[], E),
    ]);
}

#[test]
fn statements_about_rows() {
    const B: &[&str] = &["unbatched-backfill"];
    const T: &[&str] = &["backfill-in-ddl-transaction"];
    check(&[
        (
            &[
                "UPDATE orders SET note = '' WHERE id IN (SELECT id FROM orders WHERE note IS NULL LIMIT 1000)",
            ],
            &[],
            B,
        ),
        (&["UPDATE orders SET note = '' WHERE id >= 1 AND id < 1000 AND note IS NULL"], &[], B),
        (&["UPDATE orders SET note = '' WHERE id IN (1, 2, 3)"], &[], B),
        (&["DELETE FROM orders WHERE id = 5"], &[], B),
        (
            &["DELETE FROM orders WHERE ctid = ANY (ARRAY(SELECT ctid FROM orders WHERE n = 1 LIMIT 500))"],
            &[],
            B,
        ),
        (&["INSERT INTO people (id) VALUES (1), (2)"], &[], B),
        (&["INSERT INTO people (id) SELECT id FROM orders"], B, T),
        (&["UPDATE orders SET note = '' WHERE id > 5"], B, T),
        (&["UPDATE orders SET note = '' WHERE status = 'new' OR id = 5"], B, T),
        (&["CREATE TABLE x (id bigint, a int); UPDATE x SET a = 1 WHERE a > 1"], &[], B),
        (&["CREATE TABLE x (id bigint); UPDATE orders SET note = '' WHERE note = 'x'"], B, T),
        (&["ALTER TABLE people ADD COLUMN x int; UPDATE orders SET note = '' WHERE note = 'x'"], T, &[]),
        (&["ALTER TABLE people ADD COLUMN x int; UPDATE people SET x = 1 WHERE id = 1"], &[], T),
        (
            &["UPDATE orders SET (note, status) = ('a', 'b'), note = 'c' WHERE id = 1"],
            &["duplicate-column-assignment"],
            &[],
        ),
        (&["INSERT INTO people (id, id) VALUES (1, 2)"], &["duplicate-column-assignment"], &[]),
        (
            &[
                "CREATE TABLE x (id bigint PRIMARY KEY, a int[])",
                "UPDATE x SET a[1] = 1, a[2] = 2 WHERE id = 1",
            ],
            &[],
            &["duplicate-column-assignment"],
        ),
        (
            &[
                "INSERT INTO people (id, mood) VALUES (1, 'ok') ON CONFLICT (id) DO UPDATE SET mood = 'sad', mood = 'ok'",
            ],
            &["duplicate-column-assignment"],
            &[],
        ),
    ]);
}

#[test]
fn indexes_and_keys() {
    const F: &[&str] = &["fk-without-index"];
    const R: &[&str] = &["redundant-index"];
    const K: &[&str] = &["require-primary-key"];
    const B: &[&str] = &["prefer-bigint"];
    check(&[
        (&["CREATE TABLE x (id bigint PRIMARY KEY, o bigint REFERENCES orders)"], F, &[]),
        (
            &["CREATE TABLE x (id bigint PRIMARY KEY, o bigint REFERENCES orders); CREATE INDEX ON x (o)"],
            &[],
            F,
        ),
        (&["CREATE TABLE x (id bigint PRIMARY KEY REFERENCES orders)"], &[], F),
        (
            &[
                "CREATE TABLE x (id bigint PRIMARY KEY, o bigint REFERENCES orders); CREATE INDEX ON x (o) WHERE o > 1",
            ],
            F,
            &[],
        ),
        (&["CREATE INDEX wide ON orders (customer_id, n)"], R, &[]),
        (&["CREATE INDEX wide ON orders (customer_id, n); DROP INDEX orders_customer_id_idx"], &[], R),
        (&["CREATE INDEX again ON orders (id, n)"], &[], R),
        (&["CREATE UNIQUE INDEX again ON orders (id)"], R, &[]),
        (&["CREATE INDEX part ON orders (customer_id) WHERE n > 0"], &[], R),
        (&["CREATE TABLE x (id bigint PRIMARY KEY UNIQUE)"], R, &[]),
        (&["CREATE TABLE x AS SELECT 1 AS a"], K, &[]),
        (&["CREATE TABLE x (id bigint); ALTER TABLE x ADD PRIMARY KEY (id)"], &[], K),
        (&["CREATE TEMP TABLE x (id bigint)"], &[], K),
        (&["CREATE TABLE x (id serial PRIMARY KEY)"], &["prefer-bigint", "prefer-identity"], &[]),
        (&["CREATE TABLE x (id int, o int, PRIMARY KEY (id, o))"], &[], B),
        (&["CREATE TABLE x (id int PRIMARY KEY REFERENCES orders)"], &[], B),
        (&["CREATE TABLE x (id int, PRIMARY KEY (id))"], B, &[]),
    ]);
}

#[test]
fn types_and_names() {
    check(&[
        (&["ALTER TABLE orders ADD COLUMN x json[]"], &["prefer-jsonb"], &[]),
        (&["ALTER TABLE orders ALTER note TYPE json USING note::json"], &["prefer-jsonb"], &[]),
        (&["CREATE TABLE x (a varchar)"], &[], &["prefer-text"]),
        (&["ALTER TABLE customers ALTER email TYPE varchar(90)"], &[], &["prefer-text"]),
        (&["ALTER TABLE orders ADD COLUMN x timetz"], &["prefer-timestamptz"], &[]),
        (&["ALTER TABLE orders ADD COLUMN x time"], &[], &["prefer-timestamptz", "no-timestamp-zero"]),
        (&["CREATE TABLE x (a \"char\")"], &[], &["no-char"]),
        (&["CREATE TABLE x (a char)"], &["no-char"], &[]),
        (&["ALTER TABLE people SET UNLOGGED"], &["unlogged-table"], &[]),
        (&["CREATE TEMP TABLE x (a int)"], &[], &["unlogged-table"]),
        (&["CREATE TABLE IF NOT EXISTS orders (a money)"], &["create-if-not-exists-mismatch"], &["no-money"]),
        (&["ALTER TABLE orders RENAME COLUMN note TO \"Note\""], &["reserved-or-mixed-case-name"], &[]),
        (&["CREATE TABLE \"user\" (id bigint PRIMARY KEY)"], &["reserved-or-mixed-case-name"], &[]),
        (&["CREATE TABLE \"plain\" (ID bigint PRIMARY KEY)"], &[], &["reserved-or-mixed-case-name"]),
        (
            &[
                "SELECT 'a very long text that is no name: it only stands here to be longer than a name may be'",
            ],
            &[],
            &["identifier-too-long"],
        ),
    ]);
}

#[test]
fn statements_that_do_nothing() {
    const I: &[&str] = &["if-exists-hides-state"];
    const M: &[&str] = &["create-if-not-exists-mismatch"];
    check(&[
        (&["DROP TABLE IF EXISTS nowhere"], I, M),
        (&["DROP TABLE IF EXISTS x; CREATE TABLE x (id bigint PRIMARY KEY)"], &[], I),
        (&["DROP TRIGGER IF EXISTS t ON orders"], I, M),
        (&["ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text"], I, M),
        (&["ALTER TABLE orders ADD COLUMN IF NOT EXISTS note integer"], M, I),
        (&["CREATE SEQUENCE IF NOT EXISTS orders"], M, I),
        (&["CREATE MATERIALIZED VIEW IF NOT EXISTS open_orders AS SELECT 1 AS a"], M, I),
        (&["CREATE SCHEMA IF NOT EXISTS other"], &[], I),
        (&["DROP INDEX CONCURRENTLY IF EXISTS nowhere"], &[], I),
        (&["DROP TABLE people; DROP TABLE IF EXISTS people"], &[], I),
        (&["ALTER EXTENSION nowhere UPDATE"], &[], &["extension-update"]),
        (
            &["CREATE EXTENSION hstore", "ALTER EXTENSION hstore SET SCHEMA other"],
            &["extension-update"],
            &["set-schema"],
        ),
        (&["SET ROLE alice"], &["session-setting"], &[]),
        (&["SELECT set_config('search_path', 'x', true)"], &[], &["session-setting"]),
        (&["SET lock_timeout = '2s'; CREATE INDEX CONCURRENTLY i ON orders (n)"], &[], &["session-setting"]),
    ]);
}
