-- ALTER DOMAIN reads every table that uses it.

-- case: add check
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check with two tables and two columns
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
CREATE TABLE u (x d, y d);
INSERT INTO u VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check not valid
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;

-- case: validate
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;
-- run:
ALTER DOMAIN d VALIDATE CONSTRAINT c;

-- case: validate a valid one
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0);
-- run:
ALTER DOMAIN d VALIDATE CONSTRAINT c;

-- case: set not null
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d SET NOT NULL;

-- case: set not null again
-- setup:
CREATE DOMAIN d AS int NOT NULL;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d SET NOT NULL;

-- case: drop not null
-- setup:
CREATE DOMAIN d AS int NOT NULL;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d DROP NOT NULL;

-- case: set default
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d SET DEFAULT 3;

-- case: drop default
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d DROP DEFAULT;

-- case: drop constraint
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0);
-- run:
ALTER DOMAIN d DROP CONSTRAINT c;

-- case: rename constraint
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0);
-- run:
ALTER DOMAIN d RENAME CONSTRAINT c TO e;

-- case: rename
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d RENAME TO e;

-- case: set schema
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
CREATE SCHEMA other;
-- run:
ALTER DOMAIN d SET SCHEMA other;

-- case: owner
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d OWNER TO pg_monitor;

-- case: add check to one below another domain
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
CREATE DOMAIN e AS d;
CREATE TABLE u (x e);
INSERT INTO u VALUES (1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check to one that a composite uses
-- refused: because column .* uses it
-- setup:
CREATE DOMAIN d AS int;
CREATE TYPE ct AS (x d);
CREATE TABLE t (id int, b ct);
INSERT INTO t VALUES (1, ROW(1));
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check to one whose array a table has
-- refused: because column .* uses it
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d[]);
INSERT INTO t VALUES (1, '{1}');
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check to one that a composite without tables uses
-- setup:
CREATE DOMAIN d AS int;
CREATE TYPE ct AS (x d);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check not valid to one whose array a table has
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d[]);
INSERT INTO t VALUES (1, '{1}');
-- run:
ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;

-- case: add check with partitions
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check with a view and a materialised view
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
CREATE VIEW v AS SELECT b FROM t;
CREATE MATERIALIZED VIEW m AS SELECT b FROM t;
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check with an index on the column
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
CREATE INDEX i ON t (b);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: add check that rows fail
-- refused: contains values that violate the new constraint
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 5);

-- case: add check to an unused domain
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int);
INSERT INTO t VALUES (1);
-- run:
ALTER DOMAIN d ADD CHECK (VALUE > 0);

-- case: create
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
CREATE DOMAIN e AS int CHECK (VALUE > 0);

-- case: drop
-- refused: other objects depend on it
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
DROP DOMAIN d;

-- case: drop with cascade
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
DROP DOMAIN d CASCADE;

-- case: drop not null of a constraint by its name, since 17
-- server: 17+
-- setup:
CREATE DOMAIN d AS int CONSTRAINT n NOT NULL;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d DROP CONSTRAINT n;

-- case: add not null as a constraint, since 17
-- server: 17+
-- setup:
CREATE DOMAIN d AS int;
CREATE TABLE t (id int, b d);
INSERT INTO t VALUES (1, 1);
-- run:
ALTER DOMAIN d ADD CONSTRAINT n NOT NULL;
