-- Something of every kind that a catalog holds.
CREATE SCHEMA "Odd";
CREATE SCHEMA pgbelay; CREATE TABLE pgbelay.fence (id int);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
CREATE DOMAIN email AS text COLLATE "C" DEFAULT 'nobody@example.org' NOT NULL CHECK (VALUE LIKE '%@%');
CREATE DOMAIN emails AS email[];
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TYPE pair AS (a int, b varchar(10));
CREATE FUNCTION twice(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a * b';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE PROCEDURE proc(x text[]) LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE AGGREGATE sum2(int) (sfunc = int4pl, stype = int);
CREATE SEQUENCE loose;
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mail email, moods mood[], name varchar(80) COLLATE "C" NOT NULL DEFAULT 'x',
    amount numeric(10,2) DEFAULT 0, at timestamptz(3) DEFAULT now(), span interval DAY TO SECOND(3),
    total numeric GENERATED ALWAYS AS (amount * 2) STORED,
    UNIQUE (mail), CONSTRAINT positive CHECK (amount >= 0 AND name <> ''),
    CONSTRAINT listed CHECK (name IN ('x', 'y')) NO INHERIT
);
ALTER TABLE customers ADD CONSTRAINT later CHECK (id > 0) NOT VALID;
CREATE TABLE orders (
    id serial PRIMARY KEY, customer bigint NOT NULL REFERENCES customers ON DELETE CASCADE DEFERRABLE,
    note text, data jsonb, "Odd Column" int, during tstzrange,
    EXCLUDE USING gist (during WITH &&)
);
CREATE INDEX orders_lower ON orders (lower(note) text_pattern_ops DESC NULLS LAST, customer) INCLUDE (data) WHERE note IS NOT NULL;
CREATE INDEX orders_data ON orders USING gin (data jsonb_path_ops);
CREATE UNIQUE INDEX orders_note ON orders (note COLLATE "C" NULLS FIRST);
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_pkey;
ALTER TABLE orders CLUSTER ON orders_pkey;
CREATE STATISTICS orders_stats ON customer, note FROM orders;
CREATE TRIGGER touched BEFORE INSERT OR UPDATE OF note ON orders FOR EACH ROW WHEN (new.customer > 0) EXECUTE FUNCTION touch();
ALTER TABLE orders DISABLE TRIGGER touched;
CREATE CONSTRAINT TRIGGER checked AFTER INSERT ON orders DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch();
CREATE RULE logged AS ON INSERT TO orders DO ALSO SELECT 1 FROM customers WHERE amount > 1;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY; ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (customer = twice(1) AND EXISTS (SELECT FROM customers c WHERE c.id = customer AND c.name = 'x'));
CREATE VIEW overview AS SELECT c.name, count(*), twice(1) AS t FROM customers c JOIN orders o ON o.customer = c.id GROUP BY 1;
CREATE VIEW over2 AS SELECT name FROM overview;
CREATE MATERIALIZED VIEW mat AS SELECT * FROM orders WITH NO DATA;
CREATE INDEX ON mat (id);
CREATE TABLE events (id int, at timestamptz NOT NULL, kind text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO (MAXVALUE) PARTITION BY LIST (id);
CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES IN (1, 2);
CREATE TABLE keyed (kind text, n int) PARTITION BY LIST (lower(kind));
CREATE TABLE keyed_a PARTITION OF keyed FOR VALUES IN ('a', NULL);
CREATE TABLE ranged (a int, b text) PARTITION BY RANGE (a, lower(b));
CREATE TABLE events_d PARTITION OF events DEFAULT;
CREATE TABLE hashed (id int) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE INDEX events_kind ON events (kind);
CREATE INDEX events_only ON ONLY events (at);
CREATE TRIGGER touched AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TABLE refers (id int, at timestamptz, FOREIGN KEY (id, at) REFERENCES events);
CREATE TABLE parent (a int NOT NULL CHECK (a > 0), b text);
CREATE TABLE child (c int) INHERITS (parent);
CREATE UNLOGGED TABLE "Odd"."Tä""ble" ("x Y" int DEFAULT nextval('loose'), t int[][]) ;
CREATE TABLE typed OF pair;
CREATE FOREIGN DATA WRAPPER fdw; CREATE SERVER srv FOREIGN DATA WRAPPER fdw; CREATE FOREIGN TABLE ft (a int) SERVER srv;
CREATE PUBLICATION pub FOR TABLE orders;
CREATE COLLATION german FROM "C";
CREATE OPERATOR === (leftarg = int, rightarg = int, procedure = int4eq);
CREATE CAST (pair AS text) WITH INOUT;
CREATE TABLE "Odd".collated (a text COLLATE german);
CREATE EXTENSION citext;
CREATE TABLE accents (name citext UNIQUE, CONSTRAINT spelt CHECK (name BETWEEN 'a' AND 'z' AND lower(name) IN ('a', 'b')));
INSERT INTO customers (mail) SELECT i || '@example.org' FROM generate_series(1, 100) i; ANALYZE customers;
