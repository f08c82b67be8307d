//! Pairs and what they come to.

use super::check;

#[test]
fn each_pair_comes_to_what_it_does() {
    let wrong: Vec<String> =
        PAIRS.iter().filter_map(|(up, down, expected)| check(up, Some(down), expected)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_to_take_it_back_is_missing_where_something_is_left() {
    let wrong: Vec<String> = ALONE.iter().filter_map(|(up, expected)| check(up, None, expected)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const ALONE: &[(&str, &str)] = &[
    ("CREATE TABLE t (a int)", "missing; column public.t.a is new: int4; table public.t is new: table"),
    ("UPDATE orders SET state = 'x'", "exact; gone: values public.orders.state"),
    ("INSERT INTO customers VALUES (1, 'a', 'b')", "exact"),
    ("SELECT 1", "exact"),
    ("-- nothing", "exact"),
    (
        "COMMENT ON TABLE orders IS 'what is bought'",
        "missing; comment public.orders is new: 'what is bought'",
    ),
    ("COMMENT ON TABLE customers IS 'who buys'", "exact"),
    (
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || current_user; END $$",
        "unknown; line 1: not analysed: dynamic SQL in line 1 of the body: 'DROP TABLE ' || current_user",
    ),
];

const PAIRS: &[(&str, &str, &str)] = &[
    // Columns.
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "ALTER TABLE orders DROP COLUMN a",
        "exact; new ones go: column public.orders.a",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int NOT NULL DEFAULT 0, ADD COLUMN b text",
        "ALTER TABLE orders DROP COLUMN a",
        "differs; column public.orders.b is new: text; new ones go: column public.orders.a",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int REFERENCES customers",
        "ALTER TABLE orders DROP COLUMN a",
        "exact; new ones go: column public.orders.a",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a serial",
        "ALTER TABLE orders DROP COLUMN a",
        "exact; new ones go: column public.orders.a",
    ),
    (
        "ALTER TABLE orders DROP COLUMN amount",
        "ALTER TABLE orders ADD COLUMN amount integer",
        "exact; gone: column public.orders.amount",
    ),
    (
        "ALTER TABLE orders DROP COLUMN note",
        "ALTER TABLE orders ADD COLUMN note text",
        "equivalent; column order public.orders differs: id, customer_id, state, total, note, code, amount before, id, customer_id, state, total, code, amount, note after; gone: column public.orders.note",
    ),
    (
        "ALTER TABLE orders DROP COLUMN state CASCADE",
        "ALTER TABLE orders ADD COLUMN state text",
        "differs; column public.orders.state differs: text default 'new' before, text after; column order public.orders differs: id, customer_id, state, total, note, code, amount before, id, customer_id, total, note, code, amount, state after; index public.orders_state_idx is missing: on public.orders using btree (state); view public.open_orders is missing: (id, state) reads public.orders(id, state) calls ; gone: column public.orders.state",
    ),
    (
        "ALTER TABLE orders RENAME COLUMN note TO remark",
        "ALTER TABLE orders RENAME COLUMN remark TO note",
        "exact",
    ),
    (
        "ALTER TABLE orders RENAME COLUMN note TO remark",
        "ALTER TABLE orders RENAME COLUMN remark TO notes",
        "differs; column public.orders.note is missing: text; column public.orders.notes is new: text",
    ),
    ("ALTER TABLE orders ALTER note SET NOT NULL", "ALTER TABLE orders ALTER note DROP NOT NULL", "exact"),
    (
        "ALTER TABLE orders ALTER note SET NOT NULL",
        "UPDATE orders SET note = ''",
        "differs; column public.orders.note differs: text before, text not null after; new ones go: values public.orders.note",
    ),
    (
        "ALTER TABLE orders ALTER state SET DEFAULT 'open'",
        "ALTER TABLE orders ALTER state SET DEFAULT 'new'",
        "exact",
    ),
    (
        "ALTER TABLE orders ALTER state SET DEFAULT 'open'",
        "ALTER TABLE orders ALTER state DROP DEFAULT",
        "differs; column public.orders.state differs: text default 'new' before, text after",
    ),
    (
        "ALTER TABLE orders ALTER state DROP DEFAULT",
        "ALTER TABLE orders ALTER state SET DEFAULT 'new'::text",
        "exact",
    ),
    // Types of columns.
    ("ALTER TABLE orders ALTER code TYPE text", "ALTER TABLE orders ALTER code TYPE varchar(20)", "exact"),
    (
        "ALTER TABLE orders ALTER code TYPE varchar(50)",
        "ALTER TABLE orders ALTER code TYPE varchar(20)",
        "exact",
    ),
    (
        "ALTER TABLE orders ALTER code TYPE varchar(10)",
        "ALTER TABLE orders ALTER code TYPE varchar(20)",
        "exact",
    ),
    ("ALTER TABLE orders ALTER amount TYPE bigint", "ALTER TABLE orders ALTER amount TYPE int", "exact"),
    (
        "ALTER TABLE orders ALTER amount TYPE bigint",
        "ALTER TABLE orders ALTER amount TYPE smallint",
        "differs; column public.orders.amount differs: int4 before, int2 after",
    ),
    (
        "ALTER TABLE prices ALTER rate TYPE numeric(6, 0)",
        "ALTER TABLE prices ALTER rate TYPE numeric(6, 2)",
        "exact; gone: precision public.prices.rate",
    ),
    (
        "ALTER TABLE prices ALTER rate TYPE numeric(8, 4)",
        "ALTER TABLE prices ALTER rate TYPE numeric(6, 2)",
        "exact; new ones go: precision public.prices.rate",
    ),
    (
        "ALTER TABLE events ADD COLUMN x int",
        "ALTER TABLE events DROP COLUMN x",
        "exact; new ones go: column public.events.x",
    ),
    (
        "CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
        "DROP TABLE events_2025",
        "exact; new ones go: table public.events_2025",
    ),
    (
        "ALTER TABLE events DETACH PARTITION events_2024",
        "ALTER TABLE events ATTACH PARTITION events_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "exact",
    ),
    ("CREATE INDEX ON events (id)", "DROP INDEX events_id_idx", "exact"),
    // Tables.
    (
        "CREATE TABLE t (id bigserial PRIMARY KEY, c bigint REFERENCES customers); CREATE INDEX ON t (c)",
        "DROP TABLE t",
        "exact; new ones go: table public.t",
    ),
    (
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)",
        "DROP TABLE IF EXISTS t",
        "exact; new ones go: table public.t",
    ),
    (
        "CREATE TABLE a (i int); CREATE TABLE b (i int)",
        "DROP TABLE a",
        "differs; column public.b.i is new: int4; table public.b is new: table; new ones go: table public.a",
    ),
    (
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)",
        "DROP TABLE a; DROP TABLE b",
        "differs; column public.a.id is new: int4 not null; column public.b.a is new: int4; constraint public.a.a_pkey is new: primary key (id); constraint public.b.b_a_fkey is new: foreign key (a) references public.a (id); index public.a_pkey is new: on public.a using btree (id) unique of a constraint; table public.a is new: table; table public.b is new: table; line 1 of the rollback: the server refuses it: public.a cannot be dropped: table public.b depends on it",
    ),
    (
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)",
        "DROP TABLE a CASCADE",
        "differs; column public.b.a is new: int4; table public.b is new: table; new ones go: table public.a",
    ),
    (
        "CREATE SEQUENCE IF NOT EXISTS tickets",
        "DROP SEQUENCE tickets",
        "differs; sequence public.tickets is missing: sequence",
    ),
    (
        "DROP TABLE events_2024",
        "CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
        "exact; gone: table public.events_2024",
    ),
    (
        "DROP TABLE events_2024",
        "CREATE TABLE events_2024 (id bigint, at timestamptz NOT NULL)",
        "differs; column public.events_2024.at differs: timestamptz not null inherited before, timestamptz not null after; column public.events_2024.id differs: int8 inherited before, int8 after; table public.events_2024 differs: table partition of public.events from ('2024-01-01') to ('2025-01-01') before, table after; gone: table public.events_2024",
    ),
    (
        "DROP TABLE customers CASCADE",
        "CREATE TABLE customers (id bigint PRIMARY KEY, email text NOT NULL UNIQUE, region varchar(20))",
        "differs; constraint public.orders.orders_customer_id_fkey is missing: foreign key (customer_id) references public.customers (id) on delete cascade; policy public.customers.own is missing: on (email) uses  calls ; comment public.customers is missing: 'who buys'; gone: table public.customers",
    ),
    ("ALTER TABLE orders RENAME TO purchases", "ALTER TABLE purchases RENAME TO orders", "exact"),
    ("ALTER TABLE orders SET (fillfactor = 70)", "ALTER TABLE orders RESET (fillfactor)", "exact"),
    (
        "ALTER TABLE orders SET (fillfactor = 70)",
        "ALTER TABLE orders SET (fillfactor = 100)",
        "unknown; what settings public.orders.fillfactor was before",
    ),
    // Constraints and indexes.
    (
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (amount > 0)",
        "ALTER TABLE orders DROP CONSTRAINT c",
        "exact",
    ),
    (
        "ALTER TABLE orders ADD CHECK (amount > 0)",
        "ALTER TABLE orders DROP CONSTRAINT orders_amount_check",
        "exact",
    ),
    (
        "ALTER TABLE orders DROP CONSTRAINT orders_total_check",
        "ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID",
        "differs; constraint public.orders.orders_total_check differs: check (total >= '0') before, check (total >= '0') not valid after",
    ),
    (
        "ALTER TABLE orders DROP CONSTRAINT orders_total_check",
        "ALTER TABLE orders ADD CHECK (total >= 0)",
        "exact",
    ),
    (
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey",
        "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id)",
        "differs; constraint public.orders.orders_customer_id_fkey differs: foreign key (customer_id) references public.customers (id) on delete cascade before, foreign key (customer_id) references public.customers (id) after",
    ),
    (
        "ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey",
        "ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers ON DELETE CASCADE",
        "exact",
    ),
    (
        "ALTER TABLE customers DROP CONSTRAINT customers_email_key",
        "ALTER TABLE customers ADD UNIQUE (email)",
        "exact",
    ),
    ("CREATE INDEX i ON orders (note)", "DROP INDEX i", "exact"),
    ("CREATE INDEX CONCURRENTLY i ON orders (note)", "DROP INDEX CONCURRENTLY IF EXISTS i", "exact"),
    ("DROP INDEX orders_state_idx", "CREATE INDEX orders_state_idx ON orders (state)", "exact"),
    (
        "DROP INDEX orders_state_idx",
        "CREATE INDEX orders_state_idx ON orders (state, note)",
        "differs; index public.orders_state_idx differs: on public.orders using btree (state) before, on public.orders using btree (state, note) after",
    ),
    (
        "DROP INDEX orders_state_idx",
        "CREATE INDEX orders_state_idx ON orders (state) WHERE state = 'new'",
        "differs; index public.orders_state_idx differs: on public.orders using btree (state) before, on public.orders using btree (state) where (state = 'new') after",
    ),
    // Types.
    (
        "ALTER TYPE mood ADD VALUE 'calm'",
        "DELETE FROM orders WHERE state = 'calm'",
        "differs; type public.mood differs: enum (sad, happy) before, enum (sad, happy, calm) after; new ones go: rows public.orders",
    ),
    (
        "ALTER TYPE mood ADD VALUE 'calm'",
        "SELECT 1",
        "differs; type public.mood differs: enum (sad, happy) before, enum (sad, happy, calm) after; the script that should take it back does nothing",
    ),
    ("ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'", "ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'", "exact"),
    ("CREATE TYPE t AS ENUM ('a')", "DROP TYPE t", "exact"),
    ("CREATE TYPE t AS (a int, b text)", "DROP TYPE t", "exact"),
    (
        "ALTER DOMAIN positive DROP CONSTRAINT positive_check",
        "ALTER DOMAIN positive ADD CHECK (VALUE > 0)",
        "exact",
    ),
    (
        "ALTER DOMAIN positive DROP CONSTRAINT positive_check",
        "ALTER DOMAIN positive ADD CHECK (VALUE >= 0)",
        "differs; type public.positive differs: domain over int4 check positive_check (value > '0') before, domain over int4 check positive_check (value >= '0') after",
    ),
    // Functions, triggers, views, policies.
    ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION f()", "exact"),
    (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "exact",
    ),
    (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        "SELECT 1",
        "differs; function public.touch() differs: function volatile in plpgsql returns trigger body b3771fd26ec5e3685166deb1aa3aa7c5bf7bce550afb959de6a723e0033bd412 before, function volatile in plpgsql returns trigger body f6155955fdb88bf116baf69ad90b392ad7f202bb2936b2fec8f349ce8ce4d61b after; the script that should take it back does nothing",
    ),
    (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN NEW; END $$",
        "-- none",
        "differs; function public.touch() differs: create function touch ( ) returns trigger language plpgsql as before, create function touch ( ) returns trigger language plpgsql security definer as after; the script that should take it back does nothing",
    ),
    ("CREATE VIEW v AS SELECT 1 AS a", "DROP VIEW v", "exact"),
    (
        "CREATE OR REPLACE VIEW open_orders AS SELECT id, state FROM orders WHERE state = 'open'",
        "CREATE OR REPLACE VIEW open_orders AS SELECT id, state FROM public.orders WHERE state = 'new'",
        "exact",
    ),
    (
        "CREATE OR REPLACE VIEW open_orders AS SELECT id, state FROM orders WHERE state = 'open'",
        "CREATE OR REPLACE VIEW open_orders AS SELECT id, state FROM orders WHERE state = 'old'",
        "differs; view public.open_orders differs: create view open_orders as select id , state from orders where state = 'new' before, create view open_orders as select id , state from orders where state = 'old' after",
    ),
    (
        "DROP VIEW open_orders",
        "CREATE VIEW open_orders AS SELECT id, state FROM orders WHERE (state = 'new')",
        "unknown; whether view public.open_orders is as before: it is written in another way",
    ),
    (
        "DROP VIEW open_orders",
        "CREATE VIEW open_orders AS SELECT id FROM orders WHERE state = 'new'",
        "differs; view public.open_orders differs: (id, state) reads public.orders(id, state) calls  before, (id) reads public.orders(id, state) calls  after",
    ),
    (
        "DROP MATERIALIZED VIEW totals",
        "CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id",
        "exact",
    ),
    (
        "CREATE TRIGGER u AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch()",
        "DROP TRIGGER u ON orders",
        "exact",
    ),
    (
        "DROP TRIGGER orders_touch ON orders",
        "CREATE TRIGGER orders_touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE PROCEDURE touch()",
        "exact",
    ),
    (
        "DROP TRIGGER orders_touch ON orders",
        "CREATE TRIGGER orders_touch AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()",
        "differs; trigger public.orders.orders_touch differs: create trigger orders_touch before update on orders for each row execute function touch ( ) before, create trigger orders_touch after update on orders for each row execute function touch ( ) after",
    ),
    ("CREATE POLICY p ON orders USING (state = 'a')", "DROP POLICY p ON orders", "exact"),
    (
        "ALTER POLICY own ON customers USING (email = 'us')",
        "ALTER POLICY own ON customers USING (email <> '')",
        "unknown; whether policy public.customers.own is as before: it is written in another way",
    ),
    (
        "DROP POLICY own ON customers",
        "CREATE POLICY own ON customers USING (email = 'us')",
        "differs; policy public.customers.own differs: create policy own on customers using ( email <> '' ) before, create policy own on customers using ( email = 'us' ) after",
    ),
    (
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "exact",
    ),
    (
        "ALTER TABLE orders DISABLE TRIGGER orders_touch",
        "ALTER TABLE orders ENABLE TRIGGER orders_touch",
        "exact",
    ),
    // The rest.
    (
        "CREATE SCHEMA app; CREATE TABLE app.t (a int)",
        "DROP SCHEMA app CASCADE",
        "exact; new ones go: table app.t",
    ),
    ("CREATE EXTENSION citext", "DROP EXTENSION citext", "exact"),
    (
        "ALTER SEQUENCE tickets INCREMENT 5",
        "ALTER SEQUENCE tickets INCREMENT 1",
        "unknown; what settings public.tickets was before",
    ),
    ("CREATE SEQUENCE s", "DROP SEQUENCE s", "exact"),
    ("GRANT SELECT ON orders TO reader", "REVOKE SELECT ON orders FROM reader", "exact"),
    (
        "GRANT SELECT ON orders TO reader",
        "REVOKE INSERT ON orders FROM reader",
        "differs; privileges public.orders.select to reader is new: granted",
    ),
    ("COMMENT ON TABLE orders IS 'x'", "COMMENT ON TABLE orders IS NULL", "exact"),
    (
        "COMMENT ON TABLE customers IS 'x'",
        "COMMENT ON TABLE customers IS NULL",
        "differs; comment public.customers is missing: 'who buys'",
    ),
    ("COMMENT ON COLUMN orders.note IS 'x'", "COMMENT ON COLUMN orders.note IS NULL", "exact"),
    ("CREATE AGGREGATE med(int) (sfunc = f, stype = int)", "DROP AGGREGATE med(int)", "exact"),
    ("CREATE ROLE reader", "DROP ROLE reader", "exact"),
    ("DELETE FROM orders", "SELECT 1", "exact; gone: rows public.orders"),
    ("TRUNCATE orders", "", "exact; gone: rows public.orders"),
    (
        "UPDATE orders SET note = upper(note)",
        "UPDATE orders SET note = lower(note)",
        "exact; gone: values public.orders.note; new ones go: values public.orders.note",
    ),
    // Scripts that take nothing back.
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "",
        "differs; column public.orders.a is new: int4; the script that should take it back does nothing",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "-- there is no way back",
        "differs; column public.orders.a is new: int4; the script that should take it back does nothing",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "SELECT 1",
        "differs; column public.orders.a is new: int4; the script that should take it back does nothing",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "ALTER TABLE orders DROP COLUM a",
        "unknown; line 1 of the rollback: it cannot be read",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "ALTER TABLE orders DROP COLUMN b",
        "differs; column public.orders.a is new: int4; line 1 of the rollback: the server refuses it: column public.orders.b does not exist",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "DO $$ BEGIN EXECUTE format('ALTER TABLE %I DROP COLUMN a', 'orders'); END $$",
        "unknown; line 1 of the rollback: not analysed: dynamic SQL in line 1 of the body: format('ALTER TABLE %I DROP COLUMN a', 'orders')",
    ),
    (
        "ALTER TABLE orders ADD COLUMN a int",
        "DO $$ BEGIN ALTER TABLE orders DROP COLUMN a; END $$",
        "exact; new ones go: column public.orders.a",
    ),
    ("SELECT 1", "SELECT 1", "exact"),
    (
        "SELECT 1",
        "DROP VIEW open_orders",
        "differs; view public.open_orders is missing: (id, state) reads public.orders(id, state) calls ",
    ),
    (
        "ALTER TABLE nowhere ADD COLUMN a int",
        "ALTER TABLE nowhere DROP COLUMN a",
        "unknown; line 1: the server refuses it: relation nowhere does not exist; line 1 of the rollback: the server refuses it: relation nowhere does not exist",
    ),
    (
        "CREATE SCHEMA app; SET search_path = app; CREATE TABLE t (a int)",
        "DROP TABLE app.t; DROP SCHEMA app",
        "exact; new ones go: table app.t",
    ),
    (
        "CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'x'; END $$; UPDATE orders SET note = ''",
        "SELECT 1",
        "differs; function public.touch() differs: function volatile in plpgsql returns trigger body b3771fd26ec5e3685166deb1aa3aa7c5bf7bce550afb959de6a723e0033bd412 before, function volatile in plpgsql returns trigger body 5ff2bf6fad3e93beb0910ee7bd16346f38fd7da13516c372c9bea6400c95d769 after; the script that should take it back does nothing; gone: values public.orders.note",
    ),
    (
        "SET search_path = app; CREATE SCHEMA app; CREATE TABLE t (a int)",
        "DROP TABLE t; DROP SCHEMA app",
        "differs; column app.t.a is new: int4; schema app is new: ; table app.t is new: table; line 1 of the rollback: the server refuses it: relation t does not exist",
    ),
];
